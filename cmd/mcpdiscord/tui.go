package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// tuiOptions are the flags of connect that are the TUI's.
type tuiOptions struct {
	off   bool   // --no-tui
	still bool   // --reduced-motion
	log   string // --log
}

// wantsTUI says whether connect opens the TUI. A dumb terminal could not show it.
func (p *program) wantsTUI(o *clientOptions, t *tuiOptions) bool {
	return !t.off && !o.output.json && p.getenv("TERM") != "dumb" && isTerminal(p.in) && isTerminal(p.out)
}

// openTUI shows the TUI at once, and connects and signs in within it. Nothing
// else writes to its screen: what there is to say meanwhile is shown there, and
// on stderr afterwards.
func (p *program) openTUI(ctx context.Context, o *clientOptions, t *tuiOptions, cfg client.Config) error {
	ctx, cancel := untilHangup(ctx)
	defer cancel()
	events, pasted := make(chan client.Event, 16), make(chan string)
	cfg.Events = func(e client.Event) {
		select {
		case events <- e:
		case <-ctx.Done():
		}
	}
	cfg.Paste, cfg.AskFirst = pasted, true
	desktop := client.BrowserEnvironment{Getenv: p.getenv}
	questions := make(chan tui.Question)
	cfg.Elicit = tui.Asks(ctx, questions)
	news := tui.NewNews()
	cfg.Heard = news.Tell
	exchanges := tui.NewExchanges()
	cfg.Exchanges = exchanges.Tell
	if cfg.OpenBrowser != nil {
		cfg.OpenBrowser = func(ctx context.Context, url string) error {
			return client.OpenBrowser(ctx, url, desktop)
		}
	}
	raise := p.lower(func(line string) { cfg.Events(client.Event{Kind: eventNote, Text: line}) })
	defer raise()
	conns := &connections{cfg: cfg}
	whole := p.restoreAfterCrash()
	defer whole()
	err := tui.Run(ctx, tui.Config{
		Connect: conns.connect, Server: cfg.Server, Input: p.in, Output: p.out, NoColor: !p.colored(p.out), Environ: p.environ,
		Program: p.name, Editor: p.editor(), Still: t.still, ASCII: p.asciiTerminal(),
		Events: events, Paste: pasted, Questions: questions, Exchanges: exchanges, News: news, History: p.historyFile(o, cfg.Server), Pager: p.pager(),
		OpenFile: func(path string) error { return client.OpenFile(ctx, path, desktop) },
		OpenURL:  func(url string) error { return client.OpenBrowser(ctx, url, desktop) },
	})
	cancel()
	identity, connected := conns.close()
	raise()
	if connected && err == nil && identity.Issuer != "" {
		p.note("%s", identityLine(identity, time.Now()))
	}
	return err
}

// pager is the command that the user reads long texts with, split into words.
func (p *program) pager() []string {
	return strings.Fields(cmp.Or(strings.TrimSpace(p.getenv("PAGER")), "less"))
}

// eventNote is something that the program itself has to say.
const eventNote client.EventKind = "note"

// connections are those that were made for the TUI: one, and those that it
// canceled too late.
type connections struct {
	cfg client.Config

	mu    sync.Mutex // guards what follows
	conns []*client.Conn
}

func (c *connections) connect(ctx context.Context) (tui.Session, error) {
	conn, err := client.Connect(ctx, c.cfg)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, conn)
	return conn, nil
}

// close ends them, and says who was signed in on the last one.
func (c *connections) close() (identity client.Identity, connected bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		identity, connected = conn.Identity(), true
		_ = conn.Close() // nothing depends on it any more
	}
	return identity, connected
}

// lower keeps what is noted from the terminal, and gives it to hear. raise lets
// all of it out; it may be called more than once.
func (p *program) lower(hear func(line string)) (raise func()) {
	p.waiting.mu.Lock()
	defer p.waiting.mu.Unlock()
	var kept []string
	p.waiting.curtain = func(line string) {
		kept = append(kept, line)
		hear(line)
	}
	return sync.OnceFunc(func() {
		p.waiting.mu.Lock()
		p.waiting.curtain = nil
		p.waiting.mu.Unlock()
		for _, line := range kept {
			p.note("%s", line)
		}
	})
}

// openLog opens the file of --log: readable by its owner alone, and added to.
func openLog(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		info, statErr := file.Stat()
		if err = statErr; err == nil && info.Mode().IsRegular() {
			err = file.Chmod(0o600)
		}
	}
	if err != nil {
		var fault *os.PathError
		reason := err.Error()
		if errors.As(err, &fault) {
			reason = fault.Err.Error()
		}
		return nil, usageError("--log: "+path+": "+reason, "", err)
	}
	return file, nil
}

// logTo makes the client write all that it does into a log, without secrets.
func logTo(cfg *client.Config, out io.Writer) {
	cfg.Logger = slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if cfg.Debug != nil {
		cfg.Debug = out
	}
}

// editor is the command that the user edits files with, split into words; nil: there is none.
func (p *program) editor() []string {
	return strings.Fields(cmp.Or(p.getenv("VISUAL"), p.getenv("EDITOR")))
}

// asciiTerminal says whether the user's locale is one that is not of UTF-8. Where
// none is set, as in many containers, terminals are of UTF-8 all the same.
func (p *program) asciiTerminal() bool {
	locale := strings.ToLower(cmp.Or(p.getenv("LC_ALL"), p.getenv("LC_CTYPE"), p.getenv("LANG")))
	return locale != "" && !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
}
