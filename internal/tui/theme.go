package tui

import (
	"image/color"

	"charm.land/lipgloss/v2"
)

// theme holds the styles. Without colors only bold remains, and every meaning is also in a word
// or a mark.
type theme struct {
	plain, strong, dim, accent, good, warn, bad lipgloss.Style
	key, text, number, word, punctuation        lipgloss.Style // of JSON
	match                                       lipgloss.Style // of a search
}

func newTheme(dark, color bool) theme {
	s := lipgloss.NewStyle()
	bold := s.Bold(true)
	if !color {
		return theme{
			plain: s, strong: bold, dim: s, accent: bold, good: s, warn: bold, bad: bold,
			key: s, text: s, number: s, word: s, punctuation: s, match: bold,
		}
	}
	pick := lipgloss.LightDark(dark)
	shade := func(light, dark string) lipgloss.Style {
		return s.Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	return theme{
		plain:       s,
		strong:      bold,
		dim:         shade("#6A6F7A", "#8B909C"),
		accent:      shade("#4752C4", "#8EA1FF").Bold(true),
		good:        shade("#1F7A3D", "#57D98A"),
		warn:        shade("#8A5A00", "#F2C14E"),
		bad:         shade("#B4232A", "#FF7B80"),
		key:         shade("#4752C4", "#8EA1FF"),
		text:        shade("#1F7A3D", "#7FD1A0"),
		number:      shade("#8A5A00", "#F2C14E"),
		word:        shade("#8B2FA8", "#D79BF0"),
		punctuation: shade("#6A6F7A", "#8B909C"),
		match:       shade("#8A5A00", "#F2C14E").Reverse(true),
	}
}

// newTheme16 is the theme of terminals with sixteen colors, which are the user's own: what is dim
// there must not be one of them, since the nearest to gray is a dark blue on black.
func newTheme16(dark bool) theme {
	s := lipgloss.NewStyle()
	pick := lipgloss.LightDark(dark)
	shade := func(light, dark color.Color) lipgloss.Style { return s.Foreground(pick(light, dark)) }
	accent := shade(lipgloss.Blue, lipgloss.Cyan)
	warn := shade(lipgloss.Magenta, lipgloss.Yellow)
	return theme{
		plain:       s,
		strong:      s.Bold(true),
		dim:         s.Faint(true),
		accent:      accent.Bold(true),
		good:        s.Foreground(lipgloss.Green),
		warn:        warn,
		bad:         shade(lipgloss.Red, lipgloss.BrightRed),
		key:         accent,
		text:        s.Foreground(lipgloss.Green),
		number:      warn,
		word:        shade(lipgloss.Cyan, lipgloss.Magenta),
		punctuation: s.Faint(true),
		match:       warn.Reverse(true),
	}
}
