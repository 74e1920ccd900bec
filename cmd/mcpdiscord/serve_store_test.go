package main

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// Where records are kept: the flag, its variable, the seed's names, a file.
func TestCompleteStore(t *testing.T) {
	t.Parallel()
	const password = "redis://:hunter2@host:6379/0"
	for _, test := range []struct {
		name        string
		o           serveOptions
		environment map[string]string
		want        string // "" for refused
	}{
		{"flag", serveOptions{store: "redis://host"}, map[string]string{"REDIS_HOST": "other"}, "redis://host"},
		{"password in the flag", serveOptions{store: password}, nil, ""},
		{"password in the flag, another in the variable", serveOptions{store: password}, map[string]string{"MCPDISCORD_STORE": "redis://x"}, ""},
		{"password in the variable", serveOptions{store: password}, map[string]string{"MCPDISCORD_STORE": password}, password},
		{"host", serveOptions{}, map[string]string{"REDIS_HOST": "redis.internal"}, "redis://redis.internal:6379"},
		{"host and port", serveOptions{}, map[string]string{"REDIS_HOST": "10.0.0.7", "REDIS_PORT": "6380"}, "redis://10.0.0.7:6380"},
		{"IPv6", serveOptions{}, map[string]string{"REDIS_HOST": "[::1]"}, "redis://[::1]:6379"},
		{"a password in the host", serveOptions{}, map[string]string{"REDIS_HOST": ":hunter2@host"}, ""},
		{"port alone", serveOptions{addr: ":8000"}, map[string]string{"REDIS_PORT": "6380"}, "bolt:mcpdiscord.db"},
		{"--dev", serveOptions{addr: "127.0.0.1:0", dev: true}, map[string]string{"REDIS_HOST": "host"}, "memory:"},
		{"--dev and --check", serveOptions{dev: true, check: true}, nil, ""},
		{"a short key", serveOptions{}, map[string]string{"STORAGE_ENCRYPTION_KEY": "hunter2,hunter2"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			p := newProgram(nil, func(name string) string {
				switch name {
				case "HOME", "APPDATA", "LOCALAPPDATA":
					return home
				}
				return test.environment[name]
			}, nil)
			err := p.completeStore(&test.o)
			if file, ok := strings.CutPrefix(test.o.store, "bolt:"); ok {
				test.o.store = "bolt:" + filepath.Base(file)
			}
			var refused *userError
			switch {
			case test.want != "":
				if err != nil || test.o.store != test.want {
					t.Errorf("the store is %q, %v; want %q", test.o.store, err, test.want)
				}
			case !errors.As(err, &refused) || refused.code != exitUsage || refused.hint == "":
				t.Errorf("error is %v", err)
			case strings.Contains(refused.message+refused.hint, "hunter2"):
				t.Errorf("the error repeats a secret: %s", refused.message)
			}
		})
	}
}

// What Discord refuses is counted where all servers that share the store see it.
func TestRefusalsAreCountedInTheStore(t *testing.T) {
	t.Parallel()
	_, url, stop, err := emulator.Start(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	redis := miniredis.RunT(t)
	key := [][]byte{[]byte(strings.Repeat("k", 32))}
	o := &serveOptions{
		clientID: emulator.DefaultClientID, clientSecret: "wrong", discordURL: url, baseURL: "http://localhost:8000", redirectPath: "/auth/callback",
		store: "redis://" + redis.Addr(), signingKeys: key, encryptionKeys: key,
	}
	var refused *userError
	if _, err := newServing(t.Context(), o, slog.New(slog.DiscardHandler), &observing{}); !errors.As(err, &refused) || !strings.Contains(refused.message, "client id and secret") {
		t.Fatalf("a wrong secret: %v", err)
	}
	if keys := redis.Keys(); !slices.ContainsFunc(keys, func(key string) bool { return strings.Contains(key, ":n:discord refusals ") }) {
		t.Errorf("Redis has %q", keys)
	}
}
