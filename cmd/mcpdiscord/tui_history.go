package main

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// historyFile is where the TUI keeps the calls of a server; "" with a token
// store that leaves nothing on disk.
func (p *program) historyFile(o *clientOptions, server string) string {
	dirs, err := p.directories()
	if err != nil || tokencache.Store(o.tokenStore) == tokencache.StoreMemory {
		return ""
	}
	sum := sha256.Sum256([]byte(server))
	return filepath.Join(dirs.state, "history", hex.EncodeToString(sum[:16])+".json")
}
