package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

func (p *program) doctorCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "doctor [SERVER] [flags]",
		Short: "Look at a server step by step, as a client sees it",
		Long: `Look at a server step by step, as a client sees it, and at what a sign-in needs of
this computer.

Each line says ✓ (good), ! (it works, or may), ✗ (it cannot work) or - (not looked at),
and below it what to do. No browser is opened, nobody is registered or signed in:
whether the server would register this client is not tried, since that would stay. A
saved access token that has ended is renewed, as by any command. Exit code 1: there is
a ✗.`,
		Example: `  mcpdiscord doctor
  mcpdiscord doctor https://mcp.example.com/mcp
  mcpdiscord doctor --json --jq '.steps[] | select(.verdict == "fail") | .fix'
  mcpdiscord doctor --callback-port 7777 --debug`,
		GroupID:     groupCare,
		Annotations: map[string]string{variables: clientVariables},
		Args:        atMostOne("SERVER"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	addCallbackPort(f, o)
	addOutputFlags(f, o)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		return p.doctor(cmd.Context(), o, first(args))
	}
	return cmd
}

// diagnosis is what doctor --json prints.
type diagnosis struct {
	Server string        `json:"server"`
	Steps  []printedStep `json:"steps"`
	OK     bool          `json:"ok"`
}

type printedStep struct {
	Step    string         `json:"step"`
	Verdict client.Verdict `json:"verdict"`
	Message string         `json:"message"`
	Fix     string         `json:"fix,omitempty"`
}

func (p *program) doctor(ctx context.Context, o *clientOptions, argument string) error {
	cacheConfig, err := p.cacheConfig(o)
	if err != nil {
		return err
	}
	cacheConfig.Interactive = false // a keychain that waits for somebody is what is to be told
	cache, err := tokencache.Open(cacheConfig)
	if err != nil {
		return err
	}
	serverURL, err := p.resolve(o, argument, cache)
	if err != nil {
		return err
	}
	cfg, _ := p.clientConfig(o, serverURL, cache, false)
	steps, err := client.Diagnose(ctx, cfg,
		func(ctx context.Context) client.Step { return p.tokenStoreStep(ctx, serverURL, cache) },
		func(context.Context) client.Step { return p.browserStep() },
	)
	if err != nil {
		return err
	}
	d := &diagnosis{Server: serverURL, Steps: []printedStep{}, OK: true}
	if o.output.json || o.output.jq != "" {
		_ = p.examine(o, d, steps, func(printedStep) error { return nil }) // prints nothing yet
	} else if err := p.write(o.output, func(w io.Writer, terminal bool) error {
		lines := &stepLines{w: w, marks: p.stepMarks(terminal)}
		if err := p.examine(o, d, steps, lines.add); err != nil {
			return err
		}
		return lines.flush()
	}); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if o.output.json || o.output.jq != "" {
		text, err := json.Marshal(d)
		if err != nil {
			return err
		}
		if err := p.answer(ctx, o.output, text); err != nil {
			return err
		}
	}
	return d.outcome()
}

// examine takes the steps, and gives each to print as it comes.
func (p *program) examine(o *clientOptions, d *diagnosis, steps iter.Seq[client.Step], print func(printedStep) error) error {
	waited := p.wait(o, d.Server)
	defer func() { waited() }()
	for step := range steps {
		waited()
		fix := strings.ReplaceAll(step.Fix, "{program}", p.name)
		d.Steps = append(d.Steps, printedStep{step.Name, step.Verdict, step.Message, fix})
		d.OK = d.OK && step.Verdict != client.VerdictFail
		if err := print(d.Steps[len(d.Steps)-1]); err != nil {
			return err
		}
		waited = p.wait(o, d.Server)
	}
	return nil
}

// outcome is the error for steps that failed.
func (d *diagnosis) outcome() error {
	failed := 0
	for _, s := range d.Steps {
		if s.Verdict == client.VerdictFail {
			failed++
		}
	}
	switch failed {
	case 0:
		return nil
	case 1:
		return failure("a step failed", "see its fix", nil)
	}
	return failure(fmt.Sprintf("%d steps failed", failed), "begin with the first: it may be the cause of the others", nil)
}

// stepTitles are the names of steps that people write otherwise.
var stepTitles = map[string]string{
	client.StepDNS: "DNS", client.StepTCP: "TCP", client.StepTLS: "TLS", client.StepPKCE: "PKCE",
	client.StepEndpoint: "MCP endpoint", client.StepSignIn: "sign-in",
}

// stepLines prints steps. Those that were not taken for one reason are one line.
type stepLines struct {
	w     io.Writer
	marks map[client.Verdict]string

	skipped []string // titles that wait for their line
	reason  string   // of it
}

