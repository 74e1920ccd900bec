package store_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

func TestParseKey(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{0xfb, 0xff, 0x3e, 0x10}, 9) // + and / in base64
	for _, tc := range []struct {
		name, in string
		want     []byte
	}{
		{"base64", base64.StdEncoding.EncodeToString(key[:32]), key[:32]},
		{"base64 unpadded", base64.RawStdEncoding.EncodeToString(key[:32]), key[:32]},
		{"base64url", base64.URLEncoding.EncodeToString(key[:34]), key[:34]},
		{"base64url unpadded", base64.RawURLEncoding.EncodeToString(key[:34]), key[:34]},
		{"longer", base64.StdEncoding.EncodeToString(key), key},
		{"line end", base64.StdEncoding.EncodeToString(key) + "\n", key},
		{"raw", "correct horse battery staple, they say", []byte("correct horse battery staple, they say")},
		{"raw that is short as base64", "abcdefghijklmnopqrstuvwxyzABCDEF", []byte("abcdefghijklmnopqrstuvwxyzABCDEF")},
		{"raw that ends like padding", strings.Repeat("x", 40) + "===", []byte(strings.Repeat("x", 40) + "===")},
		{"raw in both alphabets", strings.Repeat("+-", 32), []byte(strings.Repeat("+-", 32))},
		{"empty", "", nil},
		{"blank", strings.Repeat(" ", 64), nil},
		{"31 bytes", "0123456789012345678901234567890", nil},
		{"31 bytes in base64", base64.RawStdEncoding.EncodeToString(key[:20]), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := store.ParseKey(tc.in)
			if !bytes.Equal(got, tc.want) {
				t.Errorf("ParseKey = %x, want %x", got, tc.want)
			}
			if tc.want != nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var refused *store.Error
			if !errors.As(err, &refused) || !strings.Contains(refused.Hint, "openssl rand -base64 32") {
				t.Errorf("error is %#v", err)
			}
		})
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add("")
	f.Add(base64.StdEncoding.EncodeToString(testKey))
	f.Add(strings.Repeat("=", 64))
	f.Fuzz(func(t *testing.T, s string) {
		key, err := store.ParseKey(s)
		if (err == nil) != (len(key) >= store.MinKey) {
			t.Fatalf("ParseKey(%q) = %d bytes, %v", s, len(key), err)
		}
		if err != nil && len(s) > 8 && strings.Contains(err.Error(), s) {
			t.Fatalf("error repeats the key: %v", err)
		}
	})
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	first, second := base64.StdEncoding.EncodeToString(testKey), string(otherKey)
	for _, tc := range []struct {
		name, in string
		want     [][]byte
	}{
		{"one", first, [][]byte{testKey}},
		{"new and old", first + "," + second, [][]byte{testKey, otherKey}},
		{"blanks", " " + first + " ,\n" + second, [][]byte{testKey, otherKey}},
		{"empty", "", nil},
		{"a comma too many", first + ",", nil},
		{"one is short", first + "," + second[1:31], nil},
		{"a comma in a raw key", "correct horse battery staple, they say", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := store.ParseKeys(tc.in)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ParseKeys (-want +got):\n%s", diff)
			}
			var refused *store.Error
			if tc.want == nil && (!errors.As(err, &refused) || strings.Contains(err.Error()+refused.Hint, "horse")) {
				t.Errorf("error is %#v", err)
			}
		})
	}
}
