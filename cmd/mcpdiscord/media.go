package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// isMedia says whether a part of an answer is bytes: an image, audio, or the
// blob of a resource.
func isMedia(c client.Content) bool { return c.Data != "" }

// save decodes the media of an answer into the file of --output: FILE, or
// FILE-1.ext, FILE-2.ext … where there are several; whatever else there is goes
// to stdout then. Without media it does nothing.
func (p *program) save(o outputFlags, parts []client.Content) (outputFlags, error) {
	if o.file == "" || o.file == "-" || !slices.ContainsFunc(parts, isMedia) {
		return o, nil
	}
	media := slices.DeleteFunc(slices.Clone(parts), func(c client.Content) bool { return !isMedia(c) })
	for i, part := range media {
		name := o.file
		if len(media) > 1 {
			ext := filepath.Ext(name)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), i+1, ext)
		}
		data, err := base64.StdEncoding.DecodeString(part.Data)
		if err != nil {
			return o, failure("the server's answer has a part that is not base64", "--raw shows it", err)
		}
		if err := p.write(outputFlags{file: name}, func(w io.Writer, _ bool) error { return writeBytes(w, data) }); err != nil {
			return o, err
		}
		p.note("wrote %s: %s", name, called(part))
	}
	o.file = ""
	return o, nil
}

// writeBytes writes what is no text, but never to a terminal.
func writeBytes(w io.Writer, data []byte) error {
	if file, ok := w.(*os.File); ok && isTerminal(file) {
		return failure("the answer is not text, and "+file.Name()+" is a terminal", "name another file for it: -o FILE", nil)
	}
	_, err := w.Write(data)
	return err
}

// parts prints the parts of an answer: texts as they are, each with an end of
// line, and what is none by its type and size, also where a file has it.
func (p *program) parts(o outputFlags, parts []client.Content) error {
	to, err := p.save(o, parts)
	saved := to != o
	if err != nil || saved && !slices.ContainsFunc(parts, func(c client.Content) bool { return !isMedia(c) }) {
		return err
	}
	return p.write(to, func(w io.Writer, terminal bool) error {
		for _, part := range parts {
			if _, err := fmt.Fprintln(w, partLine(part, terminal)); err != nil {
				return err
			}
		}
		if !saved && isTerminal(p.err) && slices.ContainsFunc(parts, isMedia) {
			p.note("-o FILE saves what is not text")
		}
		return nil
	})
}

func partLine(c client.Content, terminal bool) string {
	switch {
	case c.Type != "text" && (c.Type != "resource" || isMedia(c)):
		return called(c)
	case terminal:
		return client.Printable(c.Text)
	}
	return c.Text
}

// called names a part that is no text: its type, MIME type, size and URI.
func called(c client.Content) string {
	words := slices.DeleteFunc([]string{c.Type, c.MIMEType, byteSize(c.Size), c.URI}, func(word string) bool { return word == "" })
	return client.PrintableLine("[" + strings.Join(words, ", ") + "]")
}

func byteSize(n int) string {
	switch {
	case n <= 0:
		return ""
	case n < 1<<10:
		return fmt.Sprintf("%dB", n)
	case n < 1<<20:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dMiB", n>>20)
}
