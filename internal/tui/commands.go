package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

const (
	frameEvery = 100 * time.Millisecond // the spinner's pace, only while something runs
	clockEvery = 30 * time.Second       // the pace of the token's remaining time
)

// Messages carry the id of the job that they belong to.
type (
	toolsMsg struct {
		id       int
		items    []item
		identity client.Identity
		err      error
	}
	resultMsg struct {
		id       int
		doc      document
		identity client.Identity
		err      error
	}
	frameMsg struct{ id int }
	clockMsg struct{}
)

func loadTools(ctx context.Context, session Session, id int) tea.Cmd {
	return func() tea.Msg {
		tools, err := session.Tools(ctx)
		return toolsMsg{id: id, items: newItems(tools), identity: session.Identity(), err: err}
	}
}

// callTool also lays the result out, so that a large one does not hold up the screen.
func callTool(ctx context.Context, session Session, id int, call client.Call) tea.Cmd {
	return func() tea.Msg {
		msg := resultMsg{id: id}
		var res *client.Result
		if res, msg.err = session.Call(ctx, call); msg.err == nil {
			msg.doc = newDocument(res)
		}
		msg.identity = session.Identity()
		return msg
	}
}

func nextFrame(id int) tea.Cmd {
	return tea.Tick(frameEvery, func(time.Time) tea.Msg { return frameMsg{id: id} })
}

func nextClock() tea.Cmd {
	return tea.Tick(clockEvery, func(time.Time) tea.Msg { return clockMsg{} })
}
