package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// status is the first line: where, how the connection stands, who, and how long the access token
// lasts. What has no room goes, the least important first.
func (m *model) status(w int) string {
	t := &m.theme
	left := []string{t.accent.Render("mcpdiscord"), t.dim.Render(host(m.identity.Server))}
	if v := oneLine(m.identity.ProtocolVersion, 20); v != "" {
		left = append(left, t.dim.Render("MCP "+v))
	}
	right := m.standing(w)
	whole := func() (string, string) {
		return " " + strings.Join(left, "  "), strings.Join(right, t.dim.Render(" · ")) + " "
	}
	l, r := whole()
	for step := 0; step < 3 && m.cells.StringWidth(l)+m.cells.StringWidth(r)+2 > w; step++ {
		switch {
		case step == 0:
			left = left[:2] // the protocol's version
		case step == 1 && len(right) > 2 && m.link.latency > 0 && m.lostWords() == "":
			right = right[1:] // the latency
		case step == 2:
			left = left[1:] // our own name
		}
		l, r = whole()
	}
	return ends(m.cells, l, " "+r, w)
}

// standing is how the connection stands, who is signed in, and what runs.
func (m *model) standing(w int) []string {
	t := &m.theme
	var parts []string
	if words := m.lostWords(); words != "" {
		if w < 60 {
			words, _, _ = strings.Cut(words, ",")
		}
		return []string{t.bad.Render(words)}
	}
	if m.link.latency > 0 {
		parts = append(parts, t.dim.Render(elapsed(m.link.latency)))
	}
	switch n := m.inFlight(); {
	case n == 1:
		parts = append(parts, t.accent.Render("1 call"))
	case n > 1:
		parts = append(parts, t.accent.Render(fmt.Sprintf("%d calls", n)))
	}
	switch n := m.unseen(); {
	case n == 1:
		parts = append(parts, t.warn.Render("1 question"))
	case n > 1:
		parts = append(parts, t.warn.Render(fmt.Sprintf("%d questions", n)))
	}
	if m.session == nil {
		return append(parts, t.dim.Render("not connected"))
	}
	user := who(m.identity)
	parts = append(parts, t.strong.Render(fit(m.cells, user, max(12, w/3))))
	if m.link.ended && user != nobody {
		return append(parts, t.warn.Render("sign-in has ended"))
	}
	if left, ok := m.tokenLeft(); ok {
		style := t.dim
		if !m.identity.Expiry.After(m.clock) {
			style = t.warn
		}
		parts = append(parts, style.Render(left))
	}
	return parts
}

const nobody = "not signed in"

// who is the name to show for an identity.
func who(id client.Identity) string {
	name, user := oneLine(id.GlobalName, 100), oneLine(id.Username, 100)
	switch {
	case name == "" && user == "" && id.UserID == "":
		return nobody
	case name == "" && user == "":
		return oneLine(id.UserID, 40)
	case name == "":
		return user
	case user == "" || strings.EqualFold(name, user):
		return name
	}
	return name + " (" + user + ")"
}

// countDown is the time that is counted down in seconds.
const countDown = 2 * time.Minute

// tokenLeft says how long the token lasts; false if nobody knows.
func (m *model) tokenLeft() (string, bool) {
	if m.identity.Expiry.IsZero() {
		return "", false
	}
	left := m.identity.Expiry.Sub(m.clock)
	switch {
	case left <= 0:
		return "token expired", true
	case left <= countDown:
		return fmt.Sprintf("token %d s", int(left.Seconds())), true
	case left < 2*time.Hour:
		return fmt.Sprintf("token %d min", int(left.Minutes())), true
	case left < 48*time.Hour:
		return fmt.Sprintf("token %d h", int(left.Hours())), true
	}
	return fmt.Sprintf("token %d days", int(left.Hours())/24), true
}

// elapsed is a duration in words.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
}
