package tokencache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// childMode makes the test binary another process of the program: see child.
const childMode = "TOKENCACHE_TEST_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childMode); mode != "" {
		if err := child(mode); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Variables that tell a child what to work on.
const (
	childDir   = "TOKENCACHE_TEST_DIR"
	childStore = "TOKENCACHE_TEST_STORE"
	childTimes = "TOKENCACHE_TEST_TIMES"
)

var children = map[string]func(ctx context.Context, cache *tokencache.Cache) error{
	"count": func(ctx context.Context, cache *tokencache.Cache) error {
		times, err := strconv.Atoi(os.Getenv(childTimes))
		if err != nil {
			return err
		}
		return count(ctx, cache, times)
	},
	"hold": func(ctx context.Context, cache *tokencache.Cache) error {
		if _, err := cache.Lock(ctx, testKey); err != nil {
			return err
		}
		fmt.Println("held")
		select {} // until it is killed
	},
	"save": func(ctx context.Context, cache *tokencache.Cache) error {
		for n := 1; ; n++ {
			if err := cache.Save(ctx, numbered(n)); err != nil {
				return err
			}
			fmt.Println("saved", n)
		}
	},
}

// addChild adds what only some systems can do.
func addChild(mode string, run func(context.Context, *tokencache.Cache) error) bool {
	children[mode] = run
	return true
}

func child(mode string) error {
	dir := os.Getenv(childDir)
	cache, err := tokencache.Open(tokencache.Config{
		StateDir:  filepath.Join(dir, "state"),
		ConfigDir: filepath.Join(dir, "config"),
		Store:     tokencache.Store(os.Getenv(childStore)),
		Keyring:   dirKeyring(filepath.Join(dir, "keyring")),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return children[mode](ctx, cache)
}

// startChild runs this test binary as another process.
func startChild(t *testing.T, mode, dir string, store tokencache.Store, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childMode+"="+mode, childDir+"="+dir, childStore+"="+string(store))
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=10") // else each exit takes a second under -race
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

var testKey = tokencache.Key{Resource: "http://localhost:8000/mcp", Issuer: "http://localhost:8000"}

// numbered is a session in which everything tells its number. Odd ones fit into
// a keychain, even ones do not.
func numbered(n int) *tokencache.Session {
	s := session()
	s.AccessToken = fmt.Sprintf("access-%d", n)
	s.RefreshToken = fmt.Sprintf("refresh-%d", n)
	if n%2 == 0 {
		s.ClientSecret = strings.Repeat(strconv.Itoa(n%10), 4000)
	}
	return s
}

func session() *tokencache.Session {
	return &tokencache.Session{
		Resource:      testKey.Resource,
		Issuer:        testKey.Issuer,
		ClientID:      "mcpd_client_1",
		AuthMethod:    "none",
		TokenEndpoint: testKey.Issuer + "/token",
		RedirectURI:   "http://127.0.0.1:4711/callback",
		Scopes:        []string{"identify", "guilds"},
		AccessToken:   "access-secret",
		RefreshToken:  "refresh-secret",
		Expiry:        time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC),
		User:          tokencache.User{ID: "80351110224678912", Username: "nelly", GlobalName: "Nelly 🐘"},
		SignedInAt:    time.Date(2030, 1, 2, 2, 4, 5, 0, time.UTC),
	}
}

// count adds to the number in the session's access token, each time under the
// lock, as a refresh does.
func count(ctx context.Context, cache *tokencache.Cache, times int) error {
	for range times {
		if err := countOnce(ctx, cache); err != nil {
			return err
		}
	}
	return nil
}

func countOnce(ctx context.Context, cache *tokencache.Cache) error {
	unlock, err := cache.Lock(ctx, testKey)
	if err != nil {
		return err
	}
	defer unlock()
	n := 0
	switch s, err := cache.Load(ctx, testKey); {
	case err == nil:
		if n, err = strconv.Atoi(strings.TrimPrefix(s.AccessToken, "access-")); err != nil {
			return err
		}
	case !errors.Is(err, tokencache.ErrNotFound):
		return err
	}
	return cache.Save(ctx, numbered(n+1))
}

// dirKeyring is a keychain that processes share: a directory, changed by
// renames alone.
type dirKeyring string

func (d dirKeyring) Get(service, user string) (string, error) {
	data, err := os.ReadFile(filepath.Join(string(d), service+" "+user))
	if errors.Is(err, os.ErrNotExist) {
		return "", tokencache.ErrNotFound
	}
	return string(data), err
}

func (d dirKeyring) Set(service, user, value string) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(string(d), "new")
	if err != nil {
		return err
	}
	if _, err := f.WriteString(value); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(string(d), service+" "+user))
}

