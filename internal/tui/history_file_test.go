package tui_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func historyFile(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "state", "history", "server.json")
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestHistoryOutlivesTheScreen(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	play(t, setting{history: path}, func(s *stage) {
		s.some()
		s.press("2", "enter", "3", "enter")
		s.write("Go")
		s.press("down")
		s.write("x")
		s.press("ctrl+s")
	})
	kept := read(t, path)
	for _, secret := range []string{"hunter2", "Buy milk", "done", "Permission"} {
		if strings.Contains(kept, secret) {
			t.Errorf("%q is on disk: %s", secret, kept)
		}
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	play(t, setting{history: path}, func(s *stage) {
		s.settle()
		s.press("4")
		s.see("1 of 7", "✓ review", "✓ file:///notes.txt", "✗ break", "✗ fail", "– slow", `{"password":"•••","note":"it's a @note"}`)
		s.press("enter")
		s.see("Answered after 0 ms, on 2026-03-14", "results are not kept")
		s.press("r")
		s.see("✓ review")
		s.press("esc", "G", "r")
		s.see("✓ text", "Plain words")
		if want := []string{`prompt review {"code":"x","language":"Go"}`, "text {}"}; !slices.Equal(s.session.calls, want) {
			t.Errorf("%q, want %q", s.session.calls, want)
		}
	})
}

// TestSecretsAreAskedForAgain: the mark that is on disk instead of a secret is never sent.
func TestSecretsAreAskedForAgain(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	play(t, setting{history: path}, func(s *stage) {
		s.settle()
		s.choose("secret")
		s.write("hunter2")
		s.press("down")
		s.write("a note")
		s.press("ctrl+s")
	})
	play(t, setting{history: path}, func(s *stage) {
		s.settle()
		s.press("4", "r")
		s.see("secrets are not kept: please fill them in", "a note")
		if len(s.session.calls) > 0 {
			t.Fatalf("called without the secret: %q", s.session.calls)
		}
		s.press("ctrl+s", "esc", "esc", "down", "e")
		s.write("hunter3")
		s.press("ctrl+s")
		for _, call := range s.session.calls {
			if strings.Contains(call, "•") {
				t.Errorf("the mark was sent: %s", call)
			}
		}
		if last := s.session.calls[len(s.session.calls)-1]; last != `secret {"password":"hunter3","note":"a note"}` {
			t.Errorf("called %s", last)
		}
	})
}

// TestSecretsStayHidden: neither the question before a call nor the call under way shows what the
// schema calls secret, and the server gets it.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	tool := client.Tool{Name: "slow", Destructive: true, InputSchema: json.RawMessage(`{"properties":{"password":{"type":"string","format":"password"}}}`)}
	play(t, setting{session: &session{tools: []client.Tool{tool}}}, func(s *stage) {
		s.settle()
		s.press("enter")
		s.write("hunter2")
		s.press("ctrl+s")
		s.see("may change or delete", `password: "•••"`)
		s.press("y")
		s.see("Calling slow", `password: "•••"`)
		if strings.Contains(s.frame(), "hunter2") {
			t.Error("the secret is on the screen")
		}
		close(s.session.release)
		s.settle()
		if want := []string{`slow {"password":"hunter2"}`}; !slices.Equal(s.session.calls, want) {
			t.Errorf("calls %q, want %q", s.session.calls, want)
		}
	})
}

func TestPastToolsThatAreGone(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	play(t, setting{history: path}, func(s *stage) {
		s.settle()
		s.choose("text")
		s.press("esc")
		s.choose("purge")
		s.press("y")
	})
	play(t, setting{history: path, session: &session{tools: tools()[9:]}}, func(s *stage) {
		s.settle()
		s.press("4", "r")
		s.see("This tool may change or delete things for good")
		s.press("n", "down", "r")
		s.see("this server has no tool text any more")
		if len(s.session.calls) > 0 {
			t.Errorf("%q", s.session.calls)
		}
	})
}

