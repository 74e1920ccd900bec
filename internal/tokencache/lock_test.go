package tokencache_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

var shared = []tokencache.Store{tokencache.StoreKeychain, tokencache.StoreFile, tokencache.StorePlain}

// TestAttack25ManyRefresh counts with goroutines, caches and processes at once.
// A lost update is a lost login.
func TestAttack25ManyRefresh(t *testing.T) {
	t.Parallel()
	const processes, caches, goroutines, times = 3, 2, 3, 5
	for _, store := range shared {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var wg sync.WaitGroup
			for range processes {
				cmd := startChild(t, "count", dir, store, childTimes+"="+strconv.Itoa(times))
				wg.Go(func() {
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Errorf("process: %v\n%s", err, out)
					}
				})
			}
			for range caches {
				cache := openDir(t, dir, store)
				for range goroutines {
					wg.Go(func() {
						if err := count(t.Context(), cache, times); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			const want = (processes + caches*goroutines) * times
			if diff := cmp.Diff(numbered(want), load(t, openDir(t, dir, store))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSaveWithoutLock: callers that forget the lock still never tear anything.
func TestSaveWithoutLock(t *testing.T) {
	t.Parallel()
	for _, store := range shared {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var wg sync.WaitGroup
			for n := range 8 {
				cache := openDir(t, dir, store)
				wg.Go(func() {
					for range 5 {
						if err := cache.Save(t.Context(), numbered(n)); err != nil {
							t.Error(err)
						}
						if _, err := cache.Load(t.Context(), testKey); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			checkWhole(t, openDir(t, dir, store))
		})
	}
}

// TestAttack25KilledWhileSaving kills a process that saves small and big
// sessions by turns, at some moment of it, again and again.
func TestAttack25KilledWhileSaving(t *testing.T) {
	t.Parallel()
	const kills = 16
	for _, store := range shared {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for i := range kills {
				killed := startChild(t, "save", dir, store)
				saved := killAfter(t, killed, 2+i%5, time.Duration(i)*137*time.Microsecond)
				cache := openDir(t, dir, store)
				if n := checkWhole(t, cache); n < saved {
					t.Fatalf("session %d is there after %d was saved", n, saved)
				}
			}
			cache := openDir(t, dir, store)
			save(t, cache, numbered(1)) // also sweeps
			files, err := os.ReadDir(filepath.Join(dir, "state", "tokens"))
			if err != nil {
				t.Fatal(err)
			}
			want := 1
			if store == tokencache.StoreKeychain { // a small session needs no file
				want = 0
			}
			if len(files) != want {
				t.Errorf("files are left: %v", files)
			}
		})
	}
}

// checkWhole makes sure that what is stored is one whole session, and returns
// its number.
func checkWhole(t *testing.T, cache *tokencache.Cache) int {
	t.Helper()
	s := load(t, cache)
	n, err := strconv.Atoi(strings.TrimPrefix(s.AccessToken, "access-"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbered(n), s); diff != "" {
		t.Fatalf("(-saved +loaded):\n%s", diff)
	}
	return n
}

// killAfter starts the process, kills it a moment after it has printed n lines,
// and returns the number that the last of its lines ends in.
func killAfter(t *testing.T, cmd *exec.Cmd, n int, moment time.Duration) (last int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range n {
		if !lines.Scan() {
			t.Fatalf("it ended early: %v", lines.Err())
		}
		last = number(lines.Text())
	}
	<-time.After(moment) // the moment of the kill is the point, not a wait for something
	_ = cmd.Process.Kill()
	for lines.Scan() { // what it printed before it died
		last = max(last, number(lines.Text()))
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	return last
}

func number(line string) int {
	n, _ := strconv.Atoi(line[strings.LastIndexByte(line, ' ')+1:])
	return n
}

// TestAttack25LockOfTheDead: a lock ends with its holder.
func TestAttack25LockOfTheDead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	holder := startChild(t, "hold", dir, tokencache.StoreFile)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("holder: %q, %v", line, err)
	}
	cache := openDir(t, dir, tokencache.StoreFile)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := cache.Lock(short, testKey); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Lock while it is held: %v", err)
	}
	if err := cache.Save(short, session()); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Save while it is held: %v", err)
	}
	_ = holder.Process.Kill()
	_ = holder.Wait()
	unlock, err := cache.Lock(t.Context(), testKey)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	unlock() // a second time is harmless
}

func TestLockWithinProcess(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			cache := newPlace(t).open(t, store)
			unlock, err := cache.Lock(t.Context(), testKey)
			if err != nil {
				t.Fatal(err)
			}
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := cache.Lock(short, testKey); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("second Lock: %v", err)
			}
			other := tokencache.Key{Resource: testKey.Resource, Issuer: "https://other.example"}
			unlockOther, err := cache.Lock(t.Context(), other)
			if err != nil {
				t.Fatalf("another key's lock: %v", err)
			}
			unlockOther()
			save(t, cache, session()) // the holder's
			unlock()
			if unlock, err = cache.Lock(t.Context(), testKey); err != nil {
				t.Fatal(err)
			}
			unlock()
		})
	}
}

// TestLockWhileDeleting: Delete removes the lock's file, and those who wait for
// it still exclude each other.
func TestLockWhileDeleting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var inside sync.Mutex
	var wg sync.WaitGroup
	for range 6 {
		cache := openDir(t, dir, tokencache.StorePlain)
		wg.Go(func() {
			for range 10 {
				unlock, err := cache.Lock(t.Context(), testKey)
				if err != nil {
					t.Error(err)
					return
				}
				if !inside.TryLock() {
					t.Error("two hold the lock")
				} else {
					if err := cache.Delete(t.Context(), testKey); err != nil {
						t.Error(err)
					}
					inside.Unlock()
				}
				unlock()
			}
		})
	}
	wg.Wait()
	files, err := os.ReadDir(filepath.Join(dir, "state", "locks"))
	if err != nil || len(files) != 0 {
		t.Errorf("locks are left: %v, %v", files, err)
	}
}

// openDir opens what a child process in dir works on.
func openDir(t *testing.T, dir string, store tokencache.Store) *tokencache.Cache {
	t.Helper()
	return open(t, tokencache.Config{
		StateDir:  filepath.Join(dir, "state"),
		ConfigDir: filepath.Join(dir, "config"),
		Store:     store,
		Keyring:   dirKeyring(filepath.Join(dir, "keyring")),
	})
}
