package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// program is one run of mcpdiscord: what it was called, where it reads and
// writes, and the environment. Only this package reads the environment and the
// terminal; everything below gets what it needs as arguments.
type program struct {
	name    string // as it was invoked, for hints
	invoked string // the same with its directory, if that was given
	in      *os.File
	out     *os.File
	err     *os.File
	getenv  func(string) string

	environ []string // all of the environment, for what describes the terminal

	loopbackDiscord bool // tests alone: real mode against an emulator

	color      string // --color
	jsonErrors bool   // --json: errors are JSON, too
	helped     error  // what went wrong with a help: cobra takes none from it

	config  *config                // config.yaml; nil: none, or not read
	origins map[*pflag.Flag]origin // of the flags' values

	waiting waiting
}

func newProgram(args []string, getenv func(string) string, environ []string) *program {
	name, invoked := "mcpdiscord", "mcpdiscord"
	if len(args) > 0 && args[0] != "" {
		invoked = args[0]
		name = strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	}
	return &program{name: name, invoked: invoked, in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: getenv, environ: environ, origins: map[*pflag.Flag]origin{}}
}

// run executes one command line and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	p.jsonErrors = wantsJSON(args, p.getenv) // what is wrong with the flags themselves is an error too
	root := p.root()
	if completes(args) {
		root.PersistentPreRunE = nil // what is wrong there is said when the command runs
		p.addCompletions(root)
	}
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = p.helped
	}
	var signaled interrupted
	if err != nil && (errors.As(context.Cause(ctx), &signaled) || errors.As(err, &signaled)) {
		err = &userError{code: signaled.code(), kind: "interrupted", message: "interrupted", err: err}
	}
	return p.report(err)
}

// wantsJSON says whether a command line asks for JSON, before it is parsed.
func wantsJSON(args []string, getenv func(string) string) bool {
	for _, arg := range args {
		switch arg {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	env, err := strconv.ParseBool(getenv("MCPDISCORD_JSON"))
	return err == nil && env
}

const rootLong = `mcpdiscord puts Discord sign-in in front of an MCP server, and uses such servers
from a terminal.`

const rootExample = `  mcpdiscord demo                     # the whole flow on this machine, narrated
  mcpdiscord serve --dev              # a server and a Discord emulator
  mcpdiscord connect                  # sign in; on a terminal, the TUI
  mcpdiscord call get_user_info       # one call, for scripts`

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "mcpdiscord",
		Short:             "Discord sign-in for MCP servers, and a client for them",
		Long:              rootLong,
		Example:           rootExample,
		Annotations:       map[string]string{withoutConfig: "yes"},
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              noArguments,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return p.environment(cmd) },
	}
	printVersion := root.Flags().Bool("version", false, "print the version")
	root.RunE = func(cmd *cobra.Command, _ []string) error {
		if *printVersion {
			return p.printVersion()
		}
		return cmd.Help()
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd, err) })
	root.PersistentFlags().StringVar(&p.color, "color", "auto", "when to color: auto, always, never")
	root.SetHelpFunc(p.help)
	root.AddGroup(&cobra.Group{ID: groupServe, Title: "Serve:"}, &cobra.Group{ID: groupUse, Title: "Use:"}, &cobra.Group{ID: groupCare, Title: "Care:"})
	root.SetHelpCommand(p.helpCommand())
	root.AddCommand(
		p.demoCommand(), p.serveCommand(), p.emulatorCommand(),
		p.connectCommand(), p.toolsCommand(), p.callCommand(), p.bridgeCommand(),
		p.resourcesCommand(), p.readCommand(), p.promptsCommand(), p.promptCommand(),
		p.statusCommand(), p.tokenCommand(), p.serversCommand(), p.logoutCommand(),
		p.adminCommand(), p.doctorCommand(), p.configCommand(),
		p.completionCommand(), p.manCommand(), p.versionCommand(),
	)
	return root
}

// The groups of commands in the help.
const (
	groupServe = "serve"
	groupUse   = "use"
	groupCare  = "care"
)

// envName is the annotation of a flag whose variable is not MCPDISCORD_A_B; a
// "-" means that the flag has none.
const envName = "env"

// flagVariable returns the environment variable of a flag, "" for none.
func flagVariable(f *pflag.Flag) string {
	if names := f.Annotations[envName]; len(names) == 1 {
		return strings.TrimPrefix(names[0], "-")
	}
	if f.Name == "help" || f.Name == "version" {
		return ""
	}
	return "MCPDISCORD_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// setVariable makes a flag read another variable than its name says; "-" none.
func setVariable(flags *pflag.FlagSet, flag, variable string) {
	if err := flags.SetAnnotation(flag, envName, []string{variable}); err != nil {
		panic(err) // the flag's name is wrong in the source
	}
}

// isTerminal says whether a file is a terminal.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// colored says whether output to f is colored: --color, then NO_COLOR,
// CLICOLOR_FORCE, TERM=dumb, then whether it is a terminal.
func (p *program) colored(f *os.File) bool {
	switch {
	case p.color == "always":
		return true
	case p.color == "never", p.getenv("NO_COLOR") != "":
		return false
	case p.getenv("CLICOLOR_FORCE") != "" && p.getenv("CLICOLOR_FORCE") != "0":
		return true
	case p.getenv("TERM") == "dumb":
		return false
	}
	return isTerminal(f)
}

// note writes one line of the conversation to stderr.
func (p *program) note(format string, args ...any) {
	p.waiting.mu.Lock()
	defer p.waiting.mu.Unlock()
	if p.waiting.curtain != nil {
		p.waiting.curtain(fmt.Sprintf(format, args...))
		return
	}
	p.waiting.clear(p)
	fmt.Fprintf(p.err, format+"\n", args...)
}
