package tui

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	tea "charm.land/bubbletea/v2"
)

// editedMsg is what came back from $EDITOR.
type editedMsg struct {
	form *form // whose arguments they are
	text string
	err  error
}

// editing runs an editor on a text in the place of the screen. The file is in a directory of its
// own that only the user can enter, and is gone afterwards.
type editing struct {
	words []string // the command
	text  string

	in       io.Reader
	out, err io.Writer
}

func (e *editing) SetStdout(w io.Writer) { e.out = w }
func (e *editing) SetStderr(w io.Writer) { e.err = w }

// SetStdin gives the terminal itself to the editor, which reads keys in its own way.
func (e *editing) SetStdin(r io.Reader) {
	if t, ok := r.(*terminal); ok {
		r = t.File
	}
	e.in = r
}

// Run leaves what the user has made of the text in it.
func (e *editing) Run() (err error) {
	dir, err := os.MkdirTemp("", "mcpdiscord-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "arguments.json")
	if err := os.WriteFile(path, []byte(e.text), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(e.words[0], append(e.words[1:len(e.words):len(e.words)], path)...) //nolint:gosec,noctx // the user's own command, and the user ends it
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.in, e.out, e.err
	if err := cmd.Run(); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxInput+1))
	if err == nil && len(text) > maxInput {
		err = errors.New("the text is longer than 1 MB")
	}
	e.text = string(text)
	return err
}

// openEditor gives the screen to the user's editor.
func openEditor(words []string, f *form, text string) tea.Cmd {
	e := &editing{words: words, text: text}
	return tea.Exec(e, func(err error) tea.Msg { return editedMsg{form: f, text: e.text, err: err} })
}
