package authserver_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// One address has a thousand documents of its own fetched over and over, which
// nobody may cache. What it costs is bounded, and others sign in with documents
// that are known or new.
func TestAttack20OneAddressFetches(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.clock.Fix()
	known := "https://app.known.org/client.json"
	r.host(known, jsonPage(documentOf(known)))
	r.browser().authorize(known).isPage(t, http.StatusOK)
	const address = "198.51.100.1"
	b := r.browser().from(address)
	for round := range 50 {
		for i := range 10 {
			at := fmt.Sprintf("https://hostile%d.com/client", i)
			if round == 0 {
				r.host(at, jsonPage(documentOf(at), "Cache-Control", "no-store"))
			}
			b.authorize(at)
		}
		r.clock.Add(2 * time.Second)
	}
	fetched := 0
	for i := range 10 {
		fetched += r.web.fetches(fmt.Sprintf("https://hostile%d.com/client", i))
	}
	if fetched < 50 || fetched > 100 {
		t.Errorf("one address caused %d fetches", fetched)
	}
	b.authorize("https://new.example.net/client").tooMany(t)
	// Those who share it go on with what is known and was fetched today.
	r.clock.Add(2 * time.Minute)
	b.authorize(known).isPage(t, http.StatusOK)
	r.host(appURL, jsonPage(documentOf(appURL)))
	r.browser().from("203.0.113.9").authorize(appURL).isPage(t, http.StatusOK)
}

// A name with a thousand addresses does not make this server connect to each.
func TestAttack20ManyAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var victims []netip.Addr
	for i := range 1000 {
		victims = append(victims, netip.AddrFrom4([4]byte{93, 184, byte(i >> 8), byte(i)}))
	}
	r.web.names["many.example.org"] = [][]netip.Addr{victims}
	r.browser().authorize("https://many.example.org/client").isPage(t, http.StatusBadRequest)
	if n := len(r.web.dials()); n < 1 || n > 4 {
		t.Errorf("one fetch dialed %d addresses", n)
	}
}

// A client id cannot be made to be this server's own address, however it is
// written: each look at it would be one more request to ourselves.
func TestAttack20ThisServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	r.host("https://mcp.example.com/x", http.NotFound)
	for _, at := range []string{publicBase + "/x", publicBase + ":443/x"} {
		r.browser().authorize(at).isPage(t, http.StatusBadRequest)
	}
	if dials := r.web.dials(); len(dials) != 0 {
		t.Errorf("dialed %v", dials)
	}
}
