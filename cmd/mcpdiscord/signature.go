package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// signature is a tool as one line: name(argument: type, argument?: type).
func signature(tool client.Tool) string {
	list, _ := properties(tool.InputSchema)
	var parts []string
	for _, p := range list {
		part := p.name
		if !p.required {
			part += "?"
		}
		if len(p.types) > 0 {
			part += ": " + strings.Join(p.types, "|")
		}
		if len(p.fallback) > 0 {
			part += " = " + clip(string(p.fallback))
		}
		parts = append(parts, part)
	}
	return client.PrintableLine(tool.Name + "(" + strings.Join(parts, ", ") + ")")
}

// Bounds of the table of a tool's arguments.
const (
	maxRows    = 200
	maxNesting = 4  // objects in objects
	maxColumn  = 40 // characters of a name or a type before the table goes out of line
)

// argumentRow is a line of that table. What is inside an argument has a line of
// its own: embed.title, fields[].name.
type argumentRow struct{ name, types, notes string }

// argumentTable says what a tool's arguments are; "" where it has none.
func argumentTable(schema json.RawMessage) string {
	r := &argumentRows{schemaView: newSchemaView(schema)}
	r.add(schema, "")
	rows := r.rows
	var nameWidth, typeWidth int
	for i, r := range rows {
		rows[i] = argumentRow{client.PrintableLine(r.name), client.PrintableLine(r.types), client.PrintableLine(r.notes)}
		nameWidth = max(nameWidth, min(maxColumn, len([]rune(rows[i].name))))
		typeWidth = max(typeWidth, min(maxColumn, len([]rune(rows[i].types))))
	}
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(strings.TrimRight(fmt.Sprintf("  %-*s  %-*s  %s", nameWidth, r.name, typeWidth, r.types, r.notes), " ") + "\n")
	}
	if len(rows) == maxRows {
		b.WriteString("  …\n")
	}
	return b.String()
}

// argumentRows collects them.
type argumentRows struct {
	*schemaView
	rows   []argumentRow
	within []string // the schemas around the present one
}

func (r *argumentRows) add(schema json.RawMessage, prefix string) {
	list, _ := r.properties(schema)
	for _, p := range list {
		if len(r.rows) == maxRows {
			return
		}
		name := prefix + p.name
		r.rows = append(r.rows, argumentRow{name, r.typeName(p.schema, p.types), r.notes(p)})
		inner, brackets := r.core(p.schema), ""
		for range maxNesting {
			if inner["items"] == nil {
				break
			}
			inner, brackets = r.core(inner["items"]), brackets+"[]"
		}
		text, _ := json.Marshal(inner) // of a map that was JSON: it cannot fail
		if inner["properties"] == nil || len(r.within) == maxNesting || slices.Contains(r.within, string(text)) {
			continue
		}
		r.within = append(r.within, string(text))
		r.add(text, name+brackets+".")
		r.within = r.within[:len(r.within)-1]
	}
}

// typeName names types, and those of the items of an array.
func (v *schemaView) typeName(schema json.RawMessage, types []string) string {
	shown := slices.Clone(types)
	if i := slices.Index(shown, "array"); i >= 0 {
		if items := v.core(schema)["items"]; items != nil {
			if of := v.domain(items, maxRefs).types; of != nil {
				shown[i] = "array of " + v.typeName(items, of)
			}
		}
	}
	return strings.Join(shown, "|")
}

// core is a schema with what its references say and, where it has a single
// branch beside null, with what that one says.
func (v *schemaView) core(raw json.RawMessage) map[string]json.RawMessage {
	known := v.at(raw)
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		branches := slices.DeleteFunc(schema.Children(known[keyword]), func(branch json.RawMessage) bool {
			return string(v.keywords(branch)["type"]) == `"null"`
		})
		if len(branches) == 1 {
			known = merged(known, v.at(branches[0]))
		}
	}
	return known
}

// merged is a schema's keywords and those of another that it does not have.
func merged(known, more map[string]json.RawMessage) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for _, from := range []map[string]json.RawMessage{more, known} {
		for name, value := range from {
			all[name] = value
		}
	}
	return all
}

// notes are what a row says beside name and type.
func (v *schemaView) notes(p property) string {
	var parts []string
	if p.required {
		parts = append(parts, "required")
	}
	if len(p.enum) > 0 {
		var choices []string
		for _, c := range p.enum {
			choices = append(choices, string(c))
		}
		parts = append(parts, "one of "+clipLong(strings.Join(choices, ", ")))
	}
	parts = append(parts, limits(v.core(p.schema))...)
	if len(p.fallback) > 0 {
		parts = append(parts, "default "+clip(string(p.fallback)))
	}
	notes := strings.Join(parts, ", ")
	if p.description == "" {
		return notes
	}
	return strings.TrimPrefix(notes+"; "+p.description, "; ")
}

// argumentLine is a row without the name.
func argumentLine(schema json.RawMessage, p property) string {
	v := newSchemaView(schema)
	return strings.Trim(v.typeName(p.schema, p.types)+", "+v.notes(p), ", ")
}

// limits are what a schema says of a value beside its type, in words.
func limits(known map[string]json.RawMessage) (parts []string) {
	between := func(low, high, unit string) {
		least, most := number(known[low]), number(known[high])
		if cmp.Or(most, least) == "1" {
			unit = strings.TrimSuffix(unit, "s")
		}
		switch {
		case least != "" && least == most:
			parts = append(parts, least+unit)
		case least != "" && most != "":
			parts = append(parts, least+" to "+most+unit)
		case least != "":
			parts = append(parts, "at least "+least+unit)
		case most != "":
			parts = append(parts, "at most "+most+unit)
		}
	}
	between("minLength", "maxLength", " characters")
	between("minimum", "maximum", "")
	between("minItems", "maxItems", " items")
	between("minProperties", "maxProperties", " members")
	for _, l := range []struct{ keyword, words string }{
		{"exclusiveMinimum", "more than "}, {"exclusiveMaximum", "less than "}, {"multipleOf", "a multiple of "},
	} {
		if n := number(known[l.keyword]); n != "" {
			parts = append(parts, l.words+n)
		}
	}
	if string(known["uniqueItems"]) == "true" {
		parts = append(parts, "none twice")
	}
	for _, keyword := range []string{"format", "pattern"} {
		var text string
		if json.Unmarshal(known[keyword], &text) == nil && text != "" {
			parts = append(parts, keyword+" "+clipLong(text))
		}
	}
	return parts
}

// number is a JSON number as it is written, "" for anything else.
func number(raw json.RawMessage) string {
	if _, err := strconv.ParseFloat(string(raw), 64); err != nil {
		return ""
	}
	return string(raw)
}