func TestDamagedHistory(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON": "{", "another": `[1]`, "long": `{"calls":"` + strings.Repeat("x", 9<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "h.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			play(t, setting{history: path}, func(s *stage) {
				s.settle()
				s.press("6")
				s.see("The history on disk could not be read")
				s.press("1", "enter") // a call mends it
			})
			play(t, setting{history: path}, func(s *stage) {
				s.settle()
				s.press("4")
				s.see("1 of 1", "get_user_info")
			})
		})
	}
}

// TestForeignHistory: entries that are none of ours are left out, and what is there is printable.
func TestForeignHistory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "h.json")
	text := `{"calls":[{"kind":"spell","name":"x","arguments":{},"outcome":"answered"},
		{"kind":"tool","name":"x","arguments":[1],"outcome":"answered"},{"kind":"tool","name":"x","arguments":{},"outcome":"won"},
		{"kind":"tool","name":"","arguments":{},"outcome":"answered"},
		{"kind":"tool","name":"\u001b[2Jodd\u202e","arguments":{"a":"\u001b[2J"},"outcome":"failed","took_ms":-5}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	play(t, setting{history: path, width: 80, height: 24}, func(s *stage) {
		s.settle()
		s.press("4")
		s.see("1 of 1", "✗ ␛[2Jodd")
		checkFrame(t, s.m.View().Content, 80, 24)
	})
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	play(t, setting{history: path}, func(s *stage) {
		s.settle()
		for range 230 {
			s.press("enter", "esc")
		}
		s.choose("everything")
		s.write("80")
		s.press("down", "down", "down")
		s.write(strings.Repeat("long", 5000))
		s.press("ctrl+s")
	})
	kept := read(t, path)
	var calls struct{ Calls []json.RawMessage }
	if err := json.Unmarshal([]byte(kept), &calls); err != nil || len(calls.Calls) != 200 || len(kept) > 60_000 {
		t.Errorf("%d calls, %d bytes, %v", len(calls.Calls), len(kept), err)
	}
}

// TestHistoryThatCannotBeWritten is said once, and written once that is possible.
func TestHistoryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // where a directory should be
		t.Fatal(err)
	}
	path := filepath.Join(dir, "h.json")
	const trouble = "The history on disk could not be written"
	play(t, setting{history: path}, func(s *stage) {
		s.settle()
		s.press("6")
		s.see("The history on disk could not be read")
		s.press("1")
		for range 3 {
			s.press("enter", "esc")
		}
		s.press("6")
		if n := strings.Count(s.frame(), trouble); n != 1 {
			t.Errorf("said %d times:\n%s", n, s.frame())
		}
		s.press("4")
		s.see("1 of 3")
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		s.press("1", "enter", "esc")
		if n := strings.Count(read(t, path), "get_user_info"); n != 4 {
			t.Errorf("%d of 4 calls are on disk", n)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.press("enter", "esc", "6")
		if n := strings.Count(s.frame(), trouble); n != 2 {
			t.Errorf("new trouble was not said:\n%s", s.frame())
		}
	})
}

// TestUnreadableHistoryIsNotReplaced: only what was read and is damaged makes room.
func TestUnreadableHistoryIsNotReplaced(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	if err := os.MkdirAll(path, 0o700); err != nil { // reading it fails, for everybody
		t.Fatal(err)
	}
	var fault *fs.PathError
	if err := tui.Archive(path)("text"); !errors.As(err, &fault) || fault.Op != "read" {
		t.Errorf("%v", err)
	}
}

// TestTwoWriteHistory: TUIs that write at the same moment lose no entry.
func TestTwoWriteHistory(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	const screens, calls = 4, 25
	var group sync.WaitGroup
	for i := range screens {
		group.Go(func() {
			keep := tui.Archive(path)
			for n := range calls {
				if err := keep(fmt.Sprintf("tool_%d_%d.", i, n)); err != nil && !strings.Contains(err.Error(), "another process") {
					t.Error(err)
				}
			}
			if err := keep("last"); err != nil { // with what had to wait
				t.Error(err)
			}
		})
	}
	group.Wait()
	kept := read(t, path)
	for i := range screens {
		for n := range calls {
			if name := fmt.Sprintf("tool_%d_%d.", i, n); !strings.Contains(kept, name) {
				t.Errorf("%s is lost", name)
			}
		}
	}
}

// TestLockedHistory: a lock that is not given back is no reason to hang, and none to lose a call.
func TestLockedHistory(t *testing.T) {
	t.Parallel()
	path := historyFile(t)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	keep := tui.Archive(path)
	began := time.Now()
	if err := keep("first"); err == nil || err.Error() != "another process has it locked" {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took < 500*time.Millisecond || took > 10*time.Second {
		t.Errorf("waited %v", took)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := keep("second"); err != nil {
		t.Error(err)
	}
	if kept := read(t, path); !strings.Contains(kept, "first") || !strings.Contains(kept, "second") {
		t.Errorf("lost a call: %s", kept)
	}
}
