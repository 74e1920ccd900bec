//go:build tmux

package main

import (
	"cmp"
	"fmt"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// shot is what a terminal shows for a while, and the key that led there.
type shot struct {
	rows      []string // with SGR, as tmux captures them
	key, says string
	seconds   float64
}

// Sizes of the picture of a terminal.
const (
	cellWidth, cellHeight = 8.4, 18.0
	svgMargin             = 14.0
	svgInk, svgPaper      = "#d6d9e0", "#15171c"
)

// cast draws shots of a terminal as one SVG that plays them again and again. It
// has its own paper, so it can be read on light and on dark pages, and needs
// nothing but a monospaced font. Who wants no motion sees the last shot.
type cast struct {
	styles []string // CSS, by the number of the class
	body   strings.Builder
}

func drawCast(columns, rows int, shots []shot) string {
	c := &cast{}
	width, height := float64(columns)*cellWidth+2*svgMargin, float64(rows+2)*cellHeight+2*svgMargin
	total, from := 0.0, 0.0
	for _, s := range shots {
		total += s.seconds
	}
	var motion strings.Builder
	for i, s := range shots {
		fmt.Fprintf(&c.body, "<g class=\"f f%d\">\n", i)
		var now pen // goes on from one row to the next
		for y, row := range s.rows {
			c.row(&now, row, float64(y+1)*cellHeight)
		}
		c.caption(s, float64(rows+2)*cellHeight)
		c.body.WriteString("</g>\n")
		begin, end := 100*from/total, 100*(from+s.seconds)/total
		fmt.Fprintf(&motion, "@keyframes k%d{0%%{visibility:hidden}%.2f%%{visibility:visible}%.2f%%,100%%{visibility:hidden}}.f%d{animation-name:k%d}\n", i, begin, min(end, 99.99), i, i)
		from += s.seconds
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\">\n<style>\n", width, height, width, height)
	fmt.Fprintf(&b, "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,\"DejaVu Sans Mono\",monospace;white-space:pre;fill:%s}\n", svgInk)
	fmt.Fprintf(&b, ".f{visibility:hidden;animation:%.1fs step-end infinite}\n%s", total, motion.String())
	for i, style := range c.styles {
		fmt.Fprintf(&b, ".s%d{%s}\n", i, style)
	}
	fmt.Fprintf(&b, "@media (prefers-reduced-motion:reduce){.f{animation:none}.f%d{visibility:visible}}\n</style>\n", len(shots)-1)
	fmt.Fprintf(&b, "<rect width=\"100%%\" height=\"100%%\" rx=\"8\" fill=\"%s\"/>\n<g transform=\"translate(%.0f %.0f)\">\n%s</g>\n</svg>\n", svgPaper, svgMargin, svgMargin-4, c.body.String())
	return b.String()
}

// caption is the key that was pressed and what it does, below the terminal.
func (c *cast) caption(s shot, y float64) {
	x := 0
	if s.key != "" {
		x = utf8.RuneCountInString(s.key) + 3
		fmt.Fprintf(&c.body, "<rect x=\"0\" y=\"%.0f\" width=\"%.1f\" height=\"20\" rx=\"4\" fill=\"#8ea1ff\"/>", y-14, float64(x-1)*cellWidth)
		c.text(1, y, s.key, "fill:"+svgPaper+";font-weight:700")
	}
	c.text(x, y, s.says, "fill:#8ea1ff")
	c.body.WriteByte('\n')
}

// row draws one row, run by run of the same style.
func (c *cast) row(now *pen, row string, y float64) {
	x := 0
	for row != "" {
		if rest, found := strings.CutPrefix(row, "\x1b["); found {
			codes, rest, _ := strings.Cut(rest, "m")
			now.sgr(codes)
			row = rest
			continue
		}
		if rest, found := strings.CutPrefix(row, "\x1b]"); found { // a link
			_, row, _ = strings.Cut(rest, "\x1b\\")
			continue
		}
		run, n := row, strings.IndexByte(row, '\x1b')
		if n >= 0 {
			run = row[:n]
		}
		row = row[len(run):]
		words := strings.TrimLeft(run, " ")
		at := x + len(run) - len(words)
		x += utf8.RuneCountInString(run)
		if now.reverse {
			fmt.Fprintf(&c.body, "<rect x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\" fill=\"%s\"/>", float64(at)*cellWidth, y-14, float64(utf8.RuneCountInString(words))*cellWidth, cellHeight, cmp.Or(now.color, svgInk))
		}
		if words = strings.TrimRight(words, " "); words != "" {
			c.text(at, y, words, now.css())
		}
	}
	c.body.WriteByte('\n')
}

// text draws words in as many columns as they have in the terminal, whatever
// the font is.
func (c *cast) text(column int, y float64, words, css string) {
	class := ""
	if css != "" {
		class = fmt.Sprintf(" class=\"s%d\"", c.style(css))
	}
	fmt.Fprintf(&c.body, "<text x=\"%.1f\" y=\"%.0f\" textLength=\"%.1f\"%s>%s</text>", float64(column)*cellWidth, y, float64(utf8.RuneCountInString(words))*cellWidth, class, html.EscapeString(words))
}

func (c *cast) style(css string) int {
	for i, known := range c.styles {
		if known == css {
			return i
		}
	}
	c.styles = append(c.styles, css)
	return len(c.styles) - 1
}

// pen is how text is drawn.
type pen struct {
	color         string // "": the ink
	bold, reverse bool
}

func (p *pen) css() string {
	css := ""
	switch {
	case p.reverse:
		css = "fill:" + svgPaper
	case p.color != "":
		css = "fill:" + p.color
	}
	if p.bold {
		css += ";font-weight:700"
	}
	return strings.TrimPrefix(css, ";")
}

// sgr takes the codes of a sequence that selects how text is drawn.
func (p *pen) sgr(codes string) {
	list := strings.FieldsFunc(codes, func(r rune) bool { return r == ';' || r == ':' })
	if len(list) == 0 {
		*p = pen{}
	}
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case "0":
			*p = pen{}
		case "1":
			p.bold = true
		case "22":
			p.bold = false
		case "7":
			p.reverse = true
		case "27":
			p.reverse = false
		case "39":
			p.color = ""
		case "38":
			if i+2 < len(list) && list[i+1] == "5" {
				p.color = indexed(list[i+2])
				i += 2
			} else if i+4 < len(list) && list[i+1] == "2" {
				p.color = rgb(list[i+2:])
				i += 4
			}
		}
	}
}

func rgb(channels []string) string {
	color := "#"
	for _, channel := range channels[:3] {
		n, _ := strconv.Atoi(channel) // tmux writes numbers
		color += fmt.Sprintf("%02x", n)
	}
	return color
}

// indexed is a color of the cube of xterm's 256, or of its grays.
func indexed(index string) string {
	n, _ := strconv.Atoi(index)
	level := func(n int) string {
		if n == 0 {
			return "00"
		}
		return fmt.Sprintf("%02x", 55+40*n)
	}
	switch {
	case n >= 232:
		return "#" + strings.Repeat(fmt.Sprintf("%02x", 8+10*(n-232)), 3)
	case n >= 16:
		n -= 16
		return "#" + level(n/36) + level(n/6%6) + level(n%6)
	}
	return ""
}
