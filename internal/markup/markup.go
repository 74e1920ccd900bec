// Package markup writes HTML in which only constants of the source are markup.
// Whatever else goes into a page is escaped where it goes in, and what was put
// together wrongly does not compile, or panics in the first test that shows it.
//
// It stands in the place of html/template, which finds methods by their names:
// where that is linked, the linker has to keep the methods of every type.
package markup

import (
	"fmt"
	"html"
	"strings"
)

// HTML is markup that is safe to show. Nothing but this package makes any.
type HTML struct{ text string }

// String is the markup itself.
func (h HTML) String() string { return h.text }

// Link is where an href leads. Who makes one has to know that it is harmless;
// one that would run a script, or that is no URL with a host, leads nowhere.
type Link string

// constant is the type of parameters that take only constants of the source:
// another package can neither name it nor have a variable of it.
type constant string

// slot is where a part goes in.
const slot = "%s"

// Format puts parts into the slots %s of a format: HTML as it is, all else as
// text. A slot is between tags, or is the end of the value of an attribute in
// double quotes: of class or value, or with a [Link] of href. It panics where a
// slot is elsewhere, because there escaping is not enough, and where there are
// not as many slots as parts.
func Format(format constant, parts ...any) HTML {
	pieces := strings.Split(string(format), slot)
	if len(pieces) != len(parts)+1 {
		panic(fmt.Sprintf("markup: %d parts for %q", len(parts), format))
	}
	var b strings.Builder
	end := 0 // of what of the format is written
	for i, part := range parts {
		b.WriteString(pieces[i])
		end += len(pieces[i])
		b.WriteString(written(string(format[:end]), part))
		end += len(slot)
	}
	b.WriteString(pieces[len(parts)])
	return HTML{b.String()}
}

// written is a part as it may stand after before.
func written(before string, part any) string {
	attribute, known := place(before)
	link, isLink := part.(Link)
	markup, isHTML := part.(HTML)
	switch {
	case !known, isHTML && attribute != "", isLink != (attribute == "href"):
		panic(fmt.Sprintf("markup: no place for %T after %q", part, before))
	case isHTML:
		return markup.text
	case isLink && !harmless(string(link)):
		return "#"
	}
	return html.EscapeString(fmt.Sprint(part))
}

// place is the attribute in whose value something after before would stand, ""
// for between tags; not known is every other place.
func place(before string) (attribute string, known bool) {
	tag := before[max(0, strings.LastIndexByte(before, '<')):]
	if !strings.HasPrefix(tag, "<") || strings.Contains(tag, ">") {
		return "", !strings.HasPrefix(tag, "<style") && !strings.HasPrefix(tag, "<script")
	}
	open := strings.LastIndex(tag, `="`)
	if open < 0 || strings.Contains(tag[open+len(`="`):], `"`) {
		return "", false
	}
	switch attribute = tag[strings.LastIndexByte(tag[:open], ' ')+1 : open]; attribute {
	case "class", "value", "href":
		return attribute, true
	}
	return "", false
}

// harmless says whether a link leads to a host or an app.
func harmless(link string) bool {
	scheme, _, found := strings.Cut(link, "://")
	if !found || scheme == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return false
	}
	return scheme != "javascript" && scheme != "vbscript" && scheme != "data"
}

// Join puts markup together.
func Join(parts []HTML) HTML {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString(part.text)
	}
	return HTML{b.String()}
}

// Style is the element of a style sheet, which has to be the program's own: a
// policy that names its hash lets the browser use no other.
func Style(css string) HTML {
	if strings.Contains(css, "<") {
		panic("markup: a style sheet that could end its element")
	}
	return HTML{"<style>" + css + "</style>"}
}
