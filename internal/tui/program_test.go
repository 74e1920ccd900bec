package tui_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/teatest/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// live is a session for a running program: `slow` ends with its context only.
type live struct {
	session // what it does not do itself

	entered chan string // each call's name, when it has begun
}

func newLive() *live { return &live{entered: make(chan string, 10)} }

func (l *live) Identity() client.Identity {
	return client.Identity{Server: "https://mcp.example.com/mcp", Username: "nelly", Expiry: noon.Add(time.Hour)}
}

func (l *live) Ping(context.Context) error             { return nil }
func (l *live) SignIn(context.Context, []string) error { return nil }
func (l *live) Renew(context.Context) error            { return nil }
func (l *live) SignOut(context.Context) error          { return nil }

func (l *live) Tools(context.Context) ([]client.Tool, error) { return tools(), nil }

func (l *live) Call(ctx context.Context, call client.Call) (*client.Result, error) {
	l.entered <- call.Name
	switch call.Name {
	case "slow":
		<-ctx.Done()
		return nil, ctx.Err()
	case "fail":
		panic("a bug in the session")
	}
	return answers["get_user_info"], nil
}

// TestProgram runs the model in a real program, from the first frame to the last.
func TestProgram(t *testing.T) {
	t.Parallel()
	session := newLive()
	cfg := tui.Config{Session: session, Now: func() time.Time { return noon }}
	tm := teatest.NewTestModel(t, tui.NewModel(t.Context(), cfg), teatest.WithInitialTermSize(80, 24))
	wait := func(text string) {
		t.Helper()
		teatest.WaitFor(t, tm.Output(), func(out []byte) bool { return strings.Contains(string(out), text) },
			teatest.WithDuration(10*time.Second), teatest.WithCheckInterval(5*time.Millisecond))
	}
	wait("Who is signed in")
	tm.Type("/text") // what is drawn of it depends on how many keys come between two frames
	tm.Send(keyNamed("enter"))
	tm.Send(keyNamed("enter"))
	wait("80351110224678912")
	if name := <-session.entered; name != "text" {
		t.Errorf("the filter led to %s", name)
	}
	tm.Type("q")
	m, ok := tm.FinalModel(t, teatest.WithFinalTimeout(10*time.Second)).(*tui.Model)
	if !ok || m.Err() != nil {
		t.Errorf("the end: %v", m.Err())
	}
}

// screen runs Run with keys from a pipe, and collects what it draws.
type screen struct {
	keys *io.PipeWriter
	done chan error

	mu  sync.Mutex // guards out
	out bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *screen) drawn() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func run(ctx context.Context, t *testing.T, session tui.Session) *screen {
	t.Helper()
	in, keys := io.Pipe()
	s := &screen{keys: keys, done: make(chan error, 1)}
	go func() {
		s.done <- tui.Run(ctx, tui.Config{Session: session, Input: in, Output: s, Now: func() time.Time { return noon }})
	}()
	t.Cleanup(func() { _ = keys.Close() })
	return s
}

func (s *screen) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := s.keys.Write([]byte(keys)); err != nil {
		t.Fatal(err)
	}
}

func (s *screen) wait(t *testing.T, text string) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(s.drawn(), text) {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never drawn: %q in %q", text, s.drawn())
		}
	}
}

// restored says that the alternate screen was left and the cursor is shown again.
func (s *screen) restored(t *testing.T) {
	t.Helper()
	out := s.drawn()
	if enter, leave := strings.LastIndex(out, "\x1b[?1049h"), strings.LastIndex(out, "\x1b[?1049l"); enter < 0 || leave < enter {
		t.Errorf("the alternate screen is still on: %q", out)
	}
	if hide, show := strings.LastIndex(out, "\x1b[?25l"), strings.LastIndex(out, "\x1b[?25h"); show < hide {
		t.Errorf("the cursor is still hidden: %q", out)
	}
}

func isInterrupted(err error) bool {
	var known *client.Error
	return errors.As(err, &known) && known.Kind == client.KindInterrupted
}

func TestRunQuit(t *testing.T) {
	t.Parallel()
	s := run(t.Context(), t, newLive())
	s.wait(t, "Who is signed in")
	s.press(t, "q")
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	s.restored(t)
}

