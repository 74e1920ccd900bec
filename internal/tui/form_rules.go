package tui

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// rules are the constraints of a schema that are checked while a value is entered. What is odd, or
// cannot be checked, is left out.
type rules struct {
	low, high            *limit
	multiple             *limit
	minLength, maxLength int // code points; -1: any
	pattern              *regexp.Regexp
	minItems, maxItems   int // -1: any
	unique               bool
}

// limit is a number as the schema has it, and its exact value.
type limit struct {
	text      string
	value     *big.Rat
	exclusive bool
}

var noRules = rules{minLength: -1, maxLength: -1, minItems: -1, maxItems: -1}

// Bounds of what is checked while somebody types.
const (
	maxDigits   = 1000     // of a number, and its exponent
	maxPattern  = 1000     // bytes of a pattern
	maxMatching = 64 << 10 // bytes that a pattern is tried on
)

func newRules(n node) rules {
	r := rules{
		low: newLimit(n["minimum"]), high: newLimit(n["maximum"]), multiple: newLimit(n["multipleOf"]),
		minLength: count(n["minLength"]), maxLength: count(n["maxLength"]),
		minItems: count(n["minItems"]), maxItems: count(n["maxItems"]), unique: string(n["uniqueItems"]) == "true",
	}
	r.low = stricter(r.low, n["exclusiveMinimum"], 1)
	r.high = stricter(r.high, n["exclusiveMaximum"], -1)
	if r.multiple != nil && r.multiple.value.Sign() <= 0 {
		r.multiple = nil
	}
	if pattern := n.text("pattern"); pattern != "" && len(pattern) <= maxPattern {
		r.pattern, _ = regexp.Compile(pattern) // one of another dialect is the server's to check
	}
	return r
}

// stricter is the limit that counts: an exclusive one may stand beside the other, or, as drafts
// before 6 have it, say that the other is exclusive.
func stricter(l *limit, raw json.RawMessage, sign int) *limit {
	if l != nil && string(raw) == "true" {
		l.exclusive = true
		return l
	}
	exclusive := newLimit(raw)
	if exclusive == nil || l != nil && sign*l.value.Cmp(exclusive.value) > 0 {
		return l
	}
	exclusive.exclusive = true
	return exclusive
}

func newLimit(raw json.RawMessage) *limit {
	if value := rational(string(raw)); value != nil {
		return &limit{text: oneLine(string(raw), 40), value: value}
	}
	return nil
}

// rational is the exact value of a number; nil for what is none, or too long to be exact about.
func rational(text string) *big.Rat {
	if !isNumber(text) || len(text) > maxDigits {
		return nil
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if n, err := strconv.Atoi(text[i+1:]); err != nil || n > maxDigits || n < -maxDigits {
			return nil
		}
	}
	value, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	return value
}

// count is a keyword whose value is a number of things; -1 for none.
func count(raw json.RawMessage) int {
	value := rational(string(raw))
	if value == nil || !value.IsInt() || value.Sign() < 0 || value.Num().BitLen() > 31 {
		return -1
	}
	return int(value.Num().Int64())
}

// number says what is wrong with a number; "": nothing.
func (r *rules) number(text string) string {
	if r.low == nil && r.high == nil && r.multiple == nil {
		return ""
	}
	value := rational(text)
	if value == nil {
		return ""
	}
	if l := r.low; l != nil {
		switch order := value.Cmp(l.value); {
		case order < 0 && !l.exclusive:
			return "at least " + l.text
		case order <= 0 && l.exclusive:
			return "more than " + l.text
		}
	}
	if l := r.high; l != nil {
		switch order := value.Cmp(l.value); {
		case order > 0 && !l.exclusive:
			return "at most " + l.text
		case order >= 0 && l.exclusive:
			return "less than " + l.text
		}
	}
	if l := r.multiple; l != nil && !new(big.Rat).Quo(value, l.value).IsInt() {
		return "a multiple of " + l.text
	}
	return ""
}

// text says what is wrong with a text.
func (r *rules) text(text, format string) string {
	n := utf8.RuneCountInString(text)
	switch {
	case n < r.minLength:
		return "at least " + several(r.minLength, "character")
	case r.maxLength >= 0 && n > r.maxLength:
		return "at most " + several(r.maxLength, "character")
	}
	if why := wrongFormat(format, text); why != "" {
		return why
	}
	if r.pattern != nil && len(text) <= maxMatching && !r.pattern.MatchString(text) {
		return "does not match " + oneLine(r.pattern.String(), 60)
	}
	return ""
}

// items says what is wrong with the items of an array.
func (r *rules) items(items []json.RawMessage) string {
	switch {
	case len(items) < r.minItems:
		return "at least " + several(r.minItems, "item")
	case r.maxItems >= 0 && len(items) > r.maxItems:
		return "at most " + several(r.maxItems, "item")
	case !r.unique:
		return ""
	}
	seen := map[string]int{}
	for i, raw := range items {
		if first, again := seen[canonical(raw)]; again {
			return fmt.Sprintf("items %d and %d are the same", first+1, i+1)
		}
		seen[canonical(raw)] = i
	}
	return ""
}

// canonical is one spelling of all values that are equal in JSON Schema, as far as that is cheap:
// the members of objects are sorted, and numbers exact.
func canonical(raw json.RawMessage) string {
	if value := rational(string(raw)); value != nil {
		return value.RatString()
	}
	var value any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	if dec.Decode(&value) != nil {
		return string(raw)
	}
	return string(encoded(exact(value)))
}

// exact spells the numbers within a value in one way.
func exact(value any) any {
	switch value := value.(type) {
	case json.Number:
		if r := rational(value.String()); r != nil {
			return map[string]string{"\x00": r.RatString()}
		}
	case []any:
		for i := range value {
			value[i] = exact(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = exact(value[name])
		}
	}
	return value
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// words says what a value must be, for the line under the field.
func (r *rules) words() string {
	var parts []string
	add := func(low, high int, what string) {
		switch {
		case low > 0 && high >= 0:
			parts = append(parts, fmt.Sprintf("%d to %s", low, several(high, what)))
		case low > 0:
			parts = append(parts, "at least "+several(low, what))
		case high >= 0:
			parts = append(parts, "at most "+several(high, what))
		}
	}
	add(r.minLength, r.maxLength, "character")
	add(r.minItems, r.maxItems, "item")
	if r.unique {
		parts = append(parts, "all different")
	}
	if l := r.low; l != nil && l.exclusive {
		parts = append(parts, "more than "+l.text)
	}
	if l := r.high; l != nil && l.exclusive {
		parts = append(parts, "less than "+l.text)
	}
	if r.multiple != nil {
		parts = append(parts, "a multiple of "+r.multiple.text)
	}
	if r.pattern != nil {
		parts = append(parts, "matches "+oneLine(r.pattern.String(), 100))
	}
	return strings.Join(parts, ", ")
}
