package tui

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// savedFile is the outcome of a save.
type savedFile struct {
	path   string
	size   int
	exists bool // and nobody said that it may be replaced
	err    error
}

// saveFile writes a file that only its owner reads. An existing one is replaced as a whole, if
// that was asked for; what is no file is never written to.
func saveFile(job saveJob) savedFile {
	out := savedFile{path: job.path}
	if info, err := os.Lstat(job.path); err == nil && !info.Mode().IsRegular() {
		out.err = errors.New("not saved: that is no file")
		return out
	}
	data, err := job.data()
	if err != nil {
		out.err = err
		return out
	}
	out.size = len(data)
	if err = writeFile(job, data); errors.Is(err, fs.ErrExist) {
		out.exists = true
		return out
	}
	out.err = inWords(err)
	return out
}

// writeFile makes a new file, or replaces one: it writes beside the place and then moves there, so
// that nothing half is left, and what was there keeps neither its mode nor its links.
func writeFile(job saveJob, data []byte) (err error) {
	var f *os.File
	if job.overwrite {
		f, err = os.CreateTemp(filepath.Dir(job.path), ".mcpdiscord-*") // 0600
	} else {
		f, err = os.OpenFile(job.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil || !job.overwrite {
		return err
	}
	return os.Rename(f.Name(), job.path)
}

// inWords is why a file was not written.
func inWords(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("not saved: there is no such directory (~ is not expanded)")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("not saved: you may not write there")
	}
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		err = path.Err
	case errors.As(err, &link):
		err = link.Err
	}
	return fmt.Errorf("not saved: %w", err)
}

// openMedia runs the desktop's program on a file, which is on the shelf until the screen closes.
func openMedia(job saveJob, on *shelf, open func(path string) error) error {
	data, err := job.data()
	if err != nil {
		return err
	}
	path, err := on.put(filepath.Base(job.path), data)
	if err != nil {
		return err
	}
	return open(path)
}

// shelf holds the files that the desktop's programs show.
type shelf struct {
	mu     sync.Mutex // guards what follows, and is held while a file is written
	dirs   []string
	closed bool
}

// put writes a file that only its owner reads into a directory of its own.
func (s *shelf) put(name string, data []byte) (path string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return "", errors.New("the screen is closed")
	}
	dir, err := os.MkdirTemp("", "mcpdiscord-") // 0700
	if err != nil {
		return "", fmt.Errorf("making a directory: %w", err)
	}
	s.dirs = append(s.dirs, dir)
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", fmt.Errorf("writing a file: %w", err)
	}
	return path, nil
}

// clear removes the files, which were seen.
func (s *shelf) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, dir := range s.dirs {
		_ = os.RemoveAll(dir)
	}
	s.dirs = nil
}

// close clears the shelf for good.
func (s *shelf) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.clear()
}

// pager shows text with the user's own command while the screen is away. The text goes to its
// input: it is written to no file.
type pager struct {
	words          []string
	text           func() []byte
	stdout, stderr io.Writer
}

func (p *pager) SetStdin(io.Reader)      {}
func (p *pager) SetStdout(out io.Writer) { p.stdout = out }
func (p *pager) SetStderr(out io.Writer) { p.stderr = out }

// Run implements tea.ExecCommand.
func (p *pager) Run() error {
	cmd := exec.Command(p.words[0], p.words[1:]...) //nolint:gosec,noctx // the user's own command, ended by the user
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(string(p.text())), p.stdout, p.stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) {
		return nil // the user has seen it end
	}
	return fmt.Errorf("starting the pager %s: %w", oneLine(p.words[0], 60), errors.Unwrap(err))
}
