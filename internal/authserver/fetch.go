package authserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/time/rate"
)

// Bounds of what strangers make this server fetch.
const (
	fetchTimeout   = 5 * time.Second // from the name's look-up to the last byte
	maxFetchHeader = 16 << 10
	fetchStrangers = 10 // at once, of documents that were never fetched before
	fetchKnown     = 6  // and of others
	fetchRate      = 20 // a second, of documents that were never fetched before
	fetchBurst     = 100
	hostBurst      = 5 // from one site at once; then one a second
	maxFetchHosts  = 4_096
	maxDialed      = 4 // addresses of one name

	// Bounds of how long what was fetched is fresh.
	minFresh     = 5 * time.Minute
	defaultFresh = time.Hour // where its host says nothing
	maxFresh     = 24 * time.Hour
)

// errFetchLimit is what is not fetched now because too much is.
var errFetchLimit = &Error{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Description: "too many apps are looked up at this time; try again", RetryAfter: 2 * time.Second}

// fetched is a document and how long it is fresh.
type fetched struct {
	body  []byte
	fresh time.Duration
}

// fetcher gets documents that strangers name: over https, from public
// addresses alone, never by way of a redirect or a proxy, and little at a
// time. An address is checked when it is dialed, so that it does not matter
// what a name resolves to at another time.
type fetcher struct {
	maxBytes int64
	now      func() time.Time
	lookup   func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	http     *http.Transport

	strangers, known chan struct{} // who fetches
	all              *rate.Limiter
	mu               sync.Mutex // one limiter for a host
	hosts            *lru.Cache[string, *rate.Limiter]
}

func newFetcher(maxBytes int64, now func() time.Time) *fetcher {
	dialer := &net.Dialer{ControlContext: permitPublic}
	f := &fetcher{
		maxBytes:  maxBytes,
		now:       now,
		lookup:    net.DefaultResolver.LookupNetIP,
		dial:      dialer.DialContext,
		strangers: make(chan struct{}, fetchStrangers),
		known:     make(chan struct{}, fetchKnown),
		all:       rate.NewLimiter(fetchRate, fetchBurst),
		hosts:     newCache[string, *rate.Limiter](maxFetchHosts, nil),
	}
	f.http = &http.Transport{
		Proxy:                  nil, // whatever the environment says
		DialContext:            f.dialPublic,
		DisableKeepAlives:      true,
		DisableCompression:     true, // what is bounded is what is read
		MaxResponseHeaderBytes: maxFetchHeader,
	}
	return f
}

// permitPublic is the last look at an address, right before it is connected to.
func permitPublic(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !publicAddress(at.Addr()) {
		return fmt.Errorf("%s is not an address of the public internet", address)
	}
	return nil
}

// dialPublic resolves a name once and connects to one of its public addresses.
func (f *fetcher) dialPublic(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := f.lookup(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("%s has no address of the public internet", host)
	dialed := 0
	for _, addr := range addrs {
		if !publicAddress(addr) {
			continue
		}
		if dialed++; dialed > maxDialed { // whose addresses they are its owner decides alone
			break
		}
		var conn net.Conn
		if conn, err = f.dial(ctx, network, net.JoinHostPort(addr.Unmap().String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// get fetches a JSON document. Known says that the URL had one before: then no
// flood of other URLs keeps it from being fetched. The error is errFetchLimit
// or for the log alone: strangers must not learn what answers where.
func (f *fetcher) get(ctx context.Context, u *url.URL, known bool) (*fetched, error) {
	slots := f.strangers
	if known {
		slots = f.known
	}
	if !f.allow(u, known) {
		return nil, errFetchLimit
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	default:
		return nil, errFetchLimit
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "mcpdiscord")
	res, err := f.http.RoundTrip(req) // which follows no redirect
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the status is %d", res.StatusCode)
	}
	if !isJSON(res.Header.Get("Content-Type")) {
		return nil, errors.New("the content type is not JSON")
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, f.maxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > f.maxBytes {
		return nil, fmt.Errorf("it is longer than %d bytes", f.maxBytes)
	}
	return &fetched{body: body, fresh: freshness(res.Header, f.now())}, nil
}

// allow counts one fetch: of a known URL by itself, of another by its site.
func (f *fetcher) allow(u *url.URL, known bool) bool {
	now := f.now()
	key := u.String()
	if !known {
		key = site(u.Hostname())
	}
	f.mu.Lock()
	l, ok := f.hosts.Get(key)
	if !ok {
		l = rate.NewLimiter(1, hostBurst)
		f.hosts.Add(key, l)
	}
	f.mu.Unlock()
	return l.AllowN(now, 1) && (known || f.all.AllowN(now, 1))
}

// site is the part of a name that somebody registered: whoever has it makes as
// many names below it as he likes.
func site(host string) string {
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		return domain
	}
	return host
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// freshness is how long an answer is fresh (RFC 9111 §4.2), within our bounds.
// What must not be stored, or only with a question each time, is not fresh at
// all.
func freshness(h http.Header, now time.Time) time.Duration {
	fresh := defaultFresh
	maxAge := time.Duration(-1)
	for directive := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-store", "no-cache":
			return 0
		case "max-age":
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			if err != nil {
				seconds = 0
			}
			maxAge = time.Duration(seconds) * time.Second
		}
	}
	if maxAge >= 0 {
		fresh = maxAge
		if age, err := strconv.ParseUint(h.Get("Age"), 10, 31); err == nil {
			fresh -= time.Duration(age) * time.Second
		}
	} else if expires := h.Get("Expires"); expires != "" {
		at, err := http.ParseTime(expires)
		if err != nil {
			at = now
		}
		fresh = at.Sub(now)
	}
	return min(max(fresh, minFresh), maxFresh)
}
