package tui

import (
	"io"
	"os"
	"slices"
	"unicode"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// In the older protocol of terminals Esc and a key in one burst are the same bytes as Alt and the
// key. The decoder takes them for Alt; the model, which knows what Alt means where, for two keys.

// keyboard reads keys for the decoder. It spells an Esc out where that would drop one of the keys
// around it: of Esc, Esc and a key it keeps one Esc, and after an Esc it forgets a character of
// several code points.
type keyboard struct {
	in      io.Reader
	tail    [len(pasteEnd)]byte // the last bytes, in which a paste may begin or end
	pasting bool                // what is pasted stays as it is
}

// terminal is a keyboard that is a terminal, too.
type terminal struct {
	*os.File

	keys *keyboard
}

// The sequences of the terminal that matter here: an Esc that nothing else begins with, and the ends
// of a paste.
const (
	escape     = 0x1b
	wholeEsc   = "\x1b[27u"
	pasteBegin = "\x1b[200~"
	pasteEnd   = "\x1b[201~"
)

func newKeyboard(in io.Reader) io.Reader {
	k := &keyboard{in: in}
	if file, ok := in.(*os.File); ok {
		return &terminal{File: file, keys: k}
	}
	return k
}

func (t *terminal) Read(p []byte) (int, error) { return t.keys.Read(p) }

// Read never keeps bytes back: whoever waits for the terminal would not hear of them.
func (k *keyboard) Read(p []byte) (int, error) {
	read := make([]byte, max(1, len(p)/len(wholeEsc)))
	n, err := k.in.Read(read)
	out := p[:0]
	for i, b := range read[:n] {
		if b == escape && !k.pasting && loses(read[i+1:n]) && len(p) >= len(wholeEsc) {
			out = append(out, wholeEsc...)
		} else {
			out = append(out, b)
		}
		k.follow(b)
	}
	return len(out), err
}

// loses says whether the decoder would drop a key of an Esc and what comes after it.
func loses(next []byte) bool {
	switch {
	case len(next) == 0:
		return false
	case next[0] == escape: // Esc and the sequence of a key is Alt and that key
		return len(next) < 2 || next[1] != '[' && next[1] != 'O'
	}
	return next[0] >= utf8.RuneSelf
}

func (k *keyboard) follow(b byte) {
	copy(k.tail[:], k.tail[1:])
	k.tail[len(k.tail)-1] = b
	switch string(k.tail[:]) {
	case pasteBegin:
		k.pasting = true
	case pasteEnd:
		k.pasting = false
	}
}

// burst says whether a key with Alt is Esc and that key. Where the terminal tells them apart Alt
// is Alt, and so it is where a field has a use for the two.
func (m *model) burst(msg tea.KeyPressMsg) bool {
	return msg.Mod.Contains(tea.ModAlt) && msg.Text == "" && !m.exact && !m.bound(msg.String())
}

// bound says whether the field at hand does something on a key that means Alt and another. Enter
// after Esc is too likely for that.
func (m *model) bound(name string) bool {
	return name != "alt+enter" && m.help == nil && slices.ContainsFunc(m.keyGroups(), func(g keyGroup) bool {
		return slices.ContainsFunc(g.keys, func(b key.Binding) bool { return slices.Contains(b.Keys(), name) })
	})
}

// withoutAlt is the second of two keys that came as one.
func withoutAlt(msg tea.KeyPressMsg) tea.KeyPressMsg {
	msg.Mod &^= tea.ModAlt
	code := msg.Code
	if msg.Mod.Contains(tea.ModShift) && msg.ShiftedCode != 0 {
		code = msg.ShiftedCode
	}
	if msg.Text == "" && msg.Mod&^tea.ModShift == 0 && code < unicode.MaxRune && unicode.IsPrint(code) {
		msg.Text = string(code)
	}
	return msg
}
