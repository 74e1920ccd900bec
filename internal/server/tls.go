package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	maxPEM        = 1 << 20 // of a certificate's or a key's file, in bytes
	certLookAfter = time.Second
)

// Certificate is a TLS certificate with its key, in two PEM files that may
// change while it is used.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	now               func() time.Time

	mu     sync.Mutex
	pair   *tls.Certificate
	files  [2]os.FileInfo // as they were when pair was read
	looked time.Time
	broken string // why a newer pair is not used; "" when there is none
}

// LoadCertificate reads the PEM files of a certificate (with its chain) and of
// its key. A pair that does not parse, does not match, or whose key everybody
// may read is refused with an *Error. One that is not valid at this time is
// only logged: the clock, or the file, may be about to change.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	return loadCertificate(certFile, keyFile, log, time.Now)
}

func loadCertificate(certFile, keyFile string, log *slog.Logger, now func() time.Time) (*Certificate, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log, now: now, looked: now()}
	var err error
	if c.pair, c.files, err = c.read(); err != nil {
		return nil, err
	}
	c.loaded()
	return c, nil
}

// Leaf is the certificate that is served now.
func (c *Certificate) Leaf() *x509.Certificate { return c.current().Leaf }

// config is what a listener serves with. HTTP/2 is added by net/http.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

// current is the newest pair that works. The files are looked at once a second
// at most, by whoever connects: they may be links that are pointed elsewhere
// (as Kubernetes does), which no watch of the file would see.
func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Sub(c.looked) < certLookAfter && !now.Before(c.looked) {
		return c.pair
	}
	c.looked = now
	if c.broken == "" && c.unchanged() {
		return c.pair
	}
	pair, files, err := c.read()
	if err != nil {
		// Perhaps only one of the two is there yet: it is tried again, and told
		// once.
		if text := err.Error(); text != c.broken {
			c.broken = text
			c.log.LogAttrs(context.Background(), slog.LevelError, "the changed TLS certificate is not usable; the one before is kept", slog.String("error", text))
		}
		return c.pair
	}
	c.pair, c.files, c.broken = pair, files, ""
	c.loaded()
	return c.pair
}

// unchanged says whether both files are those that were read.
func (c *Certificate) unchanged() bool {
	for i, path := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(path)
		old := c.files[i]
		if err != nil || !os.SameFile(info, old) || info.Size() != old.Size() || !info.ModTime().Equal(old.ModTime()) || info.Mode() != old.Mode() {
			return false
		}
	}
	return true
}

// read reads and checks both files. Its errors are *Error.
func (c *Certificate) read() (*tls.Certificate, [2]os.FileInfo, error) {
	var files [2]os.FileInfo
	certPEM, info, err := readPEM(c.certFile, false)
	if err != nil {
		return nil, files, err
	}
	files[0] = info
	keyPEM, info, err := readPEM(c.keyFile, true)
	if err != nil {
		return nil, files, err
	}
	files[1] = info
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil { // of crypto/tls: it names what is wrong, and nothing of the key
		return nil, files, &Error{
			Message: fmt.Sprintf("the TLS certificate %s and the key %s are no pair that can be used", c.certFile, c.keyFile),
			Hint:    "give PEM files: the certificate first and its chain after it, and the key without a password",
			Usage:   true, Err: err,
		}
	}
	return &pair, files, nil
}

// readPEM reads a file; one that is secret must not be everybody's. A group may
// read it: some systems give the files of a volume to a group.
func readPEM(path string, secret bool) ([]byte, os.FileInfo, error) {
	wrong := func(err error) ([]byte, os.FileInfo, error) {
		return nil, nil, &Error{Message: "the TLS file " + path + " cannot be read", Hint: "check its name and its mode", Usage: true, Err: err}
	}
	f, err := os.Open(path)
	if err != nil {
		return wrong(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return wrong(err)
	}
	if secret && runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return nil, nil, &Error{
			Message: "the TLS key " + path + " is open to every user of this computer",
			Hint:    "run: chmod 600 " + path + " (in Kubernetes: defaultMode 0440)",
			Usage:   true,
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPEM+1))
	if err == nil && len(text) > maxPEM {
		err = fmt.Errorf("it is larger than %d bytes", maxPEM)
	}
	if err != nil {
		return wrong(err)
	}
	return text, info, nil
}

// loaded tells the log what is served from now on.
func (c *Certificate) loaded() {
	leaf := c.pair.Leaf
	level, text := slog.LevelInfo, "TLS certificate loaded"
	switch now := c.now(); {
	case now.After(leaf.NotAfter):
		level, text = slog.LevelWarn, "the TLS certificate has expired"
	case now.Before(leaf.NotBefore):
		level, text = slog.LevelWarn, "the TLS certificate is not valid yet"
	}
	c.log.LogAttrs(context.Background(), level, text, slog.String("file", c.certFile), slog.Any("names", leaf.DNSNames), slog.Time("not_after", leaf.NotAfter))
}
