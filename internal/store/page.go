package store

import (
	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// page is one page of List in the making.
type page struct {
	entries []authserver.Entry
	bytes   int
}

func (p *page) add(e authserver.Entry) {
	p.entries = append(p.entries, e)
	p.bytes += len(e.Value)
}

// full reports whether the page takes no more.
func (p *page) full() bool {
	return len(p.entries) == pageSize || p.bytes >= pageBytes
}

// cursor is where the next page begins: after the last id of this one.
func (p *page) cursor() string { return p.entries[len(p.entries)-1].ID }
