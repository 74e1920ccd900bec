package authserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
)

// PublicAddress says whether documents are fetched from an address.
var PublicAddress = publicAddress

// Bucket is what an address is counted under.
func (s *Server) Bucket(addr netip.Addr) string { return s.bucket("address", AddressNet(addr)) }

// Internet is what documents are fetched through in a test. A nil Dial is the
// real one.
type Internet struct {
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Roots  *x509.CertPool // of one certificate, for ServerName
	Server string
}

// UseInternet puts one in the place of the real internet. It returns how
// addresses would be dialed otherwise.
func (s *Server) UseInternet(i Internet) (dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	dial = s.documents.dial
	s.documents.lookup = i.Lookup
	if i.Dial != nil {
		s.documents.dial = i.Dial
	}
	s.documents.http.TLSClientConfig = &tls.Config{RootCAs: i.Roots, ServerName: i.Server, MinVersion: tls.VersionTLS12}
	return dial
}

// Clients says how many clients are counted: registered ones, and those that a
// document describes.
func (s *Server) Clients() (registered, described int) {
	count := func(x *clientIndex) int {
		x.mu.Lock()
		defer x.mu.Unlock()
		return len(x.byID)
	}
	return count(&s.clients), count(&s.described)
}

// FetchLimiters is how many hosts' limits are remembered.
func (s *Server) FetchLimiters() int {
	s.documents.mu.Lock()
	defer s.documents.mu.Unlock()
	return s.documents.hosts.Len()
}

// ReadDocument reads a client's document, and returns where it may lead.
func (s *Server) ReadDocument(at string, body []byte) ([]string, error) {
	c, err := s.readDocument(at, body)
	if err != nil {
		return nil, err
	}
	return c.RedirectURIs, nil
}

// FetchesByProxy says whether documents may be fetched through a proxy.
func (s *Server) FetchesByProxy() bool { return s.documents.http.Proxy != nil }

// StoreIsThere says that the server knows of no outage, and looks for none.
func (s *Server) StoreIsThere() bool { return !s.mem.looking.Load() && s.mem.away.Load() == nil }
