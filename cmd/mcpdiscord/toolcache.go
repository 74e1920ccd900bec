package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// toolLife is how long a list of tools is used without asking again, where its
// server does not say.
const toolLife = 10 * time.Minute

// toolCache keeps the list of a server's tools between runs, so that a call
// costs one request less. It holds nothing secret; what is wrong with its file
// only makes the list be asked for.
type toolCache struct {
	conn *client.Conn
	path string // "": nothing is kept
	now  time.Time
}

// storedTools is the file.
type storedTools struct {
	Server  string        `json:"server"`
	UserID  string        `json:"user_id"` // what is listed may depend on who asks
	Fetched time.Time     `json:"fetched"`
	Life    time.Duration `json:"life"` // nanoseconds
	Tools   []client.Tool `json:"tools"`
}

func (p *program) newToolCache(conn *client.Conn, serverURL string) *toolCache {
	c := &toolCache{conn: conn, now: time.Now()}
	c.path = p.toolPath(serverURL)
	return c
}

// toolPath is the file of a server's list, "" where there is no place for it.
func (p *program) toolPath(serverURL string) string {
	dirs, err := p.directories()
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(serverURL))
	return filepath.Join(dirs.cache, "tools", hex.EncodeToString(sum[:16])+".json")
}

// tools returns the list and whether it is a kept one.
func (c *toolCache) tools(ctx context.Context, fresh bool) (_ []client.Tool, cached bool, err error) {
	if !fresh {
		if kept, ok := c.read(); ok {
			return kept, true, nil
		}
	}
	tools, err := c.conn.Tools(ctx)
	if err != nil {
		return nil, false, err
	}
	c.save(tools)
	return tools, false, nil
}

func (c *toolCache) read() ([]client.Tool, bool) {
	kept, text := readTools(c.path)
	id := c.conn.Identity()
	if kept == nil || kept.Server != id.Server || kept.UserID != id.UserID || !kept.fresh(c.now) {
		return nil, false
	}
	// Arguments that travel as headers need the list in this very session.
	if bytes.Contains(text, []byte("x-mcp-header")) {
		return nil, false
	}
	return kept.Tools, true
}

// readTools reads a kept list; nil where there is none.
func readTools(path string) (kept *storedTools, text []byte) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &kept) != nil {
		return nil, nil
	}
	return kept, text
}

// fresh says whether a list is as good as one that is asked for now.
func (t *storedTools) fresh(now time.Time) bool {
	age := now.Sub(t.Fetched)
	return age >= 0 && age <= cmp.Or(t.Life, toolLife)
}

// keptTools is the list of the server that the flags name, without a word to
// it or to a keychain; nil where none is kept.
func (p *program) keptTools(o *clientOptions) *storedTools {
	cache, err := p.openCache(o)
	if err != nil {
		return nil
	}
	serverURL, err := p.resolve(o, "", cache)
	if err != nil {
		return nil
	}
	kept, _ := readTools(p.toolPath(serverURL))
	if kept == nil || kept.Server != serverURL {
		return nil
	}
	return kept
}

// save keeps the list if it can.
func (c *toolCache) save(tools []client.Tool) {
	if c.path == "" {
		return
	}
	id := c.conn.Identity()
	text, err := json.Marshal(storedTools{Server: id.Server, UserID: id.UserID, Fetched: c.now, Life: c.conn.ToolsLife(), Tools: tools})
	if err == nil {
		writeKept(c.path, text)
	}
}
