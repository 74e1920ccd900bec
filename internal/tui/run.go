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

func (d *door) Tools(ctx context.Context) ([]client.Tool, error) {
	if !d.enter() {
		return nil, context.Canceled
	}
	defer d.wg.Done()
	return d.Session.Tools(ctx)
}

func (d *door) Call(ctx context.Context, call client.Call) (*client.Result, error) {
	if !d.enter() {
		return nil, context.Canceled
	}
	defer d.wg.Done()
	return d.Session.Call(ctx, call)
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
