package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version and commit are set by the release build; go install leaves them to
// the build information.
var version, commit string

// buildVersion returns the program's version, "devel" where none is known.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

func (p *program) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "version",
		Short:       "Print the version",
		Example:     "  mcpdiscord version\n  mcpdiscord version --json\n  mcpdiscord version --json | jq -r .version",
		GroupID:     groupCare,
		Annotations: map[string]string{withoutConfig: "yes"},
		Args:        noArguments,
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p.jsonErrors = *asJSON
		if *asJSON {
			line, err := json.Marshal(map[string]string{
				"version": buildVersion(), "commit": commit, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
			})
			if err != nil {
				return err
			}
			return p.answer(cmd.Context(), outputFlags{}, line)
		}
		return p.printVersion()
	}
	return cmd
}

func (p *program) printVersion() error {
	return p.write(outputFlags{}, func(w io.Writer, _ bool) error {
		_, err := fmt.Fprintf(w, "mcpdiscord %s %s/%s\n", buildVersion(), runtime.GOOS, runtime.GOARCH)
		return err
	})
}
