package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// certified is a TLS server whose certificate is the given one, and a transport
// that trusts it where it is trusted at all.
func certified(t *testing.T, template *x509.Certificate, trusted bool) (string, http.RoundTripper) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.Subject = pkix.Name{Organization: []string{"Acme\x1b[2J CA"}}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(answering(401, "WWW-Authenticate", "Bearer", ""))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	if trusted {
		roots.AddCert(leaf)
	}
	return server.URL + "/mcp", &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
}

func TestDiagnoseTLS(t *testing.T) {
	t.Parallel()
	now, day := time.Now(), 24*time.Hour
	here := []net.IP{net.IPv4(127, 0, 0, 1)}
	for _, test := range []struct {
		name     string
		template x509.Certificate
		trusted  bool
		verdict  client.Verdict
		message  string
	}{
		{"good", x509.Certificate{NotBefore: now.Add(-day), NotAfter: now.Add(90 * day), IPAddresses: here}, true, client.VerdictOK, "TLS 1.3, certificate of Acme"},
		{"short-lived", x509.Certificate{NotBefore: now.Add(-day), NotAfter: now.Add(5 * day), IPAddresses: here}, true, client.VerdictOK, "until"},
		{"ends soon", x509.Certificate{NotBefore: now.Add(-80 * day), NotAfter: now.Add(5 * day), IPAddresses: here}, true, client.VerdictWarn, "that is soon"},
		{"ended", x509.Certificate{NotBefore: now.Add(-90 * day), NotAfter: now.Add(-day), IPAddresses: here}, true, client.VerdictFail, "ended on"},
		{"to come", x509.Certificate{NotBefore: now.Add(day), NotAfter: now.Add(90 * day), IPAddresses: here}, true, client.VerdictFail, "is good from"},
		{"another's", x509.Certificate{NotBefore: now.Add(-day), NotAfter: now.Add(90 * day), DNSNames: []string{"other.example"}}, true, client.VerdictFail, "not for 127.0.0.1 but for other.example"},
		{"by a stranger", x509.Certificate{NotBefore: now.Add(-day), NotAfter: now.Add(90 * day), IPAddresses: here}, false, client.VerdictFail, "by Acme"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, transport := certified(t, &test.template, test.trusted)
			all := diagnosed(t, client.Config{Server: server, Transport: transport, Timeout: 20 * time.Second})
			if step := all["tls"]; step.Verdict != test.verdict || !strings.Contains(step.Message, test.message) {
				t.Errorf("got %+v", step)
			}
			if reached := all["endpoint"].Verdict != client.VerdictSkipped; reached != (test.verdict != client.VerdictFail) {
				t.Errorf("the endpoint: %+v", all["endpoint"])
			}
		})
	}
}

// A server without TLS, at an https address.
func TestDiagnoseNoTLS(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	all := diagnosed(t, client.Config{Server: strings.Replace(f.URL, "http:", "https:", 1) + "/mcp", Timeout: 20 * time.Second})
	wantSteps(t, all, client.VerdictFail, "tls")
	want(t, "the message", strings.Contains(all["tls"].Message, "does not speak https"), true)
}
