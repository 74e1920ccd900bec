//go:build unix

package store_test

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// A full disk fails writes, loses nothing that was acknowledged, and the store
// goes on once there is room.
func TestBoltFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	cmd, out := child(t, "full", path)
	out.Scan()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, out.Text())
	}
	want, _ := strconv.Atoi(strings.TrimPrefix(out.Text(), "records "))
	s := open(t, path)
	if got := len(list(t, s, authserver.KindGrant)); got != want || got < 50 {
		t.Errorf("store has %d records, want %d", got, want)
	}
}
