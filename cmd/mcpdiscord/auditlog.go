package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// auditComplaint is how often a file that cannot be written is complained of.
const auditComplaint = time.Minute

// auditWait is how long the reader of a pipe may keep everybody waiting.
const auditWait = 100 * time.Millisecond

// auditLog is the file of the audit trail: an entry is a line of JSON. A file
// that was moved away, as logrotate does, is left for a new one. What cannot be
// written is counted: it must not stop the server.
type auditLog struct {
	handler slog.Handler // makes lines and writes them to file
	file    *auditFile
	log     *slog.Logger
	lost    atomic.Uint64

	mu         sync.Mutex
	complained time.Time
}

// openAuditLog opens the file at path, and makes it for this user alone.
func openAuditLog(path string, logger *slog.Logger) (*auditLog, error) {
	file := &auditFile{path: path}
	if err := file.reopen(); err != nil {
		return nil, usageError("the file of --audit-log cannot be written: "+path, "check its directory and its mode", err)
	}
	lines := slog.NewJSONHandler(file, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.LevelKey || a.Key == slog.MessageKey {
			return slog.Attr{} // the event says it
		}
		return a
	}})
	return &auditLog{handler: requestHandler{lines}, file: file, log: logger}, nil
}

// write is authserver.Config.Audit.
func (a *auditLog) write(ctx context.Context, e authserver.Event) {
	entry := slog.NewRecord(e.Time.UTC(), e.Level(), "", 0)
	entry.AddAttrs(e.Attrs()...)
	err := a.handler.Handle(ctx, entry)
	if err == nil {
		return
	}
	lost := a.lost.Add(1)
	a.mu.Lock()
	now := time.Now()
	complain := now.Sub(a.complained) >= auditComplaint
	if complain {
		a.complained = now
	}
	a.mu.Unlock()
	if complain {
		a.log.ErrorContext(ctx, "audit entries are lost", "lost", lost, "error", err)
	}
}

// follow reopens the file at each SIGHUP, which from its return on does not end
// the process any more, until ctx ends. Then it calls done.
func (a *auditLog) follow(ctx context.Context, done func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer done()
		defer signal.Stop(hangups)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				if err := a.file.reopen(); err != nil {
					a.log.ErrorContext(ctx, "reopening the audit file", "error", err)
				}
			}
		}
	}()
}

// auditFile appends lines to the file that has its name.
type auditFile struct {
	path string

	mu   sync.Mutex
	file *os.File
	torn bool // the last line is not whole
}

// Write implements [io.Writer]. line is one whole line.
func (f *auditFile) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var opening error
	if f.moved() {
		opening = f.open() // where that fails, the line is better in the old file than nowhere
	}
	_ = f.file.SetWriteDeadline(time.Now().Add(auditWait)) // a file has none
	if f.torn {
		if _, err := f.file.WriteString("\n"); err != nil {
			return 0, err
		}
		f.torn = false
	}
	n, err := f.file.Write(line)
	f.torn = n > 0 && n < len(line)
	return n, errors.Join(opening, err)
}

// moved says whether another file has the name by now, or none.
func (f *auditFile) moved() bool {
	there, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	ours, err2 := f.file.Stat()
	return err == nil && err2 == nil && !os.SameFile(there, ours)
}

func (f *auditFile) reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open()
}

// open takes the file that has the name. Where that fails the one before stays.
func (f *auditFile) open() error {
	file, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o600) // a pipe that nobody reads is an error, no wait
	if err != nil {
		return fmt.Errorf("opening the audit file: %w", err)
	}
	if f.file != nil {
		_ = f.file.Close()
	}
	f.file, f.torn = file, false
	return nil
}

func (f *auditFile) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.file.Close()
}
