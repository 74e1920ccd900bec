package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// protocolLife is how long it is believed which version of MCP a server speaks.
// It may learn a newer one any day, and would go on speaking the older with us.
const protocolLife = 24 * time.Hour

// spokenProtocol is the file.
type spokenProtocol struct {
	Origin  string    `json:"origin"`
	Version string    `json:"version"`
	Seen    time.Time `json:"seen"`
}

// protocol tells which version of MCP the server's origin spoke the last time,
// "" where that is not known any more, and gives what keeps the version that it
// speaks now. It spares a server of an older generation the question for it;
// what is wrong with the file only makes it be asked.
func (p *program) protocol(serverURL string) (last string, spoke func(version string)) {
	path, origin := p.protocolPath(serverURL)
	if path == "" {
		return "", nil
	}
	var kept spokenProtocol
	text, err := os.ReadFile(path)
	if err == nil && json.Unmarshal(text, &kept) == nil && kept.Origin == origin {
		if age := time.Since(kept.Seen); age >= 0 && age < protocolLife {
			last = kept.Version
		}
	}
	return last, func(version string) {
		if version == last {
			return
		}
		if text, err := json.Marshal(spokenProtocol{Origin: origin, Version: version, Seen: time.Now().UTC()}); err == nil {
			writeKept(path, text)
		}
	}
}

// protocolPath is the file of a server's origin, "" where there is no place for it.
func (p *program) protocolPath(serverURL string) (path, origin string) {
	dirs, err := p.directories()
	if err != nil {
		return "", ""
	}
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", ""
	}
	origin = u.Scheme + "://" + u.Host
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(dirs.cache, "protocols", hex.EncodeToString(sum[:16])+".json"), origin
}

// forgetKept removes what is kept of a server beside its sign-in.
func (p *program) forgetKept(serverURL string) {
	protocol, _ := p.protocolPath(serverURL)
	for _, path := range []string{p.toolPath(serverURL), protocol} {
		if path != "" {
			_ = os.Remove(path) // it may not be there
		}
	}
}

// writeKept replaces a file of what is kept, if it can.
func writeKept(path string, text []byte) {
	dir := filepath.Dir(path)
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	file, err := os.CreateTemp(dir, ".kept-*")
	if err != nil {
		return
	}
	_, err = file.Write(text)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
}
