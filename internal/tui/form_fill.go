package tui

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// fill makes a value that of the input. What its kind cannot hold stands there as JSON.
func (in *input) fill(raw json.RawMessage) {
	in.change()
	if in.variant < 0 {
		in.become(0)
	}
	switch at := in.other(raw); {
	case string(raw) == "null" && in.nullable && !in.picks():
		in.null = true
		return
	case in.fits(raw):
	case at >= 0:
		in.become(at)
	default:
		in.asJSON()
	}
	in.touched = false
	in.take(raw)
}

// take is fill for a value that fits.
func (in *input) take(raw json.RawMessage) {
	switch in.kind {
	case kindText:
		var s string
		_ = json.Unmarshal(raw, &s) // it is a text
		in.setText(s)
		in.blank = s == ""
	case kindBoolean, kindChoice:
		in.picked = in.choice(raw)
	case kindChoices:
		clear(in.ticked)
		items := elements(raw)
		for _, item := range items {
			in.ticked[in.choice(item)] = true
		}
		in.blank = len(items) == 0
	case kindList:
		in.children = nil
		for _, item := range elements(raw) {
			child := newInput(in.item, in)
			child.fill(item)
			in.children = append(in.children, child)
		}
		in.blank = len(in.children) == 0
	case kindGroup:
		in.takeMembers(raw)
	case kindJSON:
		in.setText(indented(raw))
	default:
		in.setText(string(raw))
	}
}

func (in *input) setText(text string) {
	lines := in.edit.lines
	in.edit = newEditor(text)
	in.edit.lines = lines
}

func (in *input) takeMembers(raw json.RawMessage) {
	in.open, in.more = true, nil
	names, values := members(raw)
	at := map[string]int{}
	for i, name := range names {
		at[name] = i
	}
	for _, child := range in.children {
		i, there := at[child.name]
		if !there {
			child.clear()
			continue
		}
		child.fill(values[i])
		delete(at, child.name)
	}
	if len(at) == 0 {
		return
	}
	var rest []string
	var others []json.RawMessage
	for i, name := range names {
		if _, left := at[name]; left {
			rest, others = append(rest, name), append(others, values[i])
		}
	}
	in.more = object(rest, others)
}

// clear makes the input one that is not sent.
func (in *input) clear() {
	in.change()
	in.touched, in.picked, in.open, in.more = false, -1, in.required, nil
	in.setText("")
	clear(in.ticked)
	switch in.kind {
	case kindList:
		in.children = nil
	case kindGroup:
		for _, child := range in.children {
			child.clear()
		}
	}
}

// waypoint is one step on the way to an input: its place in what it is in, and its name.
type waypoint struct {
	at   int
	name string
}

// way leads to the input from the outermost one.
func (in *input) way() []waypoint {
	if in == nil || in.parent == nil {
		return nil
	}
	return append(in.parent.way(), waypoint{slices.Index(in.parent.children, in), in.name})
}

// along is the input at the end of a way, or the last one on it that shows.
func (in *input) along(way []waypoint) *input {
	for _, s := range way {
		if in.parent != nil && !in.unfolded() || s.at >= len(in.children) || in.children[s.at].name != s.name {
			break
		}
		in = in.children[s.at]
	}
	return in
}

// fits says whether a value can be shown by the input's kind.
func (in *input) fits(raw json.RawMessage) bool {
	typ := schema.TypeOf(raw)
	switch in.kind {
	case kindText:
		return typ == "string" && len(raw) <= maxInput
	case kindInteger:
		return typ == "integer"
	case kindNumber:
		return typ == "integer" || typ == "number"
	case kindBoolean, kindChoice:
		return in.choice(raw) >= 0
	case kindChoices:
		seen := map[int]bool{}
		for _, item := range elements(raw) {
			i := in.choice(item)
			if i < 0 || seen[i] {
				return false
			}
			seen[i] = true
		}
		return typ == "array"
	case kindList:
		return typ == "array" && len(elements(raw)) <= maxItems
	case kindGroup:
		return typ == "object" && in.alike(raw)
	}
	return in.container == 0 || in.container == raw[0]
}

// other is the index of a variant that fits, -1 for none.
func (in *input) other(raw json.RawMessage) int {
	return slices.IndexFunc(in.variants, func(v *field) bool { return (&input{field: v}).fits(raw) })
}

// alike says whether an object has what tells the groups of a choice apart: their constants, and
// the members that must be there. The arguments as a whole are like nothing else.
func (in *input) alike(raw json.RawMessage) bool {
	if len(in.variants) < 2 {
		return true
	}
	names, values := members(raw)
	for _, fd := range in.fields {
		at := slices.Index(names, fd.name)
		if at < 0 && fd.required {
			return false
		}
		if at >= 0 && fd.kind == kindChoice && (&input{field: fd}).choice(compact(values[at])) < 0 {
			return false
		}
	}
	return true
}

// choice is the index of a value, -1 if it is none of the choices.
func (in *input) choice(raw json.RawMessage) int {
	return slices.IndexFunc(in.choices, func(c choice) bool { return bytes.Equal(c.raw, raw) })
}

func elements(raw json.RawMessage) []json.RawMessage {
	var items []json.RawMessage
	_ = json.Unmarshal(raw, &items) // nothing but an array has some
	return items
}

// indented lays JSON out in lines once it is too long for one.
func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) <= 60 || json.Indent(&b, raw, "", "  ") != nil || b.Len() > maxInput {
		return string(raw)
	}
	return b.String()
}

// become changes to another variant. What was entered is kept, and taken along as text.
func (in *input) become(variant int) {
	if variant == in.variant || variant >= len(in.variants) {
		return
	}
	old := *in
	if in.kept == nil {
		in.kept = map[int]*input{}
	}
	kept := in.kept
	kept[old.variant] = &old
	known := kept[variant]
	if known == nil {
		fresh := *in.variants[variant]
		fresh.preset = nil
		known = newInput(&fresh, in.parent)
		known.open = true
	}
	*in = *known
	in.parent, in.kept, in.variant = old.parent, kept, variant
	for _, child := range in.children {
		child.parent = in
	}
	if old.typed() && in.typed() && old.kind != kindJSON {
		in.setText(strings.TrimSpace(old.edit.text))
		if in.kind == kindText {
			in.setText(old.edit.text)
		}
	}
	in.change()
}

// asJSON makes the input one for JSON of any kind.
func (in *input) asJSON() {
	if in.kind == kindJSON && in.container == 0 {
		return
	}
	any := *in.field
	any.kind, any.container, any.secret, any.hides = kindJSON, 0, false, any.secret || any.hides
	if any.variants == nil {
		any.variants = []*field{in.field}
	}
	parent := in.parent
	*in = *newInput(&field{kind: kindJSON, rules: noRules}, parent)
	in.field, in.variant = &any, -1
}

// turn goes to the next of what else could be sent: another type, null, an empty text or list.
// False: there is nothing else.
func (in *input) turn() bool {
	null, blank := in.null, in.blank
	in.change()
	canBlank := (in.kind == kindText || in.kind == kindList || in.kind == kindChoices) && in.empty()
	switch {
	case !blank && !null && in.variant+1 < len(in.variants):
		in.become(in.variant + 1)
	case !blank && !null && in.nullable && !in.picks():
		in.null = true
	case !blank && canBlank:
		in.blank = true
	case null || blank || len(in.variants) > 1:
		in.become(0)
	default:
		return false
	}
	return true
}
