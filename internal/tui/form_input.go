package tui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxItems bounds the lists that are filled in item by item.
const maxItems = 200

// input is the state of one field.
type input struct {
	*field

	parent   *input // the group or list; nil: it is all arguments
	edit     editor
	picked   int    // index of the choice, -1: none
	ticked   []bool // of several choices
	at       int    // the choice under the cursor
	filter   string // what was typed to find a choice
	children []*input
	more     json.RawMessage // members of a group that have no field, an object; nil: none
	open     bool            // the group is sent
	null     bool            // null is sent
	blank    bool            // the user insists on sending an empty text or list
	insisted bool            // … or whatever the schema forbids
	touched  bool            // the user was here
	variant  int             // index into variants
	kept     map[int]*input  // what was entered for other variants

	known bool // raw and why are those of now
	raw   json.RawMessage
	why   fault
}

// fault is why a value should not be sent.
type fault struct {
	text    string // short: it stands beside the field; "": it fits
	missing bool   // nothing was entered
	hard    bool   // what was entered is no value at all
}

func newInput(fd *field, parent *input) *input {
	in := &input{field: fd, parent: parent, picked: -1}
	in.edit.lines = fd.kind == kindJSON
	switch {
	case fd.kind == kindGroup:
		in.open = fd.required
		for _, child := range fd.fields {
			in.children = append(in.children, newInput(child, in))
		}
	case fd.kind == kindChoices:
		in.ticked = make([]bool, len(fd.choices))
	case fd.kind == kindBoolean && fd.required && !fd.nullable:
		in.picked = 0
	case fd.kind == kindList && fd.required && fd.preset == nil:
		for range min(fd.rules.minItems, 5) {
			in.children = append(in.children, newInput(fd.item, in))
		}
	}
	if fd.preset != nil && (in.fits(fd.preset) || in.other(fd.preset) >= 0) {
		in.fill(fd.preset)
		in.blank = in.blank && fd.required // what is optional may be left to the server
	}
	return in
}

// picks says whether the field is chosen from values instead of typed.
func (in *input) picks() bool {
	return in.kind == kindBoolean || in.kind == kindChoice || in.kind == kindChoices
}

// typed says whether the field is written into.
func (in *input) typed() bool { return !in.picks() && in.kind != kindList && in.kind != kindGroup }

func (in *input) unfolded() bool {
	return !in.null && (in.kind == kindList || in.kind == kindGroup && in.open)
}

// focusable says whether there is something to press; the heading of a group that is always sent
// is only a heading.
func (in *input) focusable() bool {
	return in.kind != kindGroup || !in.required || in.nullable || len(in.variants) > 1 || len(in.children) == 0
}

func (in *input) empty() bool {
	switch in.kind {
	case kindBoolean, kindChoice:
		return in.picked < 0
	case kindChoices:
		return !slices.Contains(in.ticked, true)
	case kindList:
		return len(in.children) == 0
	case kindGroup:
		return !in.open
	case kindText:
		return in.edit.text == ""
	}
	return strings.TrimSpace(in.edit.text) == ""
}

// change is to be called before anything of the input changes by the user.
func (in *input) change() {
	in.touched, in.blank, in.null, in.insisted = true, false, false, false
	for ; in != nil; in = in.parent {
		in.known = false
	}
}

// value is the JSON to send, nil for a field that is left out, and what is wrong with it. A text
// that is no value is a JSON string, so that it is not lost on the way to an editor.
func (in *input) value() (json.RawMessage, fault) {
	if !in.known {
		in.raw, in.why = in.read()
		in.known = true
	}
	return in.raw, in.why
}

