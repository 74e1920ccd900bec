package tui

import (
	"strings"
	"unicode/utf8"
)

// Limits of what one result may put on the screen.
const (
	maxNodes  = 1 << 20
	maxScalar = 1 << 10 // bytes; a longer string or number is folded, and laid out in runs
	maxSource = 1 << 30 // offsets are 32 bits
)

// nodeKind is what a node of a tree is.
type nodeKind uint8

const (
	nodeObject nodeKind = iota
	nodeArray
	nodeString
	nodeNumber
	nodeWord  // true, false, null
	nodeRun   // a piece of a long string or number
	nodeText  // a line of plain text
	nodeBad   // a line of an error
	nodeNote  // our own words
	nodePart  // content by name, type and size
	nodeBlank // an empty line
)

// naming is how a node is called by what it is in.
type naming uint8

const (
	unnamed naming = iota
	byKey          // name is where the key begins
	byIndex        // name is the index
	byLabel        // name is an index of labels
)

// twig is one line of a tree, or several where it is wrapped. Its text stays where it was
// received: from and to are offsets, so that numbers keep their digits and nothing is copied.
type twig struct {
	from, to uint32 // in the source; of a note, from is an index of labels; of a part, of parts
	name     uint32
	count    uint32 // children of an object or array
	parent   int32  // -1: none
	next     int32  // the first node after this one and all in it
	kind     nodeKind
	naming   naming
	source   uint8
}

// tree is content made ready for the screen once, off the screen's own loop. It does not change
// once it is built, so that commands may search it; what is folded is the outline's.
type tree struct {
	sources []string
	labels  []string // our own words
	parts   []part
	nodes   []twig // each before those in it
	left    int    // bytes that did not fit
	flat    bool   // plain lines: nothing to fold or to choose
}

func (t *tree) full() bool { return len(t.nodes) >= maxNodes }

// hold adds a source and gives its number.
func (t *tree) hold(text string) uint8 {
	t.sources = append(t.sources, text)
	return uint8(len(t.sources) - 1)
}

// add appends a leaf, which may get children; -1: it did not fit.
func (t *tree) add(n twig) int32 {
	if t.full() {
		return -1
	}
	at := int32(len(t.nodes))
	n.next = at + 1
	t.nodes = append(t.nodes, n)
	return at
}

// note adds a line of our own, always.
func (t *tree) note(kind nodeKind, words string) {
	t.labels = append(t.labels, words)
	at := int32(len(t.nodes))
	t.nodes = append(t.nodes, twig{from: uint32(len(t.labels) - 1), parent: -1, next: at + 1, kind: kind})
}

// finish says what is missing.
func (t *tree) finish() *tree {
	if len(t.nodes) == 0 {
		t.note(nodeNote, "The answer is empty.")
	}
	if t.left > 0 {
		t.note(nodeBlank, "")
		t.note(nodeNote, "… "+size(t.left)+" more are not shown here; s saves everything.")
	}
	t.flat = true
	for i := range t.nodes {
		if k := t.nodes[i].kind; k < nodeText || k == nodePart {
			t.flat = false
			break
		}
	}
	return t
}

// addText adds plain text, a line a node. An endless line is broken, at a space where there
// is one.
func (t *tree) addText(source uint8, from, to int, kind nodeKind) {
	s := t.sources[source]
	for to > from && (s[to-1] == '\n' || s[to-1] == '\r') {
		to--
	}
	for from <= to {
		if t.full() {
			t.left += to - from
			return
		}
		end, next := to, to+1
		if i := strings.IndexByte(s[from:min(to, from+maxScalar+1)], '\n'); i >= 0 {
			end, next = from+i, from+i+1
		} else if to-from > maxScalar {
			end = from + maxScalar
			if i := strings.LastIndexByte(s[from:end], ' '); i > 0 {
				end = from + i + 1
			}
			end = runeStart(s, from, end)
			next = end
		}
		t.add(twig{from: uint32(from), to: uint32(end), parent: -1, kind: kind, source: source})
		from = next
	}
}

// runeStart moves at back to the start of a character, but stays beyond from.
func runeStart(s string, from, at int) int {
	for i := at; i > max(from, at-utf8.UTFMax); i-- {
		if i < len(s) && utf8.RuneStart(s[i]) {
			return i
		}
	}
	return at
}

// addJSON adds one value that json.Valid accepted.
func (t *tree) addJSON(source uint8, from, to int, name naming, label int) {
	r := &treeReader{tree: t, s: t.sources[source], source: source, i: from, to: to, key: -1}
	r.top = twig{naming: name, name: uint32(label)}
	for r.i < to {
		r.token()
	}
	if r.cut > 0 {
		t.left += to - r.cut
	}
}

// treeReader turns JSON into nodes. It goes on to the end when the tree is full, so that what is
// shown has its length.
type treeReader struct {
	tree   *tree
	s      string
	source uint8
	i, to  int
	key    int // where the key of the member at hand begins; -1: none
	top    twig
	open   []opened
	cut    int // where the first node did not fit
}

// opened is an object or array whose end has not come.
type opened struct {
	at     int32 // -1: it did not fit
	count  uint32
	object bool
}

