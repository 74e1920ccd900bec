package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// status is the first line: where, who, and how long the access token lasts.
func (m *model) status(w int) string {
	t := &m.theme
	server := oneLine(m.identity.Server, 300)
	server = strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")
	left := " " + t.accent.Render("mcpdiscord") + "  " + t.dim.Render(server)
	if w < 60 {
		left = " " + t.dim.Render(server)
	}
	right := t.strong.Render(fit(m.cells, who(m.identity), max(12, w/3)))
	if left, ok := m.tokenLeft(); ok {
		style := t.dim
		if !m.identity.Expiry.After(m.clock) {
			style = t.warn
		}
		right += t.dim.Render(" · ") + style.Render(left)
	}
	return ends(m.cells, left, " "+right+" ", w)
}

// who is the name to show for an identity.
func who(id client.Identity) string {
	name, user := oneLine(id.GlobalName, 100), oneLine(id.Username, 100)
	switch {
	case name == "" && user == "" && id.UserID == "":
		return "not signed in"
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