func (in *input) read() (json.RawMessage, fault) {
	switch {
	case in.null:
		return json.RawMessage("null"), fault{}
	case !in.empty():
		return in.entered()
	case in.blank && in.kind == kindText:
		return json.RawMessage(`""`), fault{text: in.rules.text("", in.format)}
	case in.blank:
		return json.RawMessage("[]"), fault{text: in.rules.items(nil)}
	case !in.required:
		return nil, fault{}
	case in.nullable:
		return json.RawMessage("null"), fault{}
	case in.kind == kindList, in.kind == kindChoices:
		return json.RawMessage("[]"), fault{text: in.rules.items(nil), missing: true}
	}
	return nil, fault{text: "required", missing: true}
}

// entered is the value of an input that is not empty.
func (in *input) entered() (json.RawMessage, fault) {
	text := strings.TrimSpace(in.edit.text)
	switch in.kind {
	case kindText:
		return quote(in.edit.text), fault{text: in.rules.text(in.edit.text, in.format)}
	case kindInteger, kindNumber:
		switch {
		case !isNumber(text):
			return quote(text), fault{text: "not a number", hard: true}
		case in.kind == kindInteger && strings.ContainsAny(text, ".eE"):
			return quote(text), fault{text: "not a whole number", hard: true}
		}
		return json.RawMessage(text), fault{text: in.rules.number(text)}
	case kindBoolean, kindChoice:
		return in.choices[in.picked].raw, fault{}
	case kindChoices:
		var items []json.RawMessage
		for i, c := range in.choices {
			if in.ticked[i] {
				items = append(items, c.raw)
			}
		}
		return array(items), fault{text: in.rules.items(items)}
	case kindList:
		var items []json.RawMessage
		for _, child := range in.children {
			if raw, _ := child.value(); raw != nil {
				items = append(items, raw)
			}
		}
		return array(items), fault{text: in.rules.items(items)}
	case kindGroup:
		return in.members(), fault{}
	}
	return in.json(text)
}

func array(items []json.RawMessage) json.RawMessage {
	return slices.Concat(json.RawMessage("["), bytes.Join(rawBytes(items), []byte(",")), json.RawMessage("]"))
}

func rawBytes(items []json.RawMessage) [][]byte {
	all := make([][]byte, len(items))
	for i, item := range items {
		all[i] = item
	}
	return all
}

func (in *input) members() json.RawMessage {
	names, values := members(in.more)
	own := len(names)
	for _, child := range in.children {
		if raw, _ := child.value(); raw != nil {
			names, values = append(names, child.name), append(values, raw)
		}
	}
	// The fields first, as the server has them.
	return object(slices.Concat(names[own:], names[:own]), slices.Concat(values[own:], values[:own]))
}

func (in *input) json(text string) (json.RawMessage, fault) {
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return quote(text), fault{text: position(text, err), hard: true}
	}
	raw = compact(raw)
	switch {
	case in.container == '[' && raw[0] != '[':
		return raw, fault{text: "must be an array: […]"}
	case in.container == '{' && raw[0] != '{':
		return raw, fault{text: "must be an object: {…}", hard: in.all}
	case in.variant < 0:
		return raw, fault{text: "not " + in.typ}
	case raw[0] == '[':
		var items []json.RawMessage
		_ = json.Unmarshal(raw, &items) // it is an array
		return raw, fault{text: in.rules.items(items)}
	}
	return raw, fault{}
}

// position says where a text is not JSON.
func position(text string, err error) string {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) || strings.HasPrefix(syntax.Error(), "unexpected end") {
		return "unfinished JSON"
	}
	before := text[:min(int(syntax.Offset), len(text))]
	line := strings.Count(before, "\n")
	at := max(1, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]))
	if line > 0 || strings.Contains(text, "\n") {
		return fmt.Sprintf("not JSON at line %d, character %d", line+1, at)
	}
	return fmt.Sprintf("not JSON at character %d", at)
}

func (in *input) insert(at int, item *input) *input {
	in.change()
	in.children = slices.Insert(in.children, at, item)
	return item
}

func (in *input) remove(at int) {
	in.change()
	in.children = slices.Delete(in.children, at, at+1)
}

func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s))
}
