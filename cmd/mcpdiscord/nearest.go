package main

import (
	"strings"

	"github.com/spf13/pflag"
)

func visitNames(names *[]string) func(*pflag.Flag) {
	return func(f *pflag.Flag) {
		if !f.Hidden {
			*names = append(*names, f.Name)
		}
	}
}

// nearest returns the name that was probably meant, or "": the one at the
// smallest edit distance, if that is at most a third of its length and 3, or
// one that begins with what was typed.
func nearest(typed string, names []string) string {
	best, bestDistance := "", 4
	for _, name := range names {
		if len(typed) >= 3 && strings.HasPrefix(name, typed) {
			return name
		}
		if d := editDistance(typed, name); d < bestDistance && d <= max(1, len(name)/3) {
			best, bestDistance = name, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbors that make b of a. It gives up on long words.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
