package tui

import (
	"slices"
	"strings"
)

// Scores of a match: where the word stands as it is, and how well its letters hang together.
const (
	scoreStart = 60 // at the beginning
	scoreWord  = 40 // at the beginning of a word in it
	scoreWhole = 20 // anywhere in one piece
	maxSpread  = 3  // letters that are further apart than this many times the word are no match
)

// fuzzy says how well a lower-case text has the letters of a lower-case word, in their order, and
// where (in bytes). What has the word in one piece is better than what has only its letters.
func fuzzy(word, text string) (score int, at []int, ok bool) {
	if i := strings.Index(text, word); i >= 0 {
		for n := range len(word) {
			at = append(at, i+n)
		}
		switch {
		case i == 0:
			return scoreStart + len(word), at, true
		case !inWord(text[i-1]):
			return scoreWord + len(word), at, true
		}
		for j := i + 1; j < len(text); j++ { // a later place may begin a word
			if !inWord(text[j-1]) && strings.HasPrefix(text[j:], word) {
				for n := range at {
					at[n] = j + n
				}
				return scoreWord + len(word), at, true
			}
		}
		return scoreWhole + len(word), at, true
	}
	if len(word) < 2 {
		return 0, nil, false
	}
	for start := range len(text) {
		if text[start] != word[0] || start > 0 && inWord(text[start-1]) {
			continue
		}
		if s, places, found := letters(word, text, start); found && (!ok || s > score) {
			score, at, ok = s, places, true
		}
	}
	return score, at, ok
}

// letters finds those of a word from a place on: the beginnings of words count more.
func letters(word, text string, start int) (score int, at []int, ok bool) {
	n := 0
	for i := start; i < len(text) && n < len(word); i++ {
		if text[i] != word[n] {
			continue
		}
		switch {
		case i == 0 || !inWord(text[i-1]):
			score += 3
		case len(at) > 0 && at[len(at)-1] == i-1:
			score += 2
		}
		at = append(at, i)
		n++
	}
	if n < len(word) || at[n-1]-start > maxSpread*len(word) || score < len(word) {
		return 0, nil, false
	}
	return min(score, scoreWhole-1), at, true
}

func inWord(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 }

// maxWords bounds the words of a filter: into one a whole page may be pasted.
const maxWords = 20

// sought are the words that a filter looks for, lower case.
func sought(filter string) []string {
	filter, _ = clip(filter, maxSought)
	words := strings.Fields(strings.ToLower(filter))
	return words[:min(len(words), maxWords)]
}

// rank finds the texts that fit every word, the best first; equals keep their order. A text is
// given by its fields: name, title, and the rest, which must have the word in one piece.
func rank(words []string, n int, fields func(i int) (name, title, rest string)) []int {
	type hit struct{ i, score int }
	hits := make([]hit, 0, n)
	for i := range n {
		name, title, rest := fields(i)
		total, fits := 0, true
		for _, word := range words {
			best := 0
			if s, _, ok := fuzzy(word, name); ok {
				best = 100 + s
			}
			if s, _, ok := fuzzy(word, title); ok {
				best = max(best, 50+s)
			}
			if best == 0 && strings.Contains(rest, word) {
				best = 1
			}
			if fits = best > 0; !fits {
				break
			}
			total += best
		}
		if fits {
			hits = append(hits, hit{i, total})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return b.score - a.score })
	order := make([]int, len(hits))
	for i, h := range hits {
		order[i] = h.i
	}
	return order
}

// lit is a name with the letters that the words found in it made to stand out.
func (t *theme) lit(name string, words []string, base func(string) string) string {
	if len(words) == 0 || !ascii(name) {
		return base(name)
	}
	marked := make([]bool, len(name))
	for _, word := range words {
		_, at, _ := fuzzy(word, strings.ToLower(name))
		for _, i := range at {
			marked[i] = true
		}
	}
	var b strings.Builder
	for from := 0; from < len(name); {
		to := from
		for to < len(name) && marked[to] == marked[from] {
			to++
		}
		if marked[from] {
			b.WriteString(t.match.Render(name[from:to]))
		} else {
			b.WriteString(base(name[from:to]))
		}
		from = to
	}
	return b.String()
}
