package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table prints a list of rows: on a terminal with titles and its columns
// aligned, elsewhere a line each with tabs between. A field with nothing in it
// is a -.
func (p *program) table(o outputFlags, titles []string, rows [][]string) error {
	for _, row := range rows {
		printableFields(row)
	}
	return p.write(o, func(w io.Writer, terminal bool) error {
		widths := make([]int, len(titles))
		if terminal {
			rows = append([][]string{titles}, rows...)
			for _, row := range rows {
				for i, field := range row {
					widths[i] = max(widths[i], utf8.RuneCountInString(field))
				}
			}
		}
		for _, row := range rows {
			line := strings.Join(row, "\t")
			if terminal {
				line = aligned(row, widths)
			}
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
		return nil
	})
}

// aligned is a row with its fields, but for the last, as wide as their columns.
func aligned(row []string, widths []int) string {
	var b strings.Builder
	for i, field := range row {
		b.WriteString(field)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", 2+widths[i]-utf8.RuneCountInString(field)))
		}
	}
	return b.String()
}
