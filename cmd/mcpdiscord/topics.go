package main

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

var (
	//go:embed help/exit-codes.txt
	exitCodesTopic string
	//go:embed help/environment.txt
	environmentTopic string
	//go:embed help/auth.txt
	authTopic string
)

// topic is a text of the help that is no command's.
type topic struct{ name, short, text string }

func topics() []topic {
	return []topic{
		{"auth", "How to sign in, with and without a browser", authTopic},
		{"environment", "The variables that are read", environmentTopic},
		{"exit-codes", "What the exit codes mean", exitCodesTopic},
	}
}

// helpCommand is cobra's, but it knows topics and refuses what is neither.
func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "help [COMMAND|TOPIC]",
		Short:             "Say more about a command or a topic",
		Long:              "Say more about a command or a topic." + topicHelp(),
		Example:           "  mcpdiscord help\n  mcpdiscord help call\n  mcpdiscord help exit-codes",
		GroupID:           groupCare,
		ValidArgsFunction: p.completeArguments,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // whatever the environment says
		RunE: func(cmd *cobra.Command, args []string) error {
			if i := slices.IndexFunc(topics(), func(t topic) bool { return len(args) == 1 && t.name == args[0] }); i >= 0 {
				return p.write(outputFlags{}, func(w io.Writer, _ bool) error {
					_, err := io.WriteString(w, topics()[i].text)
					return err
				})
			}
			target, err := commandNamed(cmd.Root(), args)
			if err != nil {
				return err
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}

// commandNamed is the command of these words, with a suggestion where there is
// none.
func commandNamed(root *cobra.Command, words []string) (*cobra.Command, error) {
	found := root
	for i, word := range words {
		list := found.Commands()
		next := slices.IndexFunc(list, func(c *cobra.Command) bool { return c.Name() == word && !c.Hidden })
		if next >= 0 {
			found = list[next]
			continue
		}
		err := noArguments(found, words[i:])
		var names []string
		for _, t := range topics() {
			names = append(names, t.name)
		}
		if near := nearest(word, names); near != "" && i == 0 {
			err = usageError(fmt.Sprintf("there is no command or topic %q", clip(word)), "did you mean {program} help "+near+"?", nil)
		}
		return nil, err
	}
	return found, nil
}

// topicHelp lists the topics.
func topicHelp() string {
	var b strings.Builder
	b.WriteString("\n\nTopics:")
	for _, t := range topics() {
		fmt.Fprintf(&b, "\n  %-12s %s", t.name, t.short)
	}
	return b.String()
}
