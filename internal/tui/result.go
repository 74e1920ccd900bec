package tui

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// document is a result made ready for the screen once, off the screen's own loop: printable
// lines of bounded length. Only the lines in the window are wrapped and colored.
type document struct {
	lines  []line
	failed bool // the tool called its answer an error
}

// paper collects a document's lines within its bounds.
type paper struct {
	lines []line
	size  int // bytes on it
	left  int // bytes that did not fit
}

// newDocument lays out the structured content if there is any, else the text; content of other
// types is named by type and size.
func newDocument(res *client.Result) document {
	p := &paper{}
	structured := bytes.TrimSpace(res.Structured)
	if string(structured) == "null" || !json.Valid(structured) {
		structured = nil
	}
	p.addJSON(string(structured))
	for _, content := range res.Content {
		if content.Type == "text" && structured != nil {
			continue // the text twin of the structured content
		}
		if len(p.lines) > 0 {
			p.add(line{})
		}
		p.addContent(content, res.IsError)
	}
	if len(p.lines) == 0 {
		p.add(line{text: "The answer is empty.", ink: inkNote})
	}
	if p.left > 0 {
		p.lines = append(p.lines, line{}, line{
			text: fmt.Sprintf("… %s more are not shown here; call prints everything.", size(p.left)),
			ink:  inkNote,
		})
	}
	return document{lines: p.lines, failed: res.IsError}
}

func (p *paper) addContent(content client.Content, failed bool) {
	if content.Type != "text" {
		p.add(line{text: describe(content), ink: inkNote})
		if content.Text != "" {
			p.addText(content.Text, inkPlain)
		}
		return
	}
	text := strings.TrimSpace(content.Text)
	if (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && json.Valid([]byte(text)) {
		p.addJSON(text)
		return
	}
	if failed {
		p.addText(content.Text, inkBad)
		return
	}
	p.addText(content.Text, inkPlain)
}

// describe names content that is not text: [image image/png, 12.3 kB].
func describe(content client.Content) string {
	var b strings.Builder
	b.WriteString("[" + oneLine(content.Type, 60))
	for _, s := range []string{content.MIMEType, content.Name, content.URI} {
		if s != "" {
			b.WriteString(" " + oneLine(s, 200))
		}
	}
	if n := base64.StdEncoding.DecodedLen(len(content.Data)) - padding(content.Data); n > 0 {
		b.WriteString(", " + size(n))
	}
	return b.String() + "]"
}

func padding(data string) int { return len(data) - len(strings.TrimRight(data, "=")) }

// size is a number of bytes for people.
func size(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1000/1000)
}

func (p *paper) full() bool { return len(p.lines) >= maxLines || p.size >= maxBytes }

func (p *paper) unread(n int) { p.left += max(0, n) }

// add writes one line, which needs no further escaping but what client.PrintableLine does.
func (p *paper) add(l line) {
	if p.full() {
		p.unread(len(l.text))
		return
	}
	l.text = client.PrintableLine(l.text)
	p.size += len(l.text) + 1
	p.lines = append(p.lines, l)
}

// addText writes plain text. An endless line is broken, at a space where there is one.
func (p *paper) addText(text string, kind ink) {
	text, cut := strings.TrimRight(text, "\r\n"), 0
	if room := max(0, maxBytes-p.size); len(text) > room {
		whole := len(text)
		text, _ = clip(text, room)
		cut = whole - len(text)
	}
	for row := range strings.SplitSeq(printable(text), "\n") {
		if p.full() {
			p.unread(len(row) + 1)
			continue
		}
		for len(row) > maxLine && !p.full() {
			part, _ := clip(row, maxLine)
			if space := strings.LastIndexByte(part, ' '); space > 0 {
				part = part[:space+1]
			}
			p.add(line{text: part, ink: kind})
			row = row[len(part):]
		}
		p.add(line{text: row, ink: kind})
	}
	p.unread(cut)
}

// scroll is the place in a document that stands at the top of the window. All moves look only
// at the lines near it, so that the size of the document does not matter.
type scroll struct{ line, row int }

// pane is a document in a window of w columns and h rows.
type pane struct {
	doc  *document
	c    cells
	w, h int
}

// height is the number of rows of line i.
func (p pane) height(i int) int {
	return max(1, len(p.doc.lines[i].wrapped(p.c, p.w)))
}

// move scrolls by n rows, not beyond the last full window.
func (p pane) move(at scroll, n int) scroll {
	at.line = min(at.line, len(p.doc.lines)-1)
	at.row = min(at.row, p.height(at.line)-1)
	for ; n < 0; n++ {
		switch {
		case at.row > 0:
			at.row--
		case at.line > 0:
			at.line--
			at.row = p.height(at.line) - 1
		default:
			return at
		}
	}
	for height := p.height(at.line); n > 0; n-- {
		if at.row+1 < height {
			at.row++
			continue
		}
		if at.line+1 == len(p.doc.lines) {
			break
		}
		at.line, at.row = at.line+1, 0
		height = p.height(at.line)
	}
	if end := p.end(); at.line > end.line || at.line == end.line && at.row > end.row {
		return end
	}
	return at
}

// end is where the last full window begins.
func (p pane) end() scroll {
	at, rows := scroll{line: len(p.doc.lines)}, 0
	for at.line > 0 && rows < p.h {
		at.line--
		rows += p.height(at.line)
	}
	at.row = max(0, rows-p.h)
	return at
}

// rows renders the window. last is the index of the last line that shows in it.
func (p pane) rows(t *theme, at scroll) (rows []string, last int) {
	for i := at.line; i < len(p.doc.lines) && len(rows) < p.h; i++ {
		part := p.doc.lines[i].rows(t, p.c, p.w)
		if i == at.line {
			part = part[min(at.row, len(part)):]
		}
		rows = append(rows, part[:min(len(part), p.h-len(rows))]...)
		last = i
	}
	return rows, last
}
