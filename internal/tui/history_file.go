package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/gofrs/flock"

	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// Bounds of the history on disk.
const (
	maxPast      = 200
	maxPastBytes = 8 << 20  // of the file
	maxPastArgs  = 16 << 10 // of the arguments of one call; longer ones are asked for again
	maxPastName  = 8 << 10
)

// pastCall is a call as it is kept on disk: never a secret, never a result.
type pastCall struct {
	Kind      string          `json:"kind"` // tool, resource, template or prompt
	Name      string          `json:"name"` // or the address, or the template
	Arguments json.RawMessage `json:"arguments"`
	Withheld  bool            `json:"withheld,omitempty"` // some of the arguments are not here
	Outcome   string          `json:"outcome"`            // answered, error, failed or canceled
	Began     time.Time       `json:"began"`
	Took      int64           `json:"took_ms"`
}

var (
	kindNames = map[itemKind]string{itemTool: "tool", itemResource: "resource", itemTemplate: "template", itemPrompt: "prompt"}
	outcomes  = map[string]callState{"answered": callAnswered, "error": callAnswered, "failed": callFailed, "canceled": callCanceled}
)

// archive is the file with the calls of one server. Calls are put into it in memory, and written
// by commands; the screen never waits for the disk. What could not be written waits for the next
// call, or the end.
type archive struct {
	path string

	disk sync.Mutex // held while the file is read and written anew

	mu      sync.Mutex // guards what follows
	waiting []pastCall
	fresh   bool // there are some that nobody tried to write
}

// lockPatience is how long to wait for another TUI to write its calls.
const lockPatience = time.Second

// historyMsg is what was found on disk, or what went wrong with it.
type historyMsg struct {
	past []pastCall
	what string // the failed deed
	err  error
}

// put queues a call.
func (a *archive) put(c pastCall) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting, a.fresh = append(a.waiting, c), true
}

func (a *archive) pending() bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fresh
}

// take gives the queued calls.
func (a *archive) take() []pastCall {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls := a.waiting
	a.waiting, a.fresh = nil, false
	return calls
}

// putBack queues calls before those that came since.
func (a *archive) putBack(calls []pastCall) {
	a.mu.Lock()
	defer a.mu.Unlock()
	calls = append(calls, a.waiting...)
	a.waiting = calls[max(0, len(calls)-maxPast):]
}

// flush adds the queued calls to those on disk. What is damaged there is replaced.
func (a *archive) flush() error {
	a.disk.Lock()
	defer a.disk.Unlock()
	calls := a.take()
	if len(calls) == 0 {
		return nil
	}
	err := a.add(calls)
	if err != nil {
		a.putBack(calls)
	}
	return err
}

func (a *archive) add(calls []pastCall) error {
	unlock, err := a.lock()
	if err != nil {
		return err
	}
	defer unlock()
	past, err := a.read()
	var unread *fs.PathError
	if errors.As(err, &unread) {
		return err
	}
	past = append(past, calls...)
	text, err := json.Marshal(map[string]any{"calls": past[max(0, len(past)-maxPast):]})
	if err != nil {
		return err
	}
	return replaceFile(a.path, text)
}

// lock keeps others from writing. The system gives it back if this process dies.
func (a *archive) lock() (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(a.path), 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	file := flock.New(a.path+".lock", flock.SetPermissions(0o600))
	if _, err := file.TryLockContext(ctx, lockPatience/50); err != nil {
		_ = file.Close()
		if ctx.Err() != nil {
			err = errors.New("another process has it locked")
		}
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}

// replaceFile writes a file that only its owner can read, whole or not at all.
func replaceFile(path string, text []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// read gives the calls on disk, the oldest first. No file is no error.
func (a *archive) read() ([]pastCall, error) {
	file, err := os.Open(a.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxPastBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxPastBytes {
		return nil, fmt.Errorf("%s is longer than 8 MB", a.path)
	}
	var kept struct {
		Calls []pastCall `json:"calls"`
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", a.path, err)
	}
	calls := slices.DeleteFunc(kept.Calls, func(c pastCall) bool {
		_, known := outcomes[c.Outcome]
		return !known || kindOf(c.Kind) < 0 || c.Name == "" || schema.TypeOf(c.Arguments) != "object"
	})
	return calls[max(0, len(calls)-maxPast):], nil
}

// kindOf is the kind of a name, -1 for none.
func kindOf(name string) int {
	for kind, known := range kindNames {
		if known == name {
			return int(kind)
		}
	}
	return -1
}

func loadHistory(a *archive) tea.Cmd {
	if a == nil {
		return nil
	}
	return func() tea.Msg {
		past, err := a.read()
		return historyMsg{past: past, what: "read", err: err}
	}
}

func saveHistory(a *archive) tea.Cmd {
	return func() tea.Msg { return historyMsg{what: "written", err: a.flush()} }
}

// gotHistory puts the calls of earlier runs before those of this one.
func (m *model) gotHistory(msg historyMsg) {
	again := m.unwritten
	m.unwritten = msg.what == "written" && msg.err != nil
	if msg.err != nil {
		if !again {
			m.note(toneBad, "The history on disk could not be "+msg.what+": "+msg.err.Error())
		}
		return
	}
	var calls []*call
	for _, past := range msg.past {
		calls = append(calls, past.call())
	}
	m.calls = append(calls, m.calls...)
}

// call is what was read from disk, as far as it goes.
func (p *pastCall) call() *call {
	it := item{kind: itemKind(kindOf(p.Kind)), id: p.Name}
	switch it.kind {
	case itemTemplate:
		it = newTemplate(p.Name)
	case itemPrompt: // until the list is loaded
		names, _ := members(p.Arguments)
		for _, name := range names[:min(len(names), maxFields)] {
			it.shape.fields = append(it.shape.fields, newTextField(name, "", false))
		}
	}
	it = it.named(p.Name, "", "")
	c := &call{
		item: &it, arguments: p.Arguments, past: true, dropped: true, withheld: p.Withheld, began: p.Began,
		took: max(0, time.Duration(p.Took)*time.Millisecond), state: outcomes[p.Outcome], faulty: p.Outcome == "error",
	}
	c.lay(p.Arguments)
	return c
}

// keep is the call as it goes to disk.
func (c *call) keep() (pastCall, bool) {
	arguments := c.item.shape.redact(c.arguments)
	p := pastCall{
		Kind: kindNames[c.item.kind], Name: c.item.id, Arguments: arguments, Began: c.began, Took: c.took.Milliseconds(),
		Withheld: bytes.Contains(arguments, []byte(hidden)),
	}
	if len(arguments) > maxPastArgs {
		p.Arguments, p.Withheld = json.RawMessage("{}"), true
	}
	for outcome, state := range outcomes {
		if state == c.state && (outcome == "error") == c.faulty {
			p.Outcome = outcome
		}
	}
	return p, len(p.Name) <= maxPastName && p.Outcome != ""
}

// withoutMarks is JSON without what a mark stands for: that is asked for again, never sent.
func withoutMarks(raw json.RawMessage) json.RawMessage {
	switch schema.TypeOf(raw) {
	case "object":
		names, values := members(raw)
		var kept []string
		var rest []json.RawMessage
		for i, name := range names {
			if name != hidden && string(values[i]) != redacted {
				kept, rest = append(kept, name), append(rest, withoutMarks(values[i]))
			}
		}
		return object(kept, rest)
	case "array":
		var rest []json.RawMessage
		for _, each := range elements(raw) {
			if string(each) != redacted {
				rest = append(rest, withoutMarks(each))
			}
		}
		return array(rest)
	}
	return raw
}
