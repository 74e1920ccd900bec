package tokencache_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

var _ = addChild("real keychain", realKeychain)

// realKeychain saves with the system's keychain in whatever environment the
// child was given, and tells what happened.
func realKeychain(context.Context, *tokencache.Cache) error {
	dir := os.Getenv(childDir)
	cache, err := tokencache.Open(tokencache.Config{
		StateDir:    filepath.Join(dir, "state"),
		ConfigDir:   filepath.Join(dir, "config"),
		Store:       tokencache.Store(os.Getenv(childStore)),
		Interactive: os.Getenv(childTimes) != "",
		Notify:      func(line string) { fmt.Println("notify:", line) },
	})
	if err != nil {
		return err
	}
	ctx := context.Background()
	if limit, err := time.ParseDuration(os.Getenv(childTimes)); err == nil {
		var cancel func()
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	start := time.Now()
	err = cache.Save(ctx, session())
	fmt.Println("seconds:", int(time.Since(start).Seconds()))
	var e *tokencache.Error
	if errors.As(err, &e) {
		fmt.Println("message:", e.Message)
		fmt.Println("hint:", e.Hint)
	}
	fmt.Println("error:", err, "keychain:", errors.Is(err, tokencache.ErrKeychain), "timeout:", errors.Is(err, context.DeadlineExceeded))
	if err != nil {
		if os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" && ctx.Err() == nil {
			_, err = cache.Load(ctx, testKey)
			fmt.Println("then:", err)
		}
		return nil
	}
	server, _, err := cache.Server(testKey.Resource)
	fmt.Println("store:", server.Store)
	return err
}

// runReal runs realKeychain with a session bus of the test's choosing.
func runReal(t *testing.T, dir string, store tokencache.Store, env ...string) string {
	t.Helper()
	out, err := startChild(t, "real keychain", dir, store, env...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestSessionBus gives the child each kind of session bus that is none, and one
// that never answers. It must never start one: a dbus-launch that leaves a mark
// is first in PATH.
func TestSessionBus(t *testing.T) {
	t.Parallel()
	deaf := func(t *testing.T, dir string) string {
		l, err := net.Listen("unix", filepath.Join(dir, "bus"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() }) // connections wait in its backlog
		return l.Addr().String()
	}
	tests := []struct {
		name  string
		store tokencache.Store
		env   func(t *testing.T, dir string) []string
		want  []string
	}{
		{"none", tokencache.StoreAuto, func(*testing.T, string) []string { return nil }, []string{"store: file", "notify: there is no keychain"}},
		{"none, keychain asked for", tokencache.StoreKeychain, func(*testing.T, string) []string { return nil }, []string{"keychain: true", "message: there is no keychain here: no session bus is running", "--token-store file"}},
		{"none, signed in with a keychain", tokencache.StoreAuto, func(t *testing.T, dir string) []string {
			save(t, openDir(t, filepath.Join(dir, "home"), tokencache.StoreKeychain), session())
			return nil
		}, []string{"keychain: true", "message: this sign-in is in a keychain, and there is none here"}},
		{"autolaunch", tokencache.StoreAuto, func(*testing.T, string) []string { return []string{"DBUS_SESSION_BUS_ADDRESS=autolaunch:"} }, []string{"store: file"}},
		{"autolaunch, keychain asked for", tokencache.StoreKeychain, func(*testing.T, string) []string { return []string{"DBUS_SESSION_BUS_ADDRESS=autolaunch:"} }, []string{"keychain: true"}},
		{"disabled", tokencache.StoreAuto, func(*testing.T, string) []string { return []string{"DBUS_SESSION_BUS_ADDRESS=disabled:"} }, []string{"store: file"}},
		{"address outlived its bus", tokencache.StoreAuto, func(_ *testing.T, dir string) []string {
			return []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(dir, "gone")}
		}, []string{"store: file"}},
		{"not a socket", tokencache.StoreAuto, func(t *testing.T, dir string) []string {
			if err := os.WriteFile(filepath.Join(dir, "bus"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return nil
		}, []string{"store: file"}},
		{"deaf", tokencache.StoreAuto, func(t *testing.T, dir string) []string {
			return []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=" + deaf(t, dir)}
		}, []string{"keychain: true", "seconds: 3", "message: the session bus does not answer"}},
		{"deaf, in the runtime directory", tokencache.StoreAuto, func(t *testing.T, dir string) []string {
			deaf(t, dir)
			return nil
		}, []string{"keychain: true", "seconds: 3"}},
		{"deaf, keychain asked for", tokencache.StoreKeychain, func(t *testing.T, dir string) []string {
			deaf(t, dir)
			return nil
		}, []string{"keychain: true", "seconds: 3", "did not answer within 3 s"}},
		{"nonsense", tokencache.StoreAuto, func(*testing.T, string) []string { return []string{"DBUS_SESSION_BUS_ADDRESS=nonsense"} }, []string{"keychain: true"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			bin := filepath.Join(dir, "bin")
			mark := filepath.Join(dir, "launched")
			if err := os.Mkdir(bin, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(bin, "dbus-launch"), []byte("#!/bin/sh\n: >"+mark+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			env := append([]string{"PATH=" + bin + ":" + os.Getenv("PATH"), "XDG_RUNTIME_DIR=" + dir, "DBUS_SESSION_BUS_ADDRESS="}, tt.env(t, dir)...)
			out := runReal(t, filepath.Join(dir, "home"), tt.store, env...)
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in:\n%s", want, out)
				}
			}
			if _, err := os.Stat(mark); err == nil {
				t.Error("it started a bus")
			}
		})
	}
}
