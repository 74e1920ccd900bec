package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// inspector is the place in what is known of the connection.
type inspector struct {
	top int // the first row that is shown
}

// fact is one line that is known: a label and a value, both printable; without a value it is a
// heading.
type fact struct {
	label, value string
	bad          bool
}

// identityFacts is who is signed in, where, and for how long.
func (m *model) identityFacts() []fact {
	id := m.identity
	facts := []fact{{label: "Sign-in"}, {label: "user", value: who(id)}}
	add := func(label, value string) {
		if value = oneLine(value, 1000); value != "" {
			facts = append(facts, fact{label: label, value: value})
		}
	}
	add("Discord ID", id.UserID)
	add("scopes", strings.Join(id.Scopes, " "))
	add("client ID", id.ClientID)
	add("issuer", id.Issuer)
	if left, known := m.tokenLeft(); known {
		facts = append(facts, fact{
			label: "token", value: strings.TrimPrefix(left, "token ") + ", until " + id.Expiry.In(m.clock.Location()).Format("2006-01-02 15:04:05"),
			bad: !id.Expiry.After(m.clock),
		})
	}
	if id.Given {
		add("token", "brought by you; it is not renewed")
	}
	return facts
}

// serverFacts is what is known of the server.
func (m *model) serverFacts() []fact {
	facts := []fact{{label: "Server"}, {label: "address", value: oneLine(m.identity.Server, 1000)}}
	if v := oneLine(m.identity.ProtocolVersion, 40); v != "" {
		facts = append(facts, fact{label: "MCP", value: v})
	}
	return facts
}

// inspectorRows are all rows of the pane.
func (m *model) inspectorRows(w int) []string {
	t := &m.theme
	var rows []string
	for i, f := range append(m.identityFacts(), m.serverFacts()...) {
		if f.value == "" {
			if i > 0 {
				rows = append(rows, "")
			}
			rows = append(rows, " "+t.strong.Render(f.label))
			continue
		}
		style := t.plain
		if f.bad {
			style = t.warn
		}
		const label = 12
		for n, row := range wrap(m.cells, f.value, max(10, w-label-4)) {
			name := ""
			if n == 0 {
				name = f.label
			}
			rows = append(rows, "   "+t.dim.Render(pad(m.cells, name, label))+style.Render(row))
		}
	}
	return rows
}

func (m *model) inspectorBody() body {
	rows, h := m.inspectorRows(m.width), m.bodyHeight()
	top := max(0, min(m.inspector.top, len(rows)-h))
	return body{y: -1, rows: rows[top:min(len(rows), top+h)]}
}

func (m *model) pressInspector(msg tea.KeyPressMsg) {
	n := len(m.inspectorRows(m.width))
	if by, ok := m.keys.step(msg, m.bodyHeight()-1, n); ok {
		m.inspector.top = max(0, min(m.inspector.top+by, n-m.bodyHeight()))
	}
}

func (m *model) inspectorHints() []key.Binding {
	k := &m.keys
	return []key.Binding{as(k.up, "↑↓", "scroll"), k.quit}
}
