package tui

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// part is one piece of a result. Its text is a piece of the viewer's texts; its data, base64,
// stay where they were received.
type part struct {
	kind, mime, name, uri string
	data                  string
	from, to              int // of the text
}

// describe names content that is not text: [image image/png, 12.3 kB].
func (p *part) describe() string {
	var b strings.Builder
	b.WriteString("[" + oneLine(p.kind, 60))
	for _, s := range []string{p.mime, p.name, p.uri} {
		if s != "" {
			b.WriteString(" " + oneLine(s, 200))
		}
	}
	if n := p.size(); n > 0 {
		b.WriteString(", " + size(n))
	}
	return b.String() + "]"
}

// size is that of the data, decoded, in bytes.
func (p *part) size() int {
	return base64.RawStdEncoding.DecodedLen(len(strings.TrimRight(p.data, "=")))
}

// decode gives the data. Servers write all kinds of base64.
func (p *part) decode() ([]byte, error) {
	text := strings.TrimRight(strings.NewReplacer("\n", "", "\r", "", "-", "+", "_", "/").Replace(p.data), "=")
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decoding %s: it is no base64", oneLine(p.kind, 60))
	}
	return data, nil
}

// media are the types that may be opened, with the endings of their files: what shows or plays
// and does nothing else. All others can be saved.
var media = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/jpg": ".jpg", "image/gif": ".gif", "image/webp": ".webp",
	"image/bmp": ".bmp", "image/avif": ".avif",
	"audio/mpeg": ".mp3", "audio/mp3": ".mp3", "audio/wav": ".wav", "audio/x-wav": ".wav", "audio/wave": ".wav",
	"audio/ogg": ".ogg", "audio/opus": ".opus", "audio/flac": ".flac", "audio/aac": ".aac", "audio/mp4": ".m4a",
	"audio/webm": ".weba", "video/mp4": ".mp4", "video/webm": ".webm", "application/pdf": ".pdf",
}

// ending is the file name ending of a type, "" for one that is not to be opened.
func (p *part) ending() string {
	kind, _, _ := strings.Cut(p.mime, ";")
	return media[strings.ToLower(strings.TrimSpace(kind))]
}

// fileName suggests a name: only letters, digits and a few signs of the foreign one are kept,
// and no leading dot.
func fileName(name, ending string) string {
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r) {
			return r
		}
		return '-'
	}, name)
	name, _ = clip(strings.Trim(name, ".-"), 60)
	if name == "" {
		name = "result"
	}
	if strings.HasSuffix(strings.ToLower(name), ending) {
		return name
	}
	return name + ending
}

// browsable says whether a link may be opened in a browser, after a question: https, and http on
// loopback. Other schemes reach programs that a server has no business with.
func browsable(link string) bool {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" || u.User != nil || client.PrintableLine(link) != link {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// size is a number of bytes for people.
func size(n int) string {
	switch {
	case n == 1:
		return "1 byte"
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1000/1000)
}