func (d dirKeyring) Delete(service, user string) error {
	err := os.Remove(filepath.Join(string(d), service+" "+user))
	if errors.Is(err, os.ErrNotExist) {
		return tokencache.ErrNotFound
	}
	return err
}

// fakeKeyring is a keychain in memory that misbehaves on demand.
type fakeKeyring struct {
	limit  int                         // longest value; 0: any
	before func(op, user string) error // runs first; may hang, and its error is the answer

	mu     sync.Mutex
	values map[string]string
	calls  []string
}

func (f *fakeKeyring) enter(op, service, user string) error {
	f.mu.Lock()
	f.calls = append(f.calls, op)
	before := f.before
	f.mu.Unlock()
	if service != "mcpdiscord" {
		return fmt.Errorf("service is %q", service)
	}
	if before != nil {
		return before(op, user)
	}
	return nil
}

func (f *fakeKeyring) Get(service, user string) (string, error) {
	if err := f.enter("get", service, user); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.values[user]
	if !ok {
		return "", tokencache.ErrNotFound
	}
	return v, nil
}

func (f *fakeKeyring) Set(service, user, value string) error {
	if err := f.enter("set", service, user); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limit > 0 && len(value) > f.limit {
		return tokencache.ErrTooBig
	}
	if f.values == nil {
		f.values = map[string]string{}
	}
	f.values[user] = value
	return nil
}

func (f *fakeKeyring) Delete(service, user string) error {
	if err := f.enter("delete", service, user); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.values[user]; !ok {
		return tokencache.ErrNotFound
	}
	delete(f.values, user)
	return nil
}

func (f *fakeKeyring) misbehave(before func(op, user string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

func (f *fakeKeyring) value(user string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.values[user]
}

func (f *fakeKeyring) put(user, value string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[user] = value
}

func (f *fakeKeyring) len() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.values)
}

// place is where one test's caches work. Several caches of one place are several
// processes, as far as one process can be several.
type place struct {
	dir     string
	keyring *fakeKeyring

	mu    sync.Mutex
	lines []string // what Notify was given
}

func newPlace(t *testing.T) *place {
	t.Helper()
	return &place{dir: t.TempDir(), keyring: &fakeKeyring{}}
}

func (p *place) config(store tokencache.Store) tokencache.Config {
	return tokencache.Config{
		StateDir:  p.state(),
		ConfigDir: filepath.Join(p.dir, "config", "mcpdiscord"),
		Store:     store,
		Keyring:   p.keyring,
		Notify: func(line string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.lines = append(p.lines, line)
		},
	}
}

func (p *place) state() string { return filepath.Join(p.dir, "state", "mcpdiscord") }

func (p *place) token(suffix string) string {
	return filepath.Join(p.state(), "tokens", testKey.ID()+suffix)
}

func (p *place) key() string {
	return filepath.Join(p.dir, "config", "mcpdiscord", "keys", testKey.ID()+".key")
}

func (p *place) open(t *testing.T, store tokencache.Store) *tokencache.Cache {
	t.Helper()
	return open(t, p.config(store))
}

func (p *place) notified() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

// files are the regular files below the place, by their path in it.
func (p *place) files(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(p.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(p.dir, path)
			files = append(files, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func open(t *testing.T, cfg tokencache.Config) *tokencache.Cache {
	t.Helper()
	cache, err := tokencache.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func save(t *testing.T, cache *tokencache.Cache, s *tokencache.Session) {
	t.Helper()
	if err := cache.Save(t.Context(), s); err != nil {
		t.Fatalf("Save: %v", err)
	}
}

func load(t *testing.T, cache *tokencache.Cache) *tokencache.Session {
	t.Helper()
	s, err := cache.Load(t.Context(), testKey)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return s
}
