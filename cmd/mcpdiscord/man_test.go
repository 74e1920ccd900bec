package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func documented() *cobra.Command {
	root := newProgram([]string{"mcpdiscord"}, func(string) string { return "" }, nil).root()
	root.InitDefaultHelpCmd()
	return root
}

// TestManPages reads every page as roff: known macros, nothing that roff would
// take for one, every flag.
func TestManPages(t *testing.T) {
	t.Parallel()
	macros := regexp.MustCompile(`^\.(TH|SH|TP|B|BR|BI|br|nf|fi)( ".*")*$`)
	walkCommands(documented(), func(c *cobra.Command) {
		page := manPage(c)
		for line := range strings.SplitSeq(strings.TrimRight(page, "\n"), "\n") {
			if (strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'")) && !macros.MatchString(line) {
				t.Errorf("%s: no macro: %s", c.CommandPath(), line)
			}
			if rest := regexp.MustCompile(`\\([-e&]|\(\w\w|\[u[0-9A-F]{4,5}\])`).ReplaceAllString(line, ""); strings.ContainsRune(rest, '\\') {
				t.Errorf("%s: a backslash: %s", c.CommandPath(), line)
			}
		}
		for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES"} {
			if !strings.Contains(page, `.SH "`+section+`"`) && c.Name() != "help" {
				t.Errorf("%s: no section %s", c.CommandPath(), section)
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, escaped("--"+f.Name)) {
				t.Errorf("%s: no --%s", c.CommandPath(), f.Name)
			}
		})
	})
	r := &roff{}
	r.text(".SH \\fB'x'\n-…\U0001f600")
	if want := "\\&.SH \\efB\\(aqx\\(aq\n\\-\\[u2026]\\[u1F600]\n"; r.page.String() != want {
		t.Errorf("got %q, want %q", r.page.String(), want)
	}
}

// TestTopics holds the topics against the code.
func TestTopics(t *testing.T) {
	t.Parallel()
	codes := regexp.MustCompile(`(?m)^  (\d+) +(\w+)`).FindAllStringSubmatch(exitCodesTopic, -1)
	for kind, code := range exitCodes {
		if !slices.ContainsFunc(codes, func(m []string) bool { return m[1] == strconv.Itoa(code) && m[2] == string(kind) }) {
			t.Errorf("exit-codes: no line for %d, %s", code, kind)
		}
	}
	if len(codes) != len(exitCodes)+2 { // 0 and 143
		t.Errorf("exit-codes: %d lines, not %d", len(codes), len(exitCodes)+2)
	}
	var read []string
	walkCommands(documented(), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { read = append(read, flagVariable(f)) })
	})
	named := regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b|\bBROWSER\b|\bVISUAL\b|\bEDITOR\b|\bPAGER\b|\bGOGC\b|\bGOMEMLIMIT\b`).FindAllString(environmentTopic, -1)
	for _, variable := range otherVariables {
		if !slices.Contains(named, variable) {
			t.Errorf("environment: no %s", variable)
		}
	}
	for _, variable := range read {
		if variable != "" && !strings.HasPrefix(variable, "MCPDISCORD_") && !slices.Contains(named, variable) {
			t.Errorf("environment: no %s", variable)
		}
	}
	for _, variable := range named {
		if variable != "MCPDISCORD_A_B" && !slices.Contains(otherVariables, variable) && !slices.Contains(read, variable) {
			t.Errorf("environment: nothing reads %s", variable)
		}
	}
	for _, topic := range topics() {
		for _, m := range regexp.MustCompile(`--([a-z]+(-[a-z]+)*)`).FindAllStringSubmatch(topic.text, -1) {
			flag := m[1]
			if flag != "a-b" && !slices.ContainsFunc(allFlags(), func(name string) bool { return name == flag }) {
				t.Errorf("%s: there is no flag --%s", topic.name, flag)
			}
		}
		for line := range strings.SplitSeq(topic.text, "\n") {
			if len([]rune(line)) > 88 {
				t.Errorf("%s: a long line: %s", topic.name, line)
			}
		}
	}
}

func allFlags() (names []string) {
	walkCommands(documented(), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	})
	return names
}