func (l *stepLines) add(s printedStep) error {
	title := stepTitles[s.Step]
	if title == "" {
		title = strings.ReplaceAll(s.Step, "_", " ")
	}
	waits := s.Verdict == client.VerdictSkipped && s.Fix == ""
	if !waits || s.Message != l.reason {
		if err := l.flush(); err != nil {
			return err
		}
	}
	if !waits {
		return l.line(s.Verdict, title, s.Message, s.Fix)
	}
	l.skipped, l.reason = append(l.skipped, title), s.Message
	return nil
}

// flush prints what waits.
func (l *stepLines) flush() error {
	if len(l.skipped) == 0 {
		return nil
	}
	titles := strings.Join(l.skipped, ", ")
	l.skipped = nil
	return l.line(client.VerdictSkipped, titles, l.reason, "")
}

func (l *stepLines) line(verdict client.Verdict, title, message, fix string) error {
	lines := fmt.Sprintf("%s %s: %s\n", l.marks[verdict], title, message)
	if fix != "" {
		lines += "  fix: " + fix + "\n"
	}
	_, err := io.WriteString(l.w, lines)
	return err
}

// stepMarks are the marks of the verdicts: words where the terminal is not
// known to have the signs, and in color where there is color.
func (p *program) stepMarks(terminal bool) map[client.Verdict]string {
	marks := map[client.Verdict]string{client.VerdictOK: "✓", client.VerdictWarn: "!", client.VerdictFail: "✗", client.VerdictSkipped: "-"}
	if terminal && !p.unicode() {
		marks = map[client.Verdict]string{client.VerdictOK: "ok", client.VerdictWarn: "!!", client.VerdictFail: "xx", client.VerdictSkipped: "--"}
	}
	if !terminal || !p.colored(p.out) {
		return marks
	}
	for verdict, color := range map[client.Verdict]string{client.VerdictOK: "\x1b[32m", client.VerdictWarn: "\x1b[33m", client.VerdictFail: "\x1b[31m", client.VerdictSkipped: "\x1b[2m"} {
		marks[verdict] = color + marks[verdict] + colorOff
	}
	return marks
}

// unicode says whether the locale's characters are those of Unicode.
func (p *program) unicode() bool {
	if runtime.GOOS == "windows" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(p.getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return false
}

// storeNames say what a token store is.
var storeNames = map[tokencache.Store]string{
	tokencache.StoreKeychain: "the keychain",
	tokencache.StoreFile:     "an encrypted file",
	tokencache.StorePlain:    "a file that is not encrypted",
	tokencache.StoreMemory:   "memory: nothing is kept after a command",
}

// tokenStoreStep reads what is saved, where it is saved. Nothing is written: a
// macOS keychain that is locked and has nothing of the server shows at connect.
func (p *program) tokenStoreStep(ctx context.Context, serverURL string, cache *tokencache.Cache) client.Step {
	step := client.Step{Name: client.StepTokenStore, Verdict: client.VerdictOK}
	server, _, err := cache.Server(serverURL)
	key := tokencache.Key{Resource: serverURL, Issuer: server.Issuer}
	if server.Resource != "" {
		key.Resource = server.Resource
	}
	var store tokencache.Store
	if err == nil {
		store, err = cache.Where(ctx, key.Resource)
	}
	if err == nil {
		_, err = cache.Load(ctx, key)
	}
	switch {
	case errors.Is(err, tokencache.ErrNotFound) && !errors.Is(err, tokencache.ErrCorrupt):
	case err != nil:
		e := toUserError(err)
		step.Verdict, step.Message, step.Fix = client.VerdictFail, e.message, e.hint
		if step.Fix == "" {
			step.Fix = "choose another place with --token-store"
		}
		return step
	}
	step.Message = storeNames[store]
	if store == tokencache.StoreKeychain && server.Issuer == "" {
		step.Message += " answers"
	}
	return step
}

// browserStep says which browser a sign-in would open.
func (p *program) browserStep() client.Step {
	step := client.Step{Name: client.StepBrowser, Verdict: client.VerdictWarn, Fix: "open the address that {program} connect prints yourself, and paste back where it ends"}
	name, err := client.Browser(client.BrowserEnvironment{Getenv: p.getenv})
	over := p.getenv("SSH_CONNECTION") != "" || p.getenv("SSH_TTY") != ""
	switch {
	case err == nil:
		step.Verdict, step.Fix, step.Message = client.VerdictOK, "", "the system's"
		if name != "" {
			step.Message = name
		}
	case errors.Is(err, client.ErrNoBrowser) && over:
		step.Message = "none is opened over SSH"
	case errors.Is(err, client.ErrNoBrowser):
		step.Message = "there is no display to open one on"
	case name != "":
		step.Message, step.Fix = "the command in BROWSER cannot be run: "+name, "correct or unset BROWSER"
	default:
		step.Message = "none was found"
	}
	return step
}
