package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// writePair writes a new certificate for 127.0.0.1, with its key, into
// directory, and returns it.
func writePair(t *testing.T, directory, name string, until time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	must(t, os.MkdirAll(directory, 0o700))
	must(t, os.WriteFile(filepath.Join(directory, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(t, os.WriteFile(filepath.Join(directory, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	cert, err := x509.ParseCertificate(der)
	must(t, err)
	return cert
}

// tlsRig serves https with a pair of files and a clock that a test moves.
type tlsRig struct {
	*rig
	directory string
	seconds   atomic.Int64
	cert      *server.Certificate
	certLogs  *logBuffer
}

func startTLS(t *testing.T, with setup) (*tlsRig, *x509.Certificate) {
	t.Helper()
	r := &tlsRig{directory: t.TempDir(), certLogs: &logBuffer{}}
	first := writePair(t, r.directory, "first", time.Now().Add(time.Hour))
	var err error
	r.cert, err = server.LoadCertificateWith(r.path("tls.crt"), r.path("tls.key"), slog.New(slog.NewTextHandler(r.certLogs, nil)),
		func() time.Time { return time.Now().Add(time.Duration(r.seconds.Load()) * time.Second) })
	must(t, err)
	before := with.config
	with.config = func(c *server.Config) {
		c.TLS = r.cert
		if before != nil {
			before(c)
		}
	}
	r.rig = start(t, with)
	return r, first
}

func (r *tlsRig) path(name string) string { return filepath.Join(r.directory, name) }

// client trusts one certificate, and connects anew for each request.
func tlsClient(trusted *x509.Certificate, most uint16) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: most}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
	}}
}

func (r *tlsRig) get(trusted *x509.Certificate) (*http.Response, error) {
	res, err := tlsClient(trusted, 0).Get(strings.Replace(r.base, "http:", "https:", 1))
	if err == nil {
		_ = readAll(r.t, res)
	}
	return res, err
}

func TestTLS(t *testing.T) {
	t.Parallel()
	r, first := startTLS(t, setup{})
	res, err := r.get(first)
	must(t, err)
	if res.ProtoMajor != 2 || res.TLS.Version != tls.VersionTLS13 {
		t.Errorf("%s over TLS %x", res.Proto, res.TLS.Version)
	}
	https := strings.Replace(r.base, "http:", "https:", 1)
	res, err = tlsClient(first, tls.VersionTLS12).Get(https)
	must(t, err)
	_ = readAll(t, res)
	old := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}}
	if conn, err := old.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.base, "http://")); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	res, err = http.Get(r.base) // plain http gets a hint, and nothing else
	must(t, err)
	if body := readAll(t, res); res.StatusCode != http.StatusBadRequest {
		t.Errorf("plain http: %d %s", res.StatusCode, body)
	}
	// A call of a tool over HTTP/2.
	req := r.request(t.Context(), message{})
	req.URL.Scheme = "https"
	res, err = tlsClient(first, 0).Do(req)
	must(t, err)
	if body := readAll(t, res); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

// A pair that changes is served within a second, also behind a link that is
// pointed elsewhere; half a pair, garbage and a key for everybody are not, and
// are told once.
func TestTLSRotation(t *testing.T) {
	t.Parallel()
	r, first := startTLS(t, setup{})
	serves := func(cert *x509.Certificate, what string) {
		t.Helper()
		r.seconds.Add(1)
		for range 3 {
			if _, err := r.get(cert); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	next := t.TempDir()
	second := writePair(t, next, "second", time.Now().Add(time.Hour))
	must(t, os.Rename(filepath.Join(next, "tls.key"), r.path("tls.key")))
	serves(first, "the key alone is new")
	serves(first, "still")
	must(t, os.Rename(filepath.Join(next, "tls.crt"), r.path("tls.crt")))
	serves(second, "both are new")
	must(t, os.WriteFile(r.path("tls.crt"), []byte("garbage"), 0o600))
	serves(second, "garbage")
	must(t, os.Remove(r.path("tls.crt")))
	serves(second, "no file")
	third := writePair(t, r.directory, "third", time.Now().Add(time.Hour))
	if runtime.GOOS != "windows" {
		must(t, os.Chmod(r.path("tls.key"), 0o644))
		serves(second, "a key for everybody")
		must(t, os.Chmod(r.path("tls.key"), 0o600))
	}
	serves(third, "mended")
	lines := strings.Count(r.certLogs.String(), "level=ERROR")
	if want := 4; runtime.GOOS != "windows" && lines != want {
		t.Errorf("%d errors in the log, want %d:\n%s", lines, want, r.certLogs.String())
	}
}

// Kubernetes points a link at a new directory.
func TestTLSBehindALink(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" { // links need rights there
		return
	}
	root := t.TempDir()
	first := writePair(t, filepath.Join(root, "..1"), "first", time.Now().Add(time.Hour))
	second := writePair(t, filepath.Join(root, "..2"), "second", time.Now().Add(time.Hour))
	must(t, os.Symlink("..1", filepath.Join(root, "..data")))
	for _, name := range []string{"tls.crt", "tls.key"} {
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(root, name)))
	}
	now := time.Now()
	cert, err := server.LoadCertificateWith(filepath.Join(root, "tls.crt"), filepath.Join(root, "tls.key"), nil, func() time.Time { return now })
	must(t, err)
	must(t, os.Symlink("..2", filepath.Join(root, "..new")))
	must(t, os.Rename(filepath.Join(root, "..new"), filepath.Join(root, "..data")))
	if !cert.Leaf().Equal(first) {
		t.Error("the files are looked at more than once a second")
	}
	now = now.Add(time.Second)
	if !cert.Leaf().Equal(second) {
		t.Error("the new pair is not served")
	}
}

