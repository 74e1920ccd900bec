package tui

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// patience is how long Run waits for calls that were canceled when the screen closed.
const patience = 2 * time.Second

// Run shows the screen until the user quits or ctx ends. The terminal is as before when it
// returns, also after a panic, and no method of Session is running any more (but for one that
// ignores its context for 2 seconds). Ctrl-C and the end of ctx give a *client.Error of
// client.KindInterrupted.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Session == nil {
		return errors.New("opening the screen: no session")
	}
	ctx, cancel := context.WithCancel(ctx)
	door := &door{Session: cfg.Session}
	cfg.Session = door
	m := newModel(ctx, cfg)
	_, err := tea.NewProgram(m, options(ctx, cfg)...).Run()
	parent := context.Cause(ctx)
	cancel()
	door.close(patience)
	if m.archive != nil {
		_ = m.archive.flush() // what went wrong was said before, or there is no screen any more
	}
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return &client.Error{
			Kind: client.KindFailure, Message: "the screen stopped because of a bug", Err: err,
			Hint: "please report it with the lines above",
		}
	case parent != nil:
		return interrupted(parent)
	case err != nil:
		return fmt.Errorf("showing the screen: %w", err)
	}
	return m.err
}

func options(ctx context.Context, cfg Config) []tea.ProgramOption {
	environ := cfg.Environ
	if environ == nil {
		environ = []string{"TERM=xterm-256color"}
	}
	opts := []tea.ProgramOption{
		tea.WithContext(ctx),
		tea.WithoutSignalHandler(), // cmd turns signals into the end of ctx
		tea.WithEnvironment(environ),
		tea.WithWindowSize(defaultWidth, defaultHeight), // until a terminal says its own
	}
	if cfg.Input != nil {
		opts = append(opts, tea.WithInput(cfg.Input))
	}
	if cfg.Output != nil {
		opts = append(opts, tea.WithOutput(cfg.Output))
	}
	if cfg.NoColor {
		opts = append(opts, tea.WithColorProfile(colorprofile.ASCII))
	}
	return opts
}

func interrupted(cause error) error {
	return &client.Error{Kind: client.KindInterrupted, Message: "interrupted", Err: cause}
}

// door is a Session that can be closed: who started a call waits for it.
type door struct {
	Session

	mu     sync.Mutex // guards closed and wg.Add against close
	closed bool
	wg     sync.WaitGroup
}

// through does something on the session while the door is open.
func through[T any](d *door, do func() (T, error)) (T, error) {
	if !d.enter() {
		var none T
		return none, context.Canceled
	}
	defer d.wg.Done()
	return do()
}

func (d *door) Tools(ctx context.Context) ([]client.Tool, error) {
	return through(d, func() ([]client.Tool, error) { return d.Session.Tools(ctx) })
}

func (d *door) Resources(ctx context.Context) ([]client.Resource, error) {
	return through(d, func() ([]client.Resource, error) { return d.Session.Resources(ctx) })
}

func (d *door) ResourceTemplates(ctx context.Context) ([]client.ResourceTemplate, error) {
	return through(d, func() ([]client.ResourceTemplate, error) { return d.Session.ResourceTemplates(ctx) })
}

func (d *door) ReadResource(ctx context.Context, uri string) (*client.ResourceResult, error) {
	return through(d, func() (*client.ResourceResult, error) { return d.Session.ReadResource(ctx, uri) })
}

func (d *door) Prompts(ctx context.Context) ([]client.Prompt, error) {
	return through(d, func() ([]client.Prompt, error) { return d.Session.Prompts(ctx) })
}

func (d *door) Prompt(ctx context.Context, name string, arguments map[string]string) (*client.PromptResult, error) {
	return through(d, func() (*client.PromptResult, error) { return d.Session.Prompt(ctx, name, arguments) })
}

func (d *door) Call(ctx context.Context, call client.Call) (*client.Result, error) {
	return through(d, func() (*client.Result, error) { return d.Session.Call(ctx, call) })
}

func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed {
		d.wg.Add(1)
	}
	return !d.closed
}

func (d *door) close(limit time.Duration) {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	done := make(chan struct{})
	go func() {
		d.wg.Wait()
		close(done)
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
