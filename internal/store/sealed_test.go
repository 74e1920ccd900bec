package store_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/store/storetest"
)

func TestMemorySealed(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		return seal(t, store.Memory(now), testKey)
	})
}

var (
	testKey  = []byte("0123456789abcdef0123456789abcdef")
	otherKey = []byte("another key of thirty-two bytes!")
)

func seal(t *testing.T, inner authserver.Store, key []byte) authserver.Store {
	t.Helper()
	s, err := store.Seal(inner, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t *testing.T, s authserver.Store, kind authserver.Kind, id, value string) {
	t.Helper()
	if err := s.Create(t.Context(), kind, id, authserver.Record{Value: []byte(value)}); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s authserver.Store, kind authserver.Kind, id string) []byte {
	t.Helper()
	rec, err := s.Get(t.Context(), kind, id)
	if err != nil {
		t.Fatal(err)
	}
	return rec.Value
}

func TestSealShortKey(t *testing.T) {
	t.Parallel()
	if s, err := store.Seal(store.Memory(nil), testKey[:31]); err == nil {
		t.Fatalf("Seal with 31 bytes = %v", s)
	}
}

func TestSealedHidesValues(t *testing.T) {
	t.Parallel()
	inner := store.Memory(nil)
	s := seal(t, inner, testKey)
	const secret = "the refresh token of nelly"
	create(t, s, authserver.KindUpstream, "a", secret)
	create(t, s, authserver.KindUpstream, "b", secret)
	a, b := get(t, inner, authserver.KindUpstream, "a"), get(t, inner, authserver.KindUpstream, "b")
	if bytes.Contains(a, []byte("nelly")) {
		t.Errorf("stored value holds plaintext: %q", a)
	}
	if !bytes.Equal(a[:8], b[:8]) {
		t.Errorf("key ids differ: %x, %x", a[:8], b[:8])
	}
	if bytes.Equal(a[8:32], b[8:32]) || bytes.Equal(a[32:], b[32:]) {
		t.Error("two records share a nonce")
	}
	if err := s.Update(t.Context(), authserver.KindUpstream, "a", func(old *authserver.Record) (*authserver.Record, error) {
		return old, nil
	}); err != nil {
		t.Fatal(err)
	}
	if again := get(t, inner, authserver.KindUpstream, "a"); bytes.Equal(a[8:32], again[8:32]) {
		t.Error("an update reused the nonce")
	}
}

// What does not open is ErrSealed to every method, never a miss, and stays
// where it is.
func TestSealedDoesNotOpen(t *testing.T) {
	t.Parallel()
	const kind, id, value = authserver.KindGrant, "a", "plain"
	for _, tc := range []struct {
		name string
		// spoil returns what is found in the place of the sealed record.
		spoil func(t *testing.T, sealed []byte) []byte
	}{
		{"other key", func(t *testing.T, _ []byte) []byte {
			inner := store.Memory(nil)
			create(t, seal(t, inner, otherKey), kind, id, value)
			return get(t, inner, kind, id)
		}},
		{"other id", func(t *testing.T, _ []byte) []byte {
			inner := store.Memory(nil)
			create(t, seal(t, inner, testKey), kind, "b", value)
			return get(t, inner, kind, "b")
		}},
		{"other kind", func(t *testing.T, _ []byte) []byte {
			inner := store.Memory(nil)
			create(t, seal(t, inner, testKey), authserver.KindCode, id, value)
			return get(t, inner, authserver.KindCode, id)
		}},
		{"plaintext", func(*testing.T, []byte) []byte { return []byte(strings.Repeat("{}", 100)) }},
		{"empty", func(*testing.T, []byte) []byte { return nil }},
		{"cut", func(_ *testing.T, b []byte) []byte { return b[:len(b)-1] }},
		{"cut to the tag", func(_ *testing.T, b []byte) []byte { return b[:8+24+15] }},
		{"key id changed", func(_ *testing.T, b []byte) []byte { b[0] ^= 1; return b }},
		{"nonce changed", func(_ *testing.T, b []byte) []byte { b[8] ^= 1; return b }},
		{"last bit changed", func(_ *testing.T, b []byte) []byte { b[len(b)-1] ^= 1; return b }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			inner := store.Memory(nil)
			s := seal(t, inner, testKey)
			create(t, s, kind, id, value)
			bad := tc.spoil(t, get(t, inner, kind, id))
			if err := inner.Update(ctx, kind, id, func(*authserver.Record) (*authserver.Record, error) {
				return &authserver.Record{Value: bad}, nil
			}); err != nil {
				t.Fatal(err)
			}
			rec, getErr := s.Get(ctx, kind, id)
			if rec.Value != nil {
				t.Errorf("Get returned %q", rec.Value)
			}
			_, takeErr := s.Take(ctx, kind, id)
			page, _, err := s.List(ctx, kind, "")
			if err != nil || len(page) != 1 || page[0].ID != id || page[0].Value != nil {
				t.Fatalf("List = %v, %v", page, err)
			}
			updateErr := s.Update(ctx, kind, id, func(old *authserver.Record) (*authserver.Record, error) {
				t.Errorf("updater was given %v", old)
				return nil, nil
			})
			for name, err := range map[string]error{"Get": getErr, "Take": takeErr, "List": page[0].Err, "Update": updateErr} {
				if !errors.Is(err, store.ErrSealed) || errors.Is(err, authserver.ErrNotFound) {
					t.Errorf("%s = %v, want ErrSealed", name, err)
				}
			}
			if err := s.Create(ctx, kind, id, authserver.Record{}); !errors.Is(err, authserver.ErrExists) {
				t.Errorf("Create = %v, want ErrExists", err)
			}
			if got := get(t, inner, kind, id); !bytes.Equal(got, bad) {
				t.Error("the record was changed")
			}
			if err := s.Delete(ctx, kind, id); err != nil {
				t.Errorf("Delete: %v", err)
			}
		})
	}
}

// FuzzSealedOpens: no stored value opens but the one that was sealed there.
func FuzzSealedOpens(f *testing.F) {
	inner := store.Memory(nil)
	s, err := store.Seal(inner, testKey)
	if err != nil {
		f.Fatal(err)
	}
	ctx := context.Background()
	f.Add([]byte(nil))
	f.Add(make([]byte, 48))
	f.Fuzz(func(t *testing.T, value []byte) {
		if err := inner.Update(ctx, "fuzz", "a", func(*authserver.Record) (*authserver.Record, error) {
			return &authserver.Record{Value: value}, nil
		}); err != nil {
			t.Fatal(err)
		}
		if rec, err := s.Get(ctx, "fuzz", "a"); !errors.Is(err, store.ErrSealed) {
			t.Fatalf("Get = %q, %v", rec.Value, err)
		}
	})
}
