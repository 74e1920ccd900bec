package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// A frame is the status line, the tabs, the body, a rule with what happened last, and the footer.
const frameRows = 4

// roomy is the body height from which a heading has an empty row above it.
const roomy = 12

func (m *model) tooSmall() bool { return m.width < minWidth || m.height < minHeight }

func (m *model) bodyHeight() int { return max(1, m.height-frameRows) }

// body is what a screen shows between the rules, at most bodyHeight rows.
type body struct {
	rows   []string
	x, y   int // the cursor; y < 0: none
	corner string
	// flush is the first of some rows that have no margin.
	flush, flushed int
	// slots are the fields of a form that the rows are of, by their index; -1: of none.
	slots []int
}

// below puts the body below other rows.
func (b *body) below(rows []string) {
	if b.y >= 0 {
		b.y += len(rows)
	}
	b.rows, b.slots = append(rows, b.rows...), append(slices.Repeat([]int{-1}, len(rows)), b.slots...)
}

// View draws the frame; the terminal's own cursor stands in the focused field.
func (m *model) View() tea.View {
	v := tea.NewView("")
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.KeyboardEnhancements.ReportAlternateKeys = true // Ctrl-C is one on every layout
	if m.tooSmall() {
		sentence := fmt.Sprintf("Please make this window at least %d×%d; it is %d×%d.",
			minWidth, minHeight, m.width, m.height)
		rows := paragraphs(m.cells, sentence, max(1, m.width))
		v.SetContent(strings.Join(rows[:min(len(rows), max(1, m.height))], "\n"))
		return v
	}
	b := m.body()
	rows := make([]string, 0, m.height)
	tabs := m.rule("", "")
	if m.login == nil {
		tabs = m.tabRow(m.width)
	}
	rows = append(rows, m.status(m.width), tabs)
	rows = append(rows, b.rows[:min(len(b.rows), m.bodyHeight())]...)
	for len(rows) < m.height-2 {
		rows = append(rows, "")
	}
	rows = append(rows, m.rule(m.notice, b.corner), m.footer(m.width))
	for i, row := range rows {
		rows[i] = unjoined(strings.TrimRight(fit(m.cells, row, m.width), " "))
		if m.ascii {
			rows[i] = inASCII(m.cells, rows[i])
		}
	}
	v.SetContent(strings.Join(rows, "\n"))
	if b.y >= 0 && b.y < m.bodyHeight() && b.x < m.width {
		v.Cursor = tea.NewCursor(b.x, b.y+2)
		v.Cursor.Blink = false
	}
	return v
}

// rule is a line across, with words set into it at both ends.
func (m *model) rule(left, right string) string {
	t := &m.theme
	head, tail := "", ""
	if left != "" {
		head = "── " + fit(m.cells, left, m.width-8) + " "
	}
	if right != "" {
		tail = " " + right + " ──"
	}
	fill := m.width - m.cells.StringWidth(head) - m.cells.StringWidth(tail)
	if fill < 0 {
		fill, tail = max(0, m.width-m.cells.StringWidth(head)), ""
	}
	line := t.dim.Render(strings.Repeat("─", fill) + tail)
	if head == "" {
		return line
	}
	return t.warn.Render(head) + line
}

func (m *model) body() body {
	w, h, p := m.width-2, m.bodyHeight(), m.here()
	switch {
	case m.help != nil:
		return margin(m.helpBody(h))
	case m.palette != nil:
		return margin(m.paletteBody(w, h))
	case m.login != nil:
		return margin(m.loginBody(w, h))
	}
	switch p.screen {
	case screenForm:
		return m.formBody()
	case screenConfirm:
		return margin(m.confirmBody(p.call, w, h))
	case screenCall:
		if m.asked() != nil {
			return m.questionBody()
		}
		return margin(m.callBody(p.call, w, h))
	}
	return m.paneBody()
}

// margin moves a body one column to the right, but for the rows that are flush.
func margin(b body) body {
	for i, row := range b.rows {
		if i < b.flush || i >= b.flush+b.flushed {
			b.rows[i] = " " + row
		}
	}
	b.x++
	return b
}

const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

// progress is the spinner, what is being done, and the whole seconds it has taken.
func (m *model) progress(what string, began time.Time) string {
	frames := []rune(spinner)
	t := &m.theme
	seconds := int(m.clock.Sub(began).Seconds())
	frame := string(frames[m.frame%len(frames)])
	if m.still {
		frame = "…"
	}
	return t.accent.Render(frame) + " " +
		t.strong.Render(what) + t.dim.Render(fmt.Sprintf("  %d s", seconds))
}

func (m *model) failureBody(f *failure, w, h int) body {
	t := &m.theme
	rows := []string{"", t.bad.Bold(true).Render(fit(m.cells, f.title, w)), ""}
	if h < roomy {
		rows = rows[1:]
	}
	var hint []string
	if f.hint != "" {
		hint = append([]string{""}, styled(wrap(m.cells, capital(f.hint), w), t.dim)...)
		hint = head(m.cells, hint, h/2, w)
	}
	message := head(m.cells, wrap(m.cells, capital(f.message), w), h-len(rows)-len(hint), w)
	rows = append(rows, styled(message, t.plain)...)
	return body{rows: append(rows, hint...), y: -1}
}

// capital gives a message, which begins in lower case on the command line, a capital, unless it
// begins with a name or an address. There is no full stop: hints end in commands that people copy.
func capital(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if s != "" && s[0] >= 'a' && s[0] <= 'z' && !strings.ContainsAny(word, ":/_.()") {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}
