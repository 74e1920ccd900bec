package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/muesli/cancelreader"
	"golang.org/x/term"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// maxTyped bounds a secret on stdin, in bytes.
const maxTyped = 64 << 10

// connectWithToken keeps a token that somebody brings for a server.
func (p *program) connectWithToken(ctx context.Context, o *clientOptions, argument string) error {
	switch {
	case strings.TrimSpace(p.getenv("MCPDISCORD_TOKEN")) != "":
		return usageError("there are both MCPDISCORD_TOKEN and --with-token", "unset the one, or leave out the other", nil)
	case o.header.Get("Authorization") != "":
		return usageError("there are both --with-token and an Authorization header", "leave out one of them", nil)
	case tokencache.Store(o.tokenStore) == tokencache.StoreMemory:
		return usageError("the token store memory keeps nothing of --with-token", "choose another one, or set MCPDISCORD_TOKEN for one command", nil)
	}
	cfg, err := p.savedConfig(o, argument)
	if err != nil {
		return err
	}
	token, err := p.readSecret(ctx, "Access token for "+client.PrintableLine(cfg.Server)+": ")
	if err != nil {
		return err
	}
	if len(token) >= 7 && strings.EqualFold(token[:7], "Bearer ") {
		token = strings.TrimSpace(token[7:])
	}
	if token == "" {
		return usageError("there is no token on standard input", "for example printf %s \"$TOKEN\" | {program} connect --with-token", nil)
	}
	answered := p.wait(o, cfg.Server)
	identity, err := client.SaveToken(ctx, cfg, token)
	answered()
	if err != nil {
		return err
	}
	p.forgetKept(cfg.Server) // nobody knows whether it is the same user's
	if o.output.json {
		return p.printIdentity(ctx, o.output, *identity, true)
	}
	p.note("%s", identityLine(*identity, time.Now()))
	return nil
}

// readSecret reads a secret from stdin to its end; from a terminal one line,
// which is not shown.
func (p *program) readSecret(ctx context.Context, prompt string) (string, error) {
	var reader io.Reader = p.in // a file, which nobody has to wait for
	if canceled, err := cancelreader.NewReader(p.in); err == nil {
		defer canceled.Close()
		defer context.AfterFunc(ctx, func() { canceled.Cancel() })()
		reader = canceled
	}
	if isTerminal(p.in) {
		state, err := term.MakeRaw(int(p.in.Fd()))
		if err != nil {
			return "", failure("the terminal cannot be kept from showing the token", "give it in a pipe", err)
		}
		fmt.Fprint(p.err, prompt)
		defer func() {
			_ = term.Restore(int(p.in.Fd()), state)
			fmt.Fprintln(p.err)
		}()
		return typedSecret(ctx, reader)
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxTyped+1))
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", failure("standard input cannot be read", "", err)
	case len(text) > maxTyped:
		return "", usageError("standard input is too long for a token", "", nil)
	}
	return strings.TrimSpace(string(text)), nil
}

// The keys that mean something while a secret is typed.
const (
	keyInterrupt = 3
	keyEnd       = 4
	keyClear     = 21
	keyBackspace = 8
	keyDelete    = 127
)

// typedSecret reads a line from a terminal in raw mode. A line of the terminal's
// own ends after 4096 bytes, which is too short for some tokens.
func typedSecret(ctx context.Context, terminal io.Reader) (string, error) {
	var typed []byte
	for key := make([]byte, 1); len(typed) <= maxTyped; {
		if n, err := terminal.Read(key); ctx.Err() != nil {
			return "", ctx.Err()
		} else if errors.Is(err, io.EOF) {
			return strings.TrimSpace(string(typed)), nil
		} else if err != nil {
			return "", failure("the terminal cannot be read", "", err)
		} else if n == 0 {
			continue
		}
		switch key[0] {
		case '\r', '\n', keyEnd:
			return strings.TrimSpace(string(typed)), nil
		case keyInterrupt:
			return "", context.Canceled
		case keyClear:
			typed = nil
		case keyBackspace, keyDelete:
			typed = typed[:max(len(typed)-1, 0)]
		default:
			typed = append(typed, key[0])
		}
	}
	return "", usageError("what was typed is too long for a token", "", nil)
}
