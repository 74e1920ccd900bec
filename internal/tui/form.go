package tui

import (
	"bytes"
	"cmp"
	"encoding/json"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// form is what the user has entered for one tool, prompt, address or question. It lives as long as
// what it belongs to does, so that going back loses nothing.
type form struct {
	shape   shape
	root    *input // the object of all arguments
	slots   []slot // what is on the screen, from top to bottom
	focus   int    // index into slots
	clock   time.Time
	tried   bool   // a submit was refused: every reason shows
	refused *input // the reason for that, which the next submit may pass over
	misfit  string // why the whole does not fit its schema
	anyway  bool   // the user insists on sending that
	strict  bool   // nothing is sent that does not fit: an answer to a question must
	draft   string // what came back from $EDITOR and is not an object; "": nothing
	changes int    // how often something was entered

	line    string // the command that does the same
	written int    // changes when it was written, and one
}

// slot is an input at its place on the screen.
type slot struct {
	*input

	depth int // how many groups and lists it is in
}

func newForm(s shape) *form {
	f := &form{shape: s, root: newInput(&field{kind: kindGroup, required: true, fields: s.fields, rules: noRules}, nil)}
	f.layout()
	f.focus = f.next(-1, 1)
	return f
}

// layout lists what is on the screen; the focus stays on its input while that is there.
func (f *form) layout() {
	focused := f.focused()
	f.slots = f.slots[:0]
	f.list(f.root.children, 0)
	for i := range f.slots {
		if f.slots[i].input == focused {
			f.focus = i
			return
		}
	}
	f.focus = max(0, min(f.focus, len(f.slots)-1))
	if in := f.focused(); in != nil && !in.focusable() {
		if f.focus = f.next(f.focus, 1); !f.slots[f.focus].focusable() {
			f.focus = f.next(f.focus, -1)
		}
	}
}

func (f *form) list(children []*input, depth int) {
	for _, in := range children {
		f.slots = append(f.slots, slot{in, depth})
		if in.unfolded() {
			f.list(in.children, depth+1)
		}
	}
}

// focused is the input with the focus; nil if there is none.
func (f *form) focused() *input {
	if f.focus >= len(f.slots) {
		return nil
	}
	return f.slots[f.focus].input
}

// next is the slot n focusable ones after i, or the last one on that way.
func (f *form) next(i, n int) int {
	way, found := 1, max(i, 0)
	if n < 0 {
		way, n = -1, -n
	}
	for i += way; i >= 0 && i < len(f.slots) && n > 0; i += way {
		if f.slots[i].focusable() {
			found = i
			n--
		}
	}
	return found
}

// move puts the focus n fields further.
func (f *form) move(n int) {
	if in := f.focused(); in != nil {
		in.touched, in.filter = true, ""
	}
	f.focus = f.next(f.focus, n)
}

// visit puts the focus on a slot, if it can have it; false: it has it already, or cannot.
func (f *form) visit(i int) bool {
	if i == f.focus || !f.slots[i].focusable() {
		return false
	}
	f.move(0)
	f.focus = i
	return true
}

func (f *form) last() bool { return f.next(f.focus, 1) == f.focus }

// reach puts the focus on an input, or on the first inside that can have it.
func (f *form) reach(in *input) {
	f.layout()
	for i := range f.slots {
		if f.slots[i].input == in {
			if f.focus = i; !in.focusable() {
				f.focus = f.next(i, 1)
			}
		}
	}
}

// reason is what to show beside a field: nothing about one that was not reached yet.
func (f *form) reason(in *input) string {
	_, why := in.value()
	switch {
	case why.text == "", why.missing && !in.touched && !f.tried:
		return ""
	case in != f.refused || f.strict:
		return why.text
	case why.missing && in.kind == kindText:
		return why.text + "; ctrl+s again sends it empty"
	}
	return why.text + "; ctrl+s again sends it"
}

// arguments is the JSON object to send. If a field does not allow that it gets the focus. What
// only the schema forbids is sent when the user insists: schemas are often odd.
func (f *form) arguments() (json.RawMessage, bool) {
	f.insist()
	anyway := f.anyway
	for i := range f.slots {
		in := f.slots[i].input
		if _, why := in.value(); why.text != "" && (why.hard || !in.insisted) {
			f.tried, in.touched, f.focus = true, true, i
			if !why.hard {
				f.refused = in
			}
			return nil, false
		}
		anyway = anyway || in.insisted // the whole says the same again
	}
	raw := f.sent()
	if !anyway {
		if name, why := schema.Misfit(f.shape.schema, raw); why != "" {
			f.misfit = oneLine(cmp.Or(name, "it")+" does not fit the schema: "+why, 300)
			if f.shape.hides { // the validator quotes values
				f.misfit = "the arguments do not fit the schema"
			}
			f.tried = true
			return nil, false
		}
	}
	return raw, true
}

// insist passes over the reason for which the last submit was refused, if nothing has changed.
func (f *form) insist() {
	in := f.refused
	f.refused = nil
	switch {
	case f.strict:
	case in != nil:
		if _, why := in.value(); why.missing && in.kind == kindText {
			in.change()
			in.blank = true
			f.changes++
			return
		}
		in.insisted = true
	case f.misfit != "":
		f.anyway = true
	}
}

// sent is the JSON object of all fields as they stand, without those whose text is no value.
func (f *form) sent() json.RawMessage {
	if !f.shape.whole {
		raw, _ := f.root.value()
		return raw
	}
	if raw, _ := f.root.children[0].value(); raw != nil {
		return raw
	}
	return json.RawMessage("{}")
}

// document is the arguments as a text to edit.
func (f *form) document() string {
	var b bytes.Buffer
	if json.Indent(&b, f.sent(), "", "  ") != nil {
		return "{}\n"
	}
	return b.String() + "\n"
}

// set fills the form from arguments, those that it has no field for included; what they do not
// have is not sent. The focus stays on its field, or goes to what that was in. False: they are not
// an object.
func (f *form) set(raw json.RawMessage) bool {
	if raw = compact(raw); schema.TypeOf(raw) != "object" {
		return false
	}
	way := f.focused().way()
	if f.shape.whole {
		f.root.children[0].fill(raw)
	} else {
		f.root.fill(raw)
	}
	f.changed()
	f.tried, f.focus = false, 0
	f.layout()
	f.reach(f.root.along(way))
	return true
}

// changed forgets what was said about the values as they were.
func (f *form) changed() {
	f.changes++
	f.refused, f.misfit, f.anyway, f.draft = nil, "", false, ""
}

// paste puts text into the focused field; false: it does not fit. JSON fills a list or a group.
func (f *form) paste(text string) bool {
	in := f.focused()
	switch {
	case in == nil, in.picks():
		return true
	case in.kind == kindList, in.kind == kindGroup:
		if raw := compact(json.RawMessage(text)); raw != nil && in.fits(raw) {
			in.fill(raw)
			f.changed()
			f.layout()
		}
		return true
	}
	in.change()
	f.changed()
	return in.edit.insert(text)
}

// add puts a new item into the list at hand, after the item at hand if there is one.
func (f *form) add() formAction {
	list, at := f.item()
	if in := f.focused(); in != nil && in.kind == kindList {
		list, at = in, len(in.children)-1
	}
	switch {
	case list == nil:
		return formStay
	case len(list.children) >= maxItems:
		return formFull
	}
	item := list.insert(at+1, newInput(list.item, list))
	f.changed()
	f.reach(item)
	return formStay
}

// remove takes the item at hand out of its list.
func (f *form) remove() bool {
	list, at := f.item()
	if list == nil {
		return false
	}
	list.remove(at)
	f.changed()
	f.layout()
	if at < len(list.children) {
		f.reach(list.children[at])
	} else {
		f.reach(list)
	}
	return true
}

// shift moves the item at hand by n places.
func (f *form) shift(n int) bool {
	list, at := f.item()
	if list == nil {
		return false
	}
	if to := at + n; to >= 0 && to < len(list.children) {
		list.children[at], list.children[to] = list.children[to], list.children[at]
		list.change()
		f.changed()
		f.layout()
	}
	return true
}

// item is the innermost list that the focus is in, and the index there; nil for none.
func (f *form) item() (list *input, at int) {
	for in := f.focused(); in != nil && in.parent != nil; in = in.parent {
		if in.parent.kind == kindList {
			for i, item := range in.parent.children {
				if item == in {
					return in.parent, i
				}
			}
		}
	}
	return nil, 0
}
