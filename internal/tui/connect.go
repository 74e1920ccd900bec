package tui

import (
	"context"
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

const (
	beatEvery  = 10 * time.Second     // how often a quiet connection is tried
	quickest   = time.Millisecond / 4 // a server that answers sooner was not asked
	maxBackoff = 10 * time.Second     // between two tries of one that is lost
)

// link is how the connection stands.
type link struct {
	ping    job // tries it
	lost    bool
	ended   bool // the sign-in is over
	open    bool // it was made without a sign-in, and none was asked for since
	tries   int
	retryAt time.Time
	heard   time.Time     // when the server answered last
	latency time.Duration // of the last short exchange; 0: not known
}

type (
	connectedMsg struct {
		id       int
		session  Session
		identity client.Identity
		err      error
	}
	pongMsg struct {
		id       int
		identity client.Identity
		took     time.Duration
		err      error
	}
)

func dial(ctx context.Context, connect func(ctx context.Context) (Session, error), id int) tea.Cmd {
	return func() tea.Msg {
		session, err := connect(ctx)
		if err != nil {
			return connectedMsg{id: id, err: err}
		}
		return connectedMsg{id: id, session: session, identity: session.Identity()}
	}
}

func ping(ctx context.Context, session Session, id int) tea.Cmd {
	return func() tea.Msg {
		began := time.Now()
		err := session.Ping(ctx)
		return pongMsg{id: id, identity: session.Identity(), took: time.Since(began), err: err}
	}
}

// dial connects, on the screen of a sign-in.
func (m *model) dial() tea.Cmd {
	m.login = &login{job: m.start(), first: true}
	m.note(tonePlain, "connecting to "+m.identity.Server)
	return dial(m.login.job.ctx, m.connect, m.login.job.id)
}

func (m *model) gotConnected(msg connectedMsg) tea.Cmd {
	if m.login == nil || !m.login.job.done(msg.id) {
		return nil
	}
	if msg.err != nil {
		m.loginFailed("The connection could not be made", msg.err)
		return nil
	}
	m.login = nil
	m.session, m.identity = msg.session, msg.identity
	m.link.heard, m.link.open = m.clock, m.identity.Issuer == ""
	as := "connected as " + who(m.identity)
	if m.identity.Username == "" && m.identity.GlobalName == "" && m.identity.UserID == "" {
		as = "connected, not signed in"
	}
	m.note(tonePlain, as)
	return m.reload()
}

// reached looks at the outcome of an exchange: whether the server was there at all.
func (m *model) reached(err error) {
	var known *client.Error
	l := &m.link
	if errors.As(err, &known) && known.Kind == client.KindAuth {
		l.ended, l.open = known.SignIn && len(known.Scopes) == 0, false
	} else if err == nil {
		l.ended = false
	}
	switch {
	case known == nil || known.Kind != client.KindUnavailable:
		l.heard = m.clock
		if l.lost {
			l.lost = false
			m.tools.stale, m.resources.stale, m.prompts.stale = true, true, true
			m.notice = "connected again"
			m.note(tonePlain, m.notice)
		}
	case l.lost:
	default:
		l.lost, l.tries = true, 0
		l.retryAt = m.clock.Add(backoff(0))
		m.note(toneBad, "connection lost: "+known.Message)
	}
}

// backoff is how long to wait after a number of tries.
func backoff(tries int) time.Duration {
	return min(time.Second<<min(tries, 10), maxBackoff)
}

// beat tries a connection that has been quiet, or is lost and due.
func (m *model) beat() tea.Cmd {
	l := &m.link
	due := l.lost && !m.clock.Before(l.retryAt) || !l.lost && m.clock.Sub(l.heard) >= beatEvery
	if !due || m.session == nil || m.login != nil || l.ping.cancel != nil {
		return nil
	}
	l.ping = m.start()
	return ping(l.ping.ctx, m.session, l.ping.id)
}

func (m *model) gotPong(msg pongMsg) tea.Cmd {
	l := &m.link
	if !l.ping.done(msg.id) {
		return nil
	}
	m.identity = msg.identity
	before := l.lost
	m.reached(msg.err)
	var known *client.Error
	if errors.As(msg.err, &known) && known.Kind == client.KindUnavailable {
		if before {
			l.tries++
			l.retryAt = m.clock.Add(backoff(l.tries))
		}
		return nil
	}
	if msg.err == nil {
		l.latency = msg.took
	}
	if !before {
		return nil
	}
	return tea.Batch(m.look(), m.refresh())
}

// lostWords says what is done about a lost connection, "" while there is one.
func (m *model) lostWords() string {
	l := &m.link
	switch {
	case !l.lost:
		return ""
	case l.ping.cancel != nil:
		return "connection lost, trying again"
	}
	return fmt.Sprintf("connection lost, trying again in %d s", max(1, int(l.retryAt.Sub(m.clock).Seconds()+0.999)))
}
