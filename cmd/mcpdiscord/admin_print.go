package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// adminColumns say how lines of a list are printed.
type adminColumns struct {
	none   string                          // said where there is no line
	titles []string                        // of shown
	object func(server.AdminLine) any      // for --json
	fields func(server.AdminLine) []string // for scripts
	shown  func(server.AdminLine) []string // on a terminal; what may be wide or long comes last
}

var clientColumns = adminColumns{
	none:   "no client is known",
	titles: []string{"CLIENT", "KIND", "CREATED", "LAST USED", "GRANTS UNTIL", "NAME"},
	object: func(l server.AdminLine) any { return l.Client },
	fields: func(l server.AdminLine) []string {
		c := l.Client
		return []string{c.ID, c.Kind, c.Name, stamp(c.CreatedAt), stamp(c.LastUsed), stamp(c.GrantUntil), strings.Join(c.RedirectURIs, " ")}
	},
	shown: func(l server.AdminLine) []string {
		c := l.Client
		return []string{c.ID, c.Kind, day(c.CreatedAt), day(c.LastUsed), day(c.GrantUntil), c.Name}
	},
}

var grantColumns = adminColumns{
	none:   "nobody is signed in",
	titles: []string{"GRANT", "USER", "USERNAME", "CREATED", "LAST USED", "ENDS", "SCOPES", "CLIENT"},
	object: func(l server.AdminLine) any { return l.Grant },
	fields: func(l server.AdminLine) []string {
		g := l.Grant
		return []string{
			g.ID, g.UserID, g.Username, g.ClientID, g.ClientName, strings.Join(g.Scopes, " "),
			stamp(g.CreatedAt), stamp(g.LastUsed), stamp(g.Ends),
		}
	},
	shown: func(l server.AdminLine) []string {
		g := l.Grant
		return []string{g.ID, g.UserID, g.Username, day(g.CreatedAt), day(g.LastUsed), day(g.Ends), strings.Join(g.Scopes, " "), clientOf(g)}
	},
}

// clientOf is a grant's client: its name is its own word, so the id is there too.
func clientOf(g *authserver.GrantInfo) string {
	if g.ClientName == "" {
		return g.ClientID
	}
	return g.ClientName + " (" + g.ClientID + ")"
}

// stamp is a time for scripts, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// day is a time on a terminal.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateOnly)
}

// adminList prints a list as it comes: it may be longer than memory.
func (p *program) adminList(ctx context.Context, o *adminOptions, path string, columns adminColumns) error {
	admin, err := p.dialAdmin(ctx, o)
	if err != nil {
		return err
	}
	defer admin.close()
	var asked error
	err = p.write(outputFlags{}, func(w io.Writer, terminal bool) error {
		out := &adminPrinter{w: bufio.NewWriter(w), columns: columns, json: o.json, table: terminal && !o.json}
		var unwritable error
		asked = admin.list(ctx, path, func(line server.AdminLine) error {
			unwritable = out.print(line)
			return unwritable
		})
		if unwritable == nil {
			unwritable = out.end()
		}
		if asked == nil && out.lines == 0 {
			p.note("%s", columns.none)
		}
		return unwritable
	})
	return errors.Join(err, asked)
}

// tableRows is after how many rows a table is printed: until then its columns
// are as wide as they need to be.
const tableRows = 256

// adminPrinter prints lines.
type adminPrinter struct {
	w           *bufio.Writer
	columns     adminColumns
	json, table bool
	lines       int
	rows        [][]string // of the table, not printed yet
	widths      []int      // of its columns; they only grow
}

func (o *adminPrinter) print(line server.AdminLine) error {
	o.lines++
	if o.json {
		text, err := json.Marshal(o.columns.object(line))
		if err != nil {
			return err
		}
		_, err = o.w.Write(append(text, '\n'))
		return err
	}
	if !o.table {
		_, err := o.w.WriteString(strings.Join(printableFields(o.columns.fields(line)), "\t") + "\n")
		return err
	}
	if o.lines == 1 {
		o.rows = append(o.rows, o.columns.titles)
	}
	o.rows = append(o.rows, printableFields(o.columns.shown(line)))
	if len(o.rows) < tableRows {
		return nil
	}
	return o.flush()
}

// printableFields are foreign words on one line and in one field each.
func printableFields(fields []string) []string {
	for i, field := range fields {
		fields[i] = client.PrintableLine(field)
		if field == "" {
			fields[i] = "-"
		}
	}
	return fields
}

// flush prints the rows that wait.
func (o *adminPrinter) flush() error {
	if o.widths == nil {
		o.widths = make([]int, len(o.columns.titles))
	}
	for _, row := range o.rows {
		for i, field := range row {
			o.widths[i] = max(o.widths[i], utf8.RuneCountInString(field))
		}
	}
	for _, row := range o.rows {
		for i, field := range row {
			if i < len(row)-1 {
				field += strings.Repeat(" ", 2+o.widths[i]-utf8.RuneCountInString(field))
			}
			if _, err := o.w.WriteString(field); err != nil {
				return err
			}
		}
		if err := o.w.WriteByte('\n'); err != nil {
			return err
		}
	}
	o.rows = nil
	return o.w.Flush()
}

func (o *adminPrinter) end() error { return errors.Join(o.flush(), o.w.Flush()) }
