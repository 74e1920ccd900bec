package tokencache_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

func TestServers(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cache := p.open(t, tokencache.StoreFile)
	day := func(n int) time.Time { return time.Date(2030, 1, n, 0, 0, 0, 0, time.UTC) }
	a := tokencache.Server{URL: "https://a/mcp", Issuer: "https://a", User: "Nelly", LastConnected: day(1)}
	b := tokencache.Server{URL: "https://b/mcp", Name: "work", Store: tokencache.StorePlain, LastConnected: day(2)}
	for _, s := range []tokencache.Server{a, b} {
		if err := cache.Remember(s); err != nil {
			t.Fatal(err)
		}
	}
	a.LastConnected = day(3)
	b.LastConnected = day(2)
	for _, s := range []tokencache.Server{a, {URL: b.URL, Name: b.Name, LastConnected: b.LastConnected}} {
		if err := cache.Remember(s); err != nil {
			t.Fatal(err)
		}
	}
	got, err := p.open(t, tokencache.StoreAuto).Servers()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]tokencache.Server{a, b}, got); diff != "" {
		t.Errorf("Servers (-want +got), the last connected first, the store kept:\n%s", diff)
	}
	for range 2 {
		if err := cache.Forget(a.URL); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok, err := cache.Server(a.URL); ok || err != nil {
		t.Errorf("after Forget: %t, %v", ok, err)
	}
	if s, ok, err := cache.Server(b.URL); !ok || err != nil || s.Name != "work" {
		t.Errorf("the other: %+v, %t, %v", s, ok, err)
	}
}

// TestRememberKeepsTheStore: a client that knows nothing of stores cannot make
// `call` look in the wrong one.
func TestRememberKeepsTheStore(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cache := p.open(t, tokencache.StorePlain)
	save(t, cache, session())
	for _, store := range []tokencache.Store{"", tokencache.StoreAuto, tokencache.StoreMemory, tokencache.StoreKeychain} {
		if err := cache.Remember(tokencache.Server{URL: testKey.Resource, User: "Nelly", Store: store}); err != nil {
			t.Fatal(err)
		}
		if got := remembered(t, cache); got != tokencache.StorePlain {
			t.Errorf("after Remember with %q: %q", store, got)
		}
	}
}

// TestNamesAndDefault: what the user decides stays, whatever a client that read
// the entry before remembers.
func TestNamesAndDefault(t *testing.T) {
	t.Parallel()
	cache := newPlace(t).open(t, tokencache.StoreFile)
	const a, b = "https://a/mcp", "https://b/mcp"
	if err := cache.Remember(tokencache.Server{URL: a}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ url, name, taken string }{{a, "work", ""}, {b, "work", a}, {b, "home", ""}, {a, "office", ""}, {b, "", ""}} {
		if taken, err := cache.SetName(step.url, step.name); err != nil || taken != step.taken {
			t.Fatalf("SetName(%q, %q): %q, %v", step.url, step.name, taken, err)
		}
	}
	for _, url := range []string{b, a} {
		if err := cache.SetDefault(url); err != nil {
			t.Fatal(err)
		}
	}
	if err := cache.Remember(tokencache.Server{URL: a, Name: "stale", User: "Nelly"}); err != nil {
		t.Fatal(err)
	}
	got, err := cache.Servers()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]tokencache.Server{{URL: a, Name: "office", Default: true, User: "Nelly"}, {URL: b}}, got); diff != "" {
		t.Errorf("Servers (-want +got):\n%s", diff)
	}
	if err := cache.SetDefault(""); err != nil {
		t.Fatal(err)
	}
	if s, _, err := cache.Server(a); err != nil || s.Default {
		t.Errorf("after SetDefault(\"\"): %+v, %v", s, err)
	}
}

func TestServersAtOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			cache := p.open(t, tokencache.StoreFile) // each its own: as processes
			if err := cache.Remember(tokencache.Server{URL: fmt.Sprintf("https://%d/mcp", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, err := p.open(t, tokencache.StoreFile).Servers(); err != nil || len(got) != n {
		t.Errorf("%d servers, %v", len(got), err)
	}
}

func TestServersDamaged(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty": "", "torn": `{"version":1,"serv`, "foreign": `[1,2]`, "no version": `{}`, "newer": `{"version":2}`,
		"unknown store": `{"version":1,"servers":[{"url":"` + testKey.Resource + `","store":"floppy"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			path := filepath.Join(p.state(), "servers.json")
			if err := os.MkdirAll(p.state(), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			cache := p.open(t, tokencache.StoreAuto)
			_, err := cache.Load(t.Context(), testKey)
			if err == nil || errors.Is(err, tokencache.ErrNotFound) || !strings.Contains(err.Error(), path) {
				t.Errorf("Load: %v; want an error that names %s", err, path)
			}
			if name == "unknown store" {
				return
			}
			if _, err := cache.Servers(); err == nil {
				t.Error("Servers: no error")
			}
			if err := cache.Remember(tokencache.Server{URL: "https://a/mcp"}); err == nil {
				t.Error("Remember: no error")
			}
			if data, err := os.ReadFile(path); err != nil || string(data) != content {
				t.Errorf("it changed: %q, %v", data, err)
			}
		})
	}
}
