package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/itchyny/gojq"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// outputFlags say how the answer is printed.
type outputFlags struct {
	json, raw bool
	jq, file  string
}

// toFile says whether the answer goes into a file instead of stdout.
func (o outputFlags) toFile() bool { return o.file != "" && o.file != "-" }

// answer prints JSON as the answer: filtered, indented and colored on a
// terminal, one line elsewhere.
func (p *program) answer(ctx context.Context, o outputFlags, text json.RawMessage) error {
	if o.jq != "" {
		return p.filtered(ctx, o, text)
	}
	return p.write(o, func(w io.Writer, terminal bool) error {
		return writeJSON(w, text, terminal, !o.toFile() && p.colored(p.out))
	})
}

// write opens what --output names, else stdout.
func (p *program) write(o outputFlags, print func(w io.Writer, terminal bool) error) error {
	if !o.toFile() {
		if err := print(p.out, isTerminal(p.out)); err != nil {
			return unwritten(err)
		}
		return nil
	}
	file, err := os.OpenFile(o.file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return unwrittenTo(o.file, "check the directory, or leave -o out", err)
	}
	err = print(file, false)
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return unwrittenTo(o.file, "check the space on the disk", err)
	}
	return nil
}

// unwritten says that an answer on stdout is lost.
func unwritten(err error) error {
	return unwrittenTo("standard output", "check where it goes: the disk may be full", err)
}

// unwrittenTo says that the answer is lost, unless something else went wrong
// before.
func unwrittenTo(where, hint string, err error) error {
	if user := (*userError)(nil); errors.As(err, &user) {
		return err
	}
	return failure("the answer cannot be written to "+where, hint, err)
}

// checkFile refuses a name for --output that cannot be a file, before a tool is
// called whose answer would be lost.
func checkFile(name string) error {
	if name == "" || name == "-" {
		return nil
	}
	if at, err := os.Stat(name); err == nil && at.IsDir() {
		return usageError(name+" is a directory", "name a file in it: -o "+filepath.Join(name, "answer.json"), nil)
	}
	if at, err := os.Stat(filepath.Dir(name)); err != nil || !at.IsDir() {
		return usageError("there is no directory "+filepath.Dir(name), "make it, or leave -o out", err)
	}
	return nil
}

// writeJSON indents on a terminal alone: elsewhere an answer is one line,
// colored or not.
func writeJSON(w io.Writer, text json.RawMessage, terminal, colored bool) error {
	var b bytes.Buffer
	lay := json.Compact
	if terminal {
		lay = func(b *bytes.Buffer, text []byte) error { return json.Indent(b, text, "", "  ") }
	}
	if err := lay(&b, text); err != nil {
		return err
	}
	shown := b.String()
	if terminal || colored {
		shown = client.Printable(shown)
	}
	if colored {
		shown = colorJSON(shown)
	}
	_, err := fmt.Fprintln(w, shown)
	return err
}

// filtered prints what the jq expression makes of the answer: strings as they
// are, everything else as other answers, numbers with all their digits.
func (p *program) filtered(ctx context.Context, o outputFlags, text json.RawMessage) error {
	query, err := compileJQ(o.jq)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return failure("the answer is not JSON", "", err)
	}
	return p.write(o, func(w io.Writer, terminal bool) error {
		results := query.RunWithContext(ctx, value)
		for {
			result, more := results.Next()
			if !more {
				return nil
			}
			if err, isError := result.(error); isError {
				if halt := (*gojq.HaltError)(nil); errors.As(err, &halt) && halt.Value() == nil {
					return nil
				}
				return failure("the jq expression does not fit the answer: "+err.Error(), "without --jq the whole answer is printed", err)
			}
			if err := writeFiltered(w, result, terminal, !o.toFile() && p.colored(p.out)); err != nil {
				return err
			}
		}
	})
}

func writeFiltered(w io.Writer, result any, terminal, colored bool) error {
	if line, isString := result.(string); isString {
		if terminal {
			line = client.Printable(line)
		}
		_, err := fmt.Fprintln(w, line)
		return err
	}
	text, err := gojq.Marshal(result)
	if err != nil {
		return err
	}
	return writeJSON(w, text, terminal, colored)
}

// compileJQ compiles a jq expression; commands do it before anything is sent.
func compileJQ(expression string) (*gojq.Code, error) {
	query, err := gojq.Parse(expression)
	if err != nil {
		return nil, usageError("the expression of --jq is not jq: "+err.Error(), "for example --jq .discord_id", err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, usageError("the expression of --jq cannot be used: "+err.Error(), "for example --jq .discord_id", err)
	}
	return code, nil
}

// result prints what a tool answered.
func (p *program) result(ctx context.Context, o outputFlags, r *client.Result) error {
	structured := len(r.Structured) > 0 && string(r.Structured) != "null"
	switch {
	case o.raw:
		return p.answer(ctx, o, r.Raw)
	case structured && (o.json || o.jq != ""):
		return p.answer(ctx, o, r.Structured)
	case structured:
		to, err := p.save(o, r.Content)
		if err != nil {
			return err
		}
		for _, part := range r.Content {
			if to == o && isMedia(part) { // on stdout it would not be JSON
				p.note("the answer has more: %s; -o FILE saves it", called(part))
			}
		}
		return p.answer(ctx, to, r.Structured)
	case o.json || o.jq != "":
		return p.picked(ctx, o, r.Raw, "content")
	}
	return p.parts(o, r.Content)
}

// picked prints some members of a result as JSON, as they were received. The
// last one is there in any case.
func (p *program) picked(ctx context.Context, o outputFlags, raw json.RawMessage, names ...string) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return failure("the server's answer is none of MCP", "--raw shows it", err)
	}
	last := names[len(names)-1]
	if all[last] == nil {
		all[last] = json.RawMessage("[]")
	}
	names = slices.DeleteFunc(names, func(name string) bool { return all[name] == nil })
	return p.answer(ctx, o, object(names, all))
}

// array is a JSON array of what is raw of the items of a list, as it is.
func array[T any](list []T, raw func(T) json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, item := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(raw(item))
	}
	b.WriteByte(']')
	return b.Bytes()
}
