package main

import "regexp"

// jsonTokens finds the tokens of printable JSON: a key with its colon, a
// string, a number, a literal.
var jsonTokens = regexp.MustCompile(`("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b`)

// The colors of the terminal's own palette, so that they fit its theme.
const (
	colorKey     = "\x1b[34m"
	colorString  = "\x1b[32m"
	colorNumber  = "\x1b[36m"
	colorLiteral = "\x1b[35m"
	colorOff     = "\x1b[0m"
)

// colorJSON colors JSON text. It changes no character of it.
func colorJSON(text string) string {
	return jsonTokens.ReplaceAllStringFunc(text, func(token string) string {
		switch first, last := token[0], token[len(token)-1]; {
		case first == '"' && last == ':':
			return colorKey + token[:len(token)-1] + colorOff + ":"
		case first == '"':
			return colorString + token + colorOff
		case first == 't', first == 'f', first == 'n':
			return colorLiteral + token + colorOff
		}
		return colorNumber + token + colorOff
	})
}
