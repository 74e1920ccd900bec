package client_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, text, line string }{
		{"plain, naïve, 日本, 👩‍🚀", "plain, naïve, 日本, 👩‍🚀", "plain, naïve, 日本, 👩‍🚀"},
		{"a\nb\tc\r\nd", "a\nb\tc\nd", "a b c d"},
		{"\x1b[31mred\x07", "␛[31mred␇", "␛[31mred␇"},
		{"over\rwrite\x7f\x00", "over␍write␡␀", "over␍write␡␀"},
		{"\u009b2J", "<U+009B>2J", "<U+009B>2J"},
		{"a\u202eb\u2066c\u200fd", "a<U+202E>b<U+2066>c<U+200F>d", "a<U+202E>b<U+2066>c<U+200F>d"},
		{"\ufeffx\u2028y", "<U+FEFF>x\ny", "<U+FEFF>x y"},
		{"bad\xffutf", "bad\ufffdutf", "bad\ufffdutf"},
		{"tag\U000e0041", "tag<U+E0041>", "tag<U+E0041>"},
		{"heart ❤\ufe0f", "heart ❤\ufe0f", "heart ❤\ufe0f"},
		{"a\U000e0101b\u3164c\u2800d\u034fe", "a<U+E0101>b<U+3164>c<U+2800>d<U+034F>e", "a<U+E0101>b<U+3164>c<U+2800>d<U+034F>e"},
	} {
		want(t, "Printable", client.Printable(test.in), test.text)
		want(t, "PrintableLine", client.PrintableLine(test.in), test.line)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[0m", "\u202e", "\xff\xfe", "\r\n\r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out := client.PrintableLine(in)
		if !utf8.ValidString(out) || strings.ContainsFunc(out, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u202e' }) {
			t.Errorf("%q became %q", in, out)
		}
		if again := client.PrintableLine(out); again != out {
			t.Errorf("not stable: %q, then %q", out, again)
		}
	})
}
