package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func issued(user string) authserver.Event {
	return authserver.Event{Type: authserver.EventIssued, Time: time.Unix(1, 0), UserID: user, Scopes: []string{"identify", "email"}}
}

// entries are the users of a file's lines, each of which is whole.
func entries(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for line := range strings.Lines(string(text)) {
		var entry struct {
			Time   time.Time `json:"time"`
			Event  string    `json:"event"`
			UserID string    `json:"user_id"`
			Scopes string    `json:"scopes"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if entry.Event != "issued" || entry.Time.Unix() != 1 || entry.Scopes != "identify email" {
			t.Errorf("the entry is %+v", entry)
		}
		users = append(users, entry.UserID)
	}
	return strings.Join(users, " ")
}

// A file that was moved away, or that a SIGHUP is about, is left for a new one.
func TestAuditLogIsReopened(t *testing.T) { //nolint:paralleltest // a signal is the whole process's
	path := filepath.Join(t.TempDir(), "audit.log")
	audit, err := openAuditLog(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer audit.file.close()
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	audit.follow(ctx, func() { close(stopped) })
	audit.write(ctx, issued("1"))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	audit.write(ctx, issued("2"))
	if err := os.Rename(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for _, err := os.Stat(path); err != nil; _, err = os.Stat(path) { // made by the signal alone
		if t.Context().Err() != nil {
			t.Fatal("nothing follows the signal")
		}
	}
	audit.write(ctx, issued("3"))
	for name, want := range map[string]string{path + ".1": "1", path + ".2": "2", path: "3"} {
		if got := entries(t, name); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	stop()
	<-stopped
}

// A full disk stops nobody: the entries are counted, and it is said once.
func TestAuditLogFullDisk(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	audit, err := openAuditLog("/dev/full", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer audit.file.close()
	for range 10 {
		audit.write(t.Context(), issued("1"))
	}
	if got := audit.lost.Load(); got != 10 {
		t.Errorf("%d are counted", got)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), `level=ERROR msg="audit entries are lost" lost=1 `) {
		t.Errorf("the log is\n%s", log.String())
	}
}

// A line of which only a part got to the disk does not spoil the next one.
func TestAuditLogTornLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	audit, err := openAuditLog(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer audit.file.close()
	if _, err := audit.file.file.WriteString(`{"time":"19`); err != nil {
		t.Fatal(err)
	}
	audit.file.torn = true
	audit.write(t.Context(), issued("2"))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(text), "\n"); len(lines) != 3 || !strings.Contains(lines[1], `"user_id":"2"`) {
		t.Errorf("the file is\n%s", text)
	}
}

// A file that cannot be made again, in a directory that is another's, does not
// cost the entries of the meantime.
func TestAuditLogMovedAwayForGood(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	audit, err := openAuditLog(filepath.Join(dir, "audit.log"), slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer audit.file.close()
	audit.write(t.Context(), issued("1"))
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	audit.write(t.Context(), issued("2"))
	if got := entries(t, filepath.Join(dir+".old", "audit.log")); got != "1 2" {
		t.Errorf("the old file has %q", got)
	}
	if !strings.Contains(log.String(), "opening the audit file") {
		t.Errorf("nobody is told: %s", log.String())
	}
}

// A pipe that nobody reads stops no server, neither at its start nor later.
func TestAuditLogPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openAuditLog(path, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a pipe without a reader is opened")
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	audit, err := openAuditLog(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer audit.file.close()
	audit.write(t.Context(), issued("1"))
	if got := audit.lost.Load(); got != 0 {
		t.Errorf("%d are counted", got)
	}
	for audit.lost.Load() == 0 && t.Context().Err() == nil { // until the pipe is full
		audit.write(t.Context(), issued(strings.Repeat("2", 10_000)))
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	audit.write(t.Context(), issued("3"))
	if got := audit.lost.Load(); got != 2 {
		t.Errorf("%d are counted", got)
	}
}
