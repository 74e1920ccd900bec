package tui

import (
	"fmt"
	"strings"
)

// loginBody shows a sign-in step by step. Where it is the user's turn there is the address to
// open, which must be whole to be of use, and what else helps where no browser could be opened.
// The address has no margin, so that a copy of its rows is the address.
func (m *model) loginBody(w, h int) body {
	l := m.login
	if l.failed != nil {
		return m.failureBody(l.failed, w, h)
	}
	rows := m.stepRows(w)
	if h >= roomy {
		rows = append([]string{""}, rows...)
	}
	if !l.waits() {
		if l.text != "" {
			rows = append(rows, styled(wrap(m.cells, l.text, w), m.theme.dim)...)
		}
		return body{rows: rows, y: -1}
	}
	return m.addressBody(rows, w, h)
}

// stepRows are the steps that are done, and the one under way.
func (m *model) stepRows(w int) []string {
	t, l := &m.theme, m.login
	var rows []string
	done := func(text string) {
		rows = append(rows, t.good.Render("✓ ")+t.plain.Render(fit(m.cells, text, w-2)))
	}
	current := "Signing in " + forScopes(l.scopes)
	if l.first {
		current = "Connecting to " + host(m.identity.Server)
	}
	if l.issuer != "" {
		done("Found the sign-in at " + l.issuer)
		current = "Preparing the sign-in"
	}
	if l.registered {
		done("Registered this program there")
	}
	if l.url != "" {
		current = "Waiting for you to sign in with the browser"
		if w < 60 {
			current = "Waiting for the browser"
		}
	}
	if l.returned {
		done("Signed in with the browser")
		current = "Exchanging the code"
	}
	return append(rows, m.progress(fit(m.cells, strings.TrimSpace(current), w-10), l.job.began))
}

// addressBody adds the address to open, and the field for the one that the browser ends at. What
// must stay in sight is the field and the address; above gives way.
func (m *model) addressBody(above []string, w, h int) body {
	t, l := &m.theme, m.login
	say := func(text string) []string { return styled(wrap(m.cells, text, w), t.plain) }
	intro, tunnel := say("If it did not open, this is the address:"), []string(nil)
	if l.noBrowser {
		intro = say("No browser was opened. Please open this address yourself:")
		if l.port > 0 {
			tunnel = say(fmt.Sprintf("If that browser is on another machine, run this there first: "+
				"ssh -L %d:127.0.0.1:%d HOST", l.port, l.port))
		}
	}
	var field []string
	column := 0
	if m.pasteTo != nil && (l.noBrowser || l.typing || l.refused) {
		if l.refused {
			field = styled(wrap(m.cells, capital(l.text), w), t.bad)
		}
		text := t.dim.Render(fit(m.cells, "or paste the address that the browser ends at", w-2))
		if l.typing || l.paste.text != "" {
			text, column = l.paste.view(m.cells, w-2)
			text = t.strong.Render(text)
		}
		field = append(field, t.accent.Render("› ")+text)
	}
	link := t.accent
	if m.color {
		link = link.Hyperlink(l.url)
	}
	url := styled(fill(m.cells, l.url, m.width), link)
	rows := append(append([]string{}, above...), "")
	rows = append(rows, intro...)
	room := func() int { return h - len(rows) - len(url) - len(tunnel) - len(field) }
	if room() < 0 {
		rows, tunnel = above[len(above)-1:], nil
	}
	if room() < 0 && room()+len(rows) >= 0 {
		rows = nil // else the address is not whole in any case, and what goes on is of more use
	}
	if n := len(url) + min(0, room()); n < len(url) {
		url = append(url[:max(0, n-1)], t.warn.Render("… make the window larger"))
	}
	if len(tunnel) > 0 && room() > 0 {
		tunnel = append([]string{""}, tunnel...)
	}
	b := body{x: 2 + column, y: -1, flush: len(rows), flushed: len(url)}
	b.rows = append(append(append(rows, url...), tunnel...), field...)
	if l.typing {
		b.y = len(b.rows) - 1
	}
	return b
}

// host is a URL without what it begins with in any case.
func host(url string) string {
	url = oneLine(url, 300)
	return strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://")
}