func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	s := run(t.Context(), t, newLive())
	s.wait(t, "Who is signed in")
	s.press(t, "\x03")
	s.wait(t, "again to quit")
	s.press(t, "\x03")
	if err := <-s.done; !isInterrupted(err) {
		t.Errorf("ended with %v", err)
	}
	s.restored(t)
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	session := newLive()
	s := run(ctx, t, session)
	s.wait(t, "Who is signed in")
	s.press(t, "/slow\r")
	s.wait(t, "clear filter")
	s.press(t, "\r")
	<-session.entered
	cancel()
	if err := <-s.done; !isInterrupted(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	s.restored(t)
}

func TestRunRestoresAfterPanic(t *testing.T) {
	t.Parallel()
	s := run(t.Context(), t, newLive())
	s.wait(t, "Who is signed in")
	s.press(t, "/fail\r")
	s.wait(t, "clear filter")
	s.press(t, "\r")
	var known *client.Error
	if err := <-s.done; !errors.As(err, &known) || known.Kind != client.KindFailure {
		t.Errorf("ended with %v", err)
	}
	s.restored(t)
}

func TestRunNeedsSession(t *testing.T) {
	t.Parallel()
	if err := tui.Run(t.Context(), tui.Config{}); err == nil {
		t.Error("no error")
	}
}

// slowEnd is a session whose call takes its time to end after its context did.
type slowEnd struct {
	*live
	leave chan struct{}
}

func (s *slowEnd) Call(ctx context.Context, call client.Call) (*client.Result, error) {
	res, err := s.live.Call(ctx, call)
	<-s.leave
	return res, err
}

func TestRunWaitsForItsCalls(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	session := &slowEnd{live: newLive(), leave: make(chan struct{})}
	s := run(ctx, t, session)
	s.wait(t, "Who is signed in")
	s.press(t, "/slow\r")
	s.wait(t, "clear filter")
	s.press(t, "\r")
	<-session.entered
	cancel()
	s.wait(t, "\x1b[?1049l")
	select {
	case <-s.done:
		close(session.leave)
		t.Fatal("Run returned while a call was running")
	case <-time.After(50 * time.Millisecond):
	}
	close(session.leave)
	if err := <-s.done; !isInterrupted(err) {
		t.Errorf("ended with %v", err)
	}
}

func TestNoCallAfterTheEnd(t *testing.T) {
	t.Parallel()
	session := newLive()
	closed := tui.Closed(session)
	if _, err := closed.Tools(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("Tools: %v", err)
	}
	if err := closed.Unsubscribe(t.Context(), "test://1"); !errors.Is(err, context.Canceled) {
		t.Errorf("Unsubscribe: %v", err)
	}
	if _, err := closed.Call(t.Context(), client.Call{Name: "text"}); !errors.Is(err, context.Canceled) || len(session.entered) > 0 {
		t.Errorf("Call: %v", err)
	}
}

// TestRunConnects draws before there is a connection, and waits at its end for one that is being
// made.
func TestRunConnects(t *testing.T) {
	t.Parallel()
	in, keys := io.Pipe()
	defer keys.Close()
	s := &screen{keys: keys, done: make(chan error, 1)}
	begun, connected, ended := make(chan bool), make(chan bool), make(chan bool, 1)
	connect := func(ctx context.Context) (tui.Session, error) {
		begun <- true
		select {
		case <-connected:
			return newLive(), nil
		case <-ctx.Done():
			ended <- true
			return nil, ctx.Err()
		}
	}
	go func() {
		s.done <- tui.Run(t.Context(), tui.Config{Connect: connect, Server: "https://mcp.example.com/mcp", Input: in, Output: s})
	}()
	<-begun
	s.wait(t, "Connecting to")
	s.press(t, "\x1b")
	<-ended
	s.wait(t, "was canceled")
	s.press(t, "r")
	<-begun
	connected <- true
	s.wait(t, "Who is signed in")
	s.press(t, "q")
	if err := <-s.done; err != nil {
		t.Error(err)
	}
	s.restored(t)
}