func TestLoadCertificateRefuses(t *testing.T) {
	t.Parallel()
	load := func(directory, cert, key string) (*server.Certificate, string, error) {
		logs := &logBuffer{}
		c, err := server.LoadCertificate(filepath.Join(directory, cert), filepath.Join(directory, key), slog.New(slog.NewTextHandler(logs, nil)))
		return c, logs.String(), err
	}
	good, other := t.TempDir(), t.TempDir()
	writePair(t, good, "good", time.Now().Add(time.Hour))
	writePair(t, other, "other", time.Now().Add(time.Hour))
	must(t, os.Rename(filepath.Join(other, "tls.key"), filepath.Join(good, "other.key")))
	must(t, os.WriteFile(filepath.Join(good, "garbage"), []byte("garbage"), 0o600))
	must(t, os.WriteFile(filepath.Join(good, "long"), make([]byte, 2<<20), 0o600))
	for _, test := range []struct{ cert, key, words string }{
		{"none", "tls.key", "cannot be read"},
		{"tls.crt", "none", "cannot be read"},
		{"tls.crt", "other.key", "no pair"},
		{"garbage", "tls.key", "no pair"},
		{"tls.crt", "garbage", "no pair"},
		{"long", "tls.key", "cannot be read"},
	} {
		_, _, err := load(good, test.cert, test.key)
		wantRefusal(t, err, test.words)
	}
	if runtime.GOOS != "windows" {
		must(t, os.Chmod(filepath.Join(good, "tls.key"), 0o604))
		_, _, err := load(good, "tls.crt", "tls.key")
		wantRefusal(t, err, "open to every user")
	}
	expired := t.TempDir()
	writePair(t, expired, "expired", time.Now().Add(-time.Hour))
	if c, logs, err := load(expired, "tls.crt", "tls.key"); err != nil || c == nil || !strings.Contains(logs, "has expired") {
		t.Errorf("expired: %v\n%s", err, logs)
	}
}

// Who connects and does not even begin, or does not go on, is cut off: plain,
// before TLS, and within HTTP/2.
func TestSlowBeginners(t *testing.T) {
	t.Parallel()
	const patience = 100 * time.Millisecond
	with := setup{prepare: func(s *server.Server) { s.SetHeaderTimeout(patience); s.SetFormTimeout(patience) }}
	plain := start(t, with)
	https, cert := startTLS(t, with)
	for name, conn := range map[string]net.Conn{
		"nothing":         plain.raw(""),
		"half a line":     plain.raw("GET /mc"),
		"half a header":   plain.raw("POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-"),
		"nothing, of TLS": https.raw(""),
		"half a hello":    https.raw("\x16\x03\x01"),
	} {
		must(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("%s: the connection is still open: %v", name, err)
		}
	}
	body, end := io.Pipe()
	defer func() { _ = end.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.Replace(https.base, "http:", "https:", 1)+"/register", body)
	must(t, err)
	if res, err := tlsClient(cert, 0).Do(req); err == nil { // an answer, or a reset: both end it
		_ = res.Body.Close()
	}
	if ctx.Err() != nil {
		t.Error("HTTP/2: the request is still open")
	}
}
