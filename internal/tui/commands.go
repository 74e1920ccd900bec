package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

const (
	frameEvery = 100 * time.Millisecond // the spinner's pace, only while something runs
	clockEvery = time.Second            // the pace of what is counted in seconds
)

// Messages carry the id of the job that they belong to.
type (
	itemsMsg struct {
		id       int
		pane     paneID
		items    []item
		identity client.Identity
		took     time.Duration
		err      error
	}
	resultMsg struct {
		id       int
		view     *viewer // of an error: nil if the server said none
		identity client.Identity
		err      error
	}
	frameMsg struct{}
	clockMsg struct{}
)

func loadItems(ctx context.Context, session Session, id int, pane paneID, fetch func(context.Context, Session) ([]item, error)) tea.Cmd {
	return func() tea.Msg {
		began := time.Now()
		items, err := fetch(ctx, session)
		took := time.Since(began)
		return itemsMsg{id: id, pane: pane, items: items, identity: session.Identity(), took: took, err: err}
	}
}

// perform makes a call. It also lays the result out, so that a large one does not hold up the
// screen. Nothing comes into the mailbox afterwards.
func perform(c *call, session Session, box *mailbox) tea.Cmd {
	id, it, arguments := c.id, c.item, c.arguments
	ctx := context.WithValue(c.ctx, callKey{}, id)
	return func() tea.Msg {
		msg := resultMsg{id: id}
		var res *client.Result
		res, msg.err = it.send(ctx, session, arguments, box)
		box.end()
		if msg.err == nil {
			msg.view = newViewer(it.name, res)
		} else {
			msg.view = newFailure(msg.err)
		}
		msg.identity = session.Identity()
		return msg
	}
}

func nextFrame() tea.Cmd {
	return tea.Tick(frameEvery, func(time.Time) tea.Msg { return frameMsg{} })
}

func nextClock() tea.Cmd {
	return tea.Tick(clockEvery, func(time.Time) tea.Msg { return clockMsg{} })
}