func (r *treeReader) token() {
	switch ch := r.s[r.i]; ch {
	case ' ', '\t', '\r', '\n', ',', ':':
		r.i++
	case '{', '[':
		kind := nodeObject
		if ch == '[' {
			kind = nodeArray
		}
		at := r.add(kind, r.i, r.i)
		r.open = append(r.open, opened{at: at, object: ch == '{'})
		r.i++
	case '}', ']':
		r.i++
		last := r.open[len(r.open)-1]
		r.open = r.open[:len(r.open)-1]
		if last.at >= 0 {
			n := &r.tree.nodes[last.at]
			n.to, n.count, n.next = uint32(r.i), last.count, int32(len(r.tree.nodes))
		}
	case '"':
		r.str()
	default:
		from := r.i
		for r.i < r.to && !strings.ContainsRune(" \t\r\n,:}]", rune(r.s[r.i])) {
			r.i++
		}
		kind := nodeWord
		if ch == '-' || ch >= '0' && ch <= '9' {
			kind = nodeNumber
		}
		if at := r.add(kind, from, r.i); r.i-from > maxScalar {
			r.runs(at, from, r.i)
		}
	}
}

// str reads a key or a string.
func (r *treeReader) str() {
	from, lines := r.i, false
	for r.i++; r.i < r.to && r.s[r.i] != '"'; r.i++ {
		if r.s[r.i] == '\\' {
			r.i++
			lines = lines || r.i < r.to && r.s[r.i] == 'n'
		}
	}
	r.i = min(r.i+1, r.to)
	if n := len(r.open); n > 0 && r.open[n-1].object && r.key < 0 {
		r.key = from
		return
	}
	if at := r.add(nodeString, from, r.i); lines || r.i-from > maxScalar {
		r.runs(at, from+1, r.i-1)
	}
}

// add appends a value to what is open.
func (r *treeReader) add(kind nodeKind, from, to int) int32 {
	n := r.top
	n.from, n.to, n.kind, n.source, n.parent = uint32(from), uint32(to), kind, r.source, -1
	if len(r.open) > 0 {
		in := &r.open[len(r.open)-1]
		n.parent, n.naming, n.name = in.at, byIndex, in.count
		if in.object {
			n.naming, n.name = byKey, uint32(r.key)
		}
		in.count++
	}
	r.key = -1
	at := r.tree.add(n)
	if at < 0 && r.cut == 0 {
		r.cut = max(from, 1)
	}
	return at
}

// runs adds the lines of a long scalar: it breaks at newlines, and where a line does not end.
// Escapes stay whole.
func (r *treeReader) runs(parent int32, from, to int) {
	if parent < 0 {
		return
	}
	start := from
	line := func(end int) {
		r.tree.add(twig{from: uint32(start), to: uint32(end), parent: parent, kind: nodeRun, source: r.source})
	}
	for i := from; i < to; {
		if r.tree.full() {
			if r.cut == 0 {
				r.cut = start
			}
			break
		}
		n := 1
		switch {
		case r.s[i] == '\\' && r.s[i+1] == 'n':
			line(i)
			i += 2
			start = i
			continue
		case r.s[i] == '\\':
			_, n = unescape(r.s[i:to])
			n = max(n, 2)
		case r.s[i] >= utf8.RuneSelf:
			_, n = utf8.DecodeRuneInString(r.s[i:to])
		}
		if i+n-start > maxScalar {
			line(i)
			start = i
		}
		i += n
	}
	if start < to && !r.tree.full() {
		line(to)
	}
	r.tree.nodes[parent].next = int32(len(r.tree.nodes))
}

// raw is a value as received, or a line of text.
func (t *tree) raw(i int) string {
	n := &t.nodes[i]
	switch n.kind {
	case nodeNote, nodeBlank, nodePart:
		return ""
	}
	return t.sources[n.source][n.from:n.to]
}

// key is the key of a member as received, with its quotes.
func (t *tree) key(n *twig) string { return quoted(t.sources[n.source][n.name:n.from]) }

// called says whether the key of a member is this one.
func (t *tree) called(n *twig, key string) bool {
	return n.naming == byKey && strings.HasPrefix(t.sources[n.source][n.name:n.from], key)
}

// quoted is the JSON string that s begins with, or all of s where that does not end. What stands
// after it, which may be many spaces, is not looked at.
func quoted(s string) string {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return s[:i+1]
		}
	}
	return s
}

// holds says whether something is in a node, which can thus be folded.
func (t *tree) holds(i int) bool { return int(t.nodes[i].next) > i+1 }

// tabular says whether a node is an array of objects.
func (t *tree) tabular(i int) bool {
	const looked = 20
	n := &t.nodes[i]
	if n.kind != nodeArray || !t.holds(i) {
		return false
	}
	at := i + 1
	for k := 0; k < looked && at < int(n.next); k++ {
		if t.nodes[at].kind != nodeObject || t.nodes[at].count == 0 {
			return false
		}
		at = int(t.nodes[at].next)
	}
	return true
}

// size of what a tree keeps beyond its sources, in bytes.
func (t *tree) bytes() int { return cap(t.nodes) * 28 }
