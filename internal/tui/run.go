package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	if cfg.Session == nil && cfg.Connect == nil {
		return errors.New("opening the screen: no session")
	}
	ctx, cancel := context.WithCancel(ctx)
	door := &door{}
	if cfg.Session != nil {
		cfg.Session = guarded{cfg.Session, door}
	} else {
		cfg.Connect = door.connects(cfg.Connect)
	}
	m := newModel(ctx, cfg)
	_, err := tea.NewProgram(m, options(ctx, cfg)...).Run()
	parent := context.Cause(ctx)
	cancel()
	door.close(patience)
	if m.archive != nil {
		_ = m.archive.flush() // what went wrong was said before, or there is no screen any more
	}
	m.shelf.close()
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
	if cfg.Input == nil {
		cfg.Input = os.Stdin
	}
	opts = append(opts, tea.WithInput(newKeyboard(cfg.Input)))
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

// door can be closed: who started something waits for it.
type door struct {
	mu     sync.Mutex // guards closed and wg.Add against close
	closed bool
	wg     sync.WaitGroup
}

// connects is connect behind the door, and so are the sessions that it gives.
func (d *door) connects(connect func(ctx context.Context) (Session, error)) func(ctx context.Context) (Session, error) {
	return func(ctx context.Context) (Session, error) {
		session, err := through(d, func() (Session, error) { return connect(ctx) })
		if err != nil {
			return nil, err
		}
		return guarded{session, d}, nil
	}
}

// guarded is a session behind a door.
type guarded struct {
	Session

	door *door
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

func (g guarded) Tools(ctx context.Context) ([]client.Tool, error) {
	return through(g.door, func() ([]client.Tool, error) { return g.Session.Tools(ctx) })
}

func (g guarded) Resources(ctx context.Context) ([]client.Resource, error) {
	return through(g.door, func() ([]client.Resource, error) { return g.Session.Resources(ctx) })
}

func (g guarded) ResourceTemplates(ctx context.Context) ([]client.ResourceTemplate, error) {
	return through(g.door, func() ([]client.ResourceTemplate, error) { return g.Session.ResourceTemplates(ctx) })
}

func (g guarded) ReadResource(ctx context.Context, uri string) (*client.ResourceResult, error) {
	return through(g.door, func() (*client.ResourceResult, error) { return g.Session.ReadResource(ctx, uri) })
}

func (g guarded) Prompts(ctx context.Context) ([]client.Prompt, error) {
	return through(g.door, func() ([]client.Prompt, error) { return g.Session.Prompts(ctx) })
}

func (g guarded) Prompt(ctx context.Context, name string, arguments map[string]string) (*client.PromptResult, error) {
	return through(g.door, func() (*client.PromptResult, error) { return g.Session.Prompt(ctx, name, arguments) })
}

func (g guarded) Call(ctx context.Context, call client.Call) (*client.Result, error) {
	return through(g.door, func() (*client.Result, error) { return g.Session.Call(ctx, call) })
}

func (g guarded) Subscribe(ctx context.Context, uri string) error {
	return g.door.do(func() error { return g.Session.Subscribe(ctx, uri) })
}

func (g guarded) Unsubscribe(ctx context.Context, uri string) error {
	return g.door.do(func() error { return g.Session.Unsubscribe(ctx, uri) })
}

func (g guarded) Ping(ctx context.Context) error {
	return g.door.do(func() error { return g.Session.Ping(ctx) })
}

func (g guarded) SignIn(ctx context.Context, scopes []string) error {
	return g.door.do(func() error { return g.Session.SignIn(ctx, scopes) })
}

func (g guarded) Renew(ctx context.Context) error {
	return g.door.do(func() error { return g.Session.Renew(ctx) })
}

func (g guarded) SignOut(ctx context.Context) error {
	return g.door.do(func() error { return g.Session.SignOut(ctx) })
}

// do is through for what gives nothing.
func (d *door) do(f func() error) error {
	_, err := through(d, func() (struct{}, error) { return struct{}{}, f() })
	return err
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
