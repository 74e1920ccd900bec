package tui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// form is what the user has entered for one tool. It lives as long as the list of tools does, so
// that going back loses nothing.
type form struct {
	inputs []input
	whole  bool
	focus  int
	tried  bool // a submit was refused: every reason shows
}

// input is the state of one field.
type input struct {
	field

	edit    editor
	picked  int  // index of the choice, -1: none
	touched bool // the user was here
	blank   bool // the user insists on sending an empty text
}

func newForm(s shape) *form {
	f := &form{whole: s.whole}
	for _, fd := range s.fields {
		f.inputs = append(f.inputs, newInput(fd))
	}
	return f
}

func newInput(fd field) input {
	in := input{field: fd, picked: -1}
	switch fd.kind {
	case kindText:
		var s string
		if fd.preset != nil && json.Unmarshal(fd.preset, &s) == nil {
			in.edit = newEditor(s)
		}
	case kindInteger, kindNumber, kindJSON:
		in.edit = newEditor(string(fd.preset))
	case kindBoolean, kindChoice:
		for i, c := range fd.choices {
			if fd.preset != nil && bytes.Equal(c.raw, fd.preset) {
				in.picked = i
				break
			}
		}
		if in.picked < 0 && fd.kind == kindBoolean && fd.required {
			in.picked = 0
		}
	}
	return in
}

// picks says whether the field is chosen from values instead of typed.
func (in *input) picks() bool { return in.kind == kindBoolean || in.kind == kindChoice }

func (in *input) empty() bool {
	if in.picks() {
		return in.picked < 0
	}
	if in.kind == kindText {
		return in.edit.text == ""
	}
	return strings.TrimSpace(in.edit.text) == ""
}

// Reasons why a value cannot be sent. They stand beside the field, so they are short.
var (
	errRequired   = errors.New("required")
	errBlank      = errors.New("required; Enter again sends it empty")
	errNumber     = errors.New("not a number")
	errInteger    = errors.New("not a whole number")
	errUnfinished = errors.New("unfinished JSON")
	errArray      = errors.New("must be an array: […]")
	errObject     = errors.New("must be an object: {…}")
)

// value is the JSON to send, nil for a field that is left out.
func (in *input) value() (json.RawMessage, error) {
	if in.empty() {
		switch {
		case !in.required:
			return nil, nil
		case in.nullable:
			return json.RawMessage("null"), nil
		case in.kind == kindText && in.blank:
			return json.RawMessage(`""`), nil
		}
		return nil, errRequired
	}
	text := strings.TrimSpace(in.edit.text)
	switch in.kind {
	case kindText:
		return quote(in.edit.text), nil
	case kindInteger:
		if !isNumber(text) {
			return nil, errNumber
		}
		if strings.ContainsAny(text, ".eE") {
			return nil, errInteger
		}
		return json.RawMessage(text), nil
	case kindNumber:
		if !isNumber(text) {
			return nil, errNumber
		}
		return json.RawMessage(text), nil
	case kindBoolean, kindChoice:
		return in.choices[in.picked].raw, nil
	}
	return in.json(text)
}

func (in *input) json(text string) (json.RawMessage, error) {
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) && !strings.HasPrefix(syntax.Error(), "unexpected end") {
			at := utf8.RuneCountInString(text[:min(int(syntax.Offset), len(text))])
			return nil, fmt.Errorf("not JSON at character %d", max(1, at))
		}
		return nil, errUnfinished
	}
	switch {
	case in.container == '[' && raw[0] != '[':
		return nil, errArray
	case in.container == '{' && raw[0] != '{':
		return nil, errObject
	}
	return compact(raw), nil
}

// reason is what to show beside a field: nothing about one that was not reached yet.
func (f *form) reason(i int) string {
	in := &f.inputs[i]
	_, err := in.value()
	switch {
	case err == nil, errors.Is(err, errRequired) && !in.touched && !f.tried:
		return ""
	case errors.Is(err, errRequired) && f.tried && in.kind == kindText && i == f.focus:
		return errBlank.Error()
	}
	return err.Error()
}

// arguments is the JSON object to send. If a field does not allow that it gets the focus.
func (f *form) arguments() (json.RawMessage, bool) {
	if len(f.inputs) > 0 {
		if in := &f.inputs[f.focus]; f.tried && in.touched && in.kind == kindText && in.empty() {
			in.blank = true
		}
	}
	var b bytes.Buffer
	b.WriteByte('{')
	for i := range f.inputs {
		in := &f.inputs[i]
		raw, err := in.value()
		if err != nil {
			f.tried, in.touched, f.focus = true, true, i
			return nil, false
		}
		if raw == nil {
			continue
		}
		if f.whole {
			return raw, true
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(quote(in.name))
		b.WriteByte(':')
		b.Write(raw)
	}
	b.WriteByte('}')
	return b.Bytes(), true
}

// move puts the focus n fields further.
func (f *form) move(n int) {
	f.inputs[f.focus].touched = true
	f.focus = max(0, min(f.focus+n, len(f.inputs)-1))
}

func (f *form) last() bool { return f.focus == len(f.inputs)-1 }

// key gives a key to the focused field. It reports whether the field had a use for it.
func (f *form) key(c cells, msg tea.KeyPressMsg) bool {
	in := &f.inputs[f.focus]
	in.blank = false
	if in.picks() {
		return in.pick(msg)
	}
	if !in.edit.key(c, msg) {
		return false
	}
	in.touched = true
	return true
}

// paste puts text into the focused field; false: it does not fit.
func (f *form) paste(text string) bool {
	in := &f.inputs[f.focus]
	if in.picks() {
		return true
	}
	in.touched, in.blank = true, false
	return in.edit.insert(text)
}

func (in *input) pick(msg tea.KeyPressMsg) bool {
	lowest, n := 0, len(in.choices)
	if !in.required {
		lowest = -1 // may be left out
	}
	switch key := msg.String(); key {
	case "right", "space", " ":
		if in.picked++; in.picked >= n {
			in.picked = lowest
		}
	case "left":
		if in.picked--; in.picked < lowest {
			in.picked = n - 1
		}
	case "backspace", "delete":
		in.picked = lowest
	default:
		return in.jump(msg.Text)
	}
	in.touched = true
	return true
}

// jump picks the next choice that begins with what was typed.
func (in *input) jump(text string) bool {
	if text == "" {
		return false
	}
	for i := range in.choices {
		at := (in.picked + 1 + i) % len(in.choices)
		if strings.HasPrefix(strings.ToLower(in.choices[at].label), strings.ToLower(text)) {
			in.picked, in.touched = at, true
			return true
		}
	}
	return true
}

// quote is a JSON string, without the escapes that are for HTML.
func quote(s string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return json.RawMessage(`""`) // a string always encodes
	}
	return bytes.TrimSpace(b.Bytes())
}

func isNumber(s string) bool {
	return s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s))
}
