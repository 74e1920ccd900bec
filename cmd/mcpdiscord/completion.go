package main

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

//go:embed completion.bash
var bashCompletion string

// shells are those that completion has a script for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func (p *program) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL [flags]",
		Short: "Print a script that completes commands, tools and arguments",
		Long: `Print a script with which a shell completes commands, flags, saved servers, tools and
their arguments.

SHELL is bash, zsh, fish or powershell. Tools are those of the list that tools and call
keep: a completion asks no server and no keychain.

  bash        mcpdiscord completion bash > ~/.local/share/bash-completion/completions/mcpdiscord
              without the package bash-completion, in ~/.bashrc:
              source <(mcpdiscord completion bash)
  zsh         mcpdiscord completion zsh > "${fpath[1]}/_mcpdiscord"
              once, in ~/.zshrc: autoload -U compinit; compinit
  fish        mcpdiscord completion fish > ~/.config/fish/completions/mcpdiscord.fish
  powershell  mcpdiscord completion powershell | Out-String | Invoke-Expression
              in $PROFILE for every session`,
		Example: `  source <(mcpdiscord completion bash)
  mcpdiscord completion zsh > "${fpath[1]}/_mcpdiscord"
  mcpdiscord completion fish | source`,
		GroupID:     groupCare,
		Annotations: map[string]string{withoutConfig: "yes"},
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && slices.Contains(shells, args[0]):
				return nil
			case len(args) != 1:
				return usageError("completion needs the name of one shell", "for example {program} completion bash", nil)
			}
			hint := "the shells are " + strings.Join(shells, ", ")
			if near := nearest(args[0], shells); near != "" {
				hint = "did you mean " + near + "?"
			}
			return usageError(fmt.Sprintf("there is no completion for %q", clip(args[0])), hint, nil)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.write(outputFlags{}, func(w io.Writer, _ bool) error {
				switch root := cmd.Root(); args[0] {
				case "zsh":
					return root.GenZshCompletion(w)
				case "fish":
					return root.GenFishCompletion(w, true)
				case "powershell":
					return root.GenPowerShellCompletionWithDesc(w)
				}
				_, err := io.WriteString(w, bashCompletion) // cobra's needs another package, and evaluates what is typed
				return err
			})
		},
	}
}
