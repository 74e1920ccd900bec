package store_test

import (
	"errors"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// What somebody else put in the place of a record in Redis is that record's
// fault, not Redis's: it is no outage, and the others are listed.
func TestRedisDamagedRecords(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := openWith(t, redisConfig(m.Addr()))
	for _, id := range []string{"good", "text", "list"} {
		create(t, s, authserver.KindGrant, id, "1")
	}
	key := func(id string) string { return "mcpdiscord:{grant}:r:" + id }
	if err := m.Set(key("text"), "hello"); err != nil {
		t.Fatal(err)
	}
	m.Del(key("list"))
	if _, err := m.Push(key("list"), "hello"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"text", "list"} {
		if _, err := s.Get(t.Context(), authserver.KindGrant, id); !errors.Is(err, store.ErrSealed) {
			t.Errorf("Get of %s = %v", id, err)
		}
		if err := s.Delete(t.Context(), authserver.KindGrant, id); !errors.Is(err, store.ErrSealed) {
			t.Errorf("Delete of %s = %v", id, err)
		}
	}
	page, _, err := s.List(t.Context(), authserver.KindGrant, "")
	if err != nil || len(page) != 3 || string(page[0].Value) != "1" || !errors.Is(page[1].Err, store.ErrSealed) || !errors.Is(page[2].Err, store.ErrSealed) {
		t.Errorf("List = %v, %v", page, err)
	}
}
