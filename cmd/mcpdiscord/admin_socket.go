package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

const (
	adminDial = 2 * time.Second
	adminBusy = 30 * time.Second // until the server begins to answer
)

// adminConn asks one server over its admin socket.
type adminConn struct {
	http *http.Client
	path string
}

// dialAdmin finds the server: the one of --socket, or the only one that runs as
// this user.
func (p *program) dialAdmin(ctx context.Context, o *adminOptions) (*adminConn, error) {
	if o.socket != "" {
		err := tryAdmin(ctx, o.socket)
		switch {
		case errors.Is(err, fs.ErrPermission):
			return nil, failure("this user may not use the socket "+o.socket, "run it as the user of serve, or as root", err)
		case err != nil:
			return nil, noServer("no server answers on the socket "+o.socket, err)
		}
		return newAdminConn(o.socket), nil
	}
	var found []string
	for _, dir := range p.adminDirectories() {
		paths, _ := filepath.Glob(filepath.Join(globbed(dir), "serve-*.sock")) // the pattern is good
		for _, path := range paths {
			if tryAdmin(ctx, path) == nil {
				found = append(found, path)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, noServer("no mcpdiscord serve runs here as this user", nil)
	case 1:
		return newAdminConn(found[0]), nil
	}
	return nil, usageError(fmt.Sprintf("%d servers run here as this user", len(found)), "name one: --socket "+strings.Join(found, ", or --socket "), nil)
}

func noServer(message string, err error) error {
	return &userError{
		code: exitUnavailable, kind: string(client.KindUnavailable), message: message, err: err,
		hint: "start it, run this as its user, or name its --admin-socket with --socket PATH",
	}
}

// globbed is a directory in a pattern.
func globbed(dir string) string {
	if filepath.Separator == '\\' {
		return dir // Windows has no escapes, nor most of these signs in names
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

// tryAdmin says whether somebody answers on a socket.
func tryAdmin(ctx context.Context, path string) error {
	conn, err := (&net.Dialer{Timeout: adminDial}).DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
	}
	return err
}

func newAdminConn(path string) *adminConn {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: adminDial}).DialContext(ctx, "unix", path)
	}
	return &adminConn{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial, ResponseHeaderTimeout: adminBusy}}}
}

func (a *adminConn) close() { a.http.CloseIdleConnections() }

// list calls each for every line of a list.
func (a *adminConn) list(ctx context.Context, path string, each func(server.AdminLine) error) error {
	return a.do(ctx, http.MethodGet, path, nil, each)
}

// revoke asks for a revocation and says how far it is.
func (a *adminConn) revoke(ctx context.Context, what server.AdminRevocation, progress func(ended int)) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return a.do(ctx, http.MethodPost, server.AdminRevokePath, bytes.NewReader(body), func(line server.AdminLine) error {
		if line.Ended != nil {
			progress(*line.Ended)
		}
		return nil
	})
}

// do asks, and reads the answer to its last line: an answer without one is not
// whole.
func (a *adminConn) do(ctx context.Context, method, path string, body io.Reader, each func(server.AdminLine) error) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://admin"+path, body)
	if err != nil {
		return err
	}
	unavailable := func(err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return noServer("the server on "+a.path+" did not answer to the end", err)
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return unavailable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return failure("the server on "+a.path+" does not understand: "+resp.Status, "use the mcpdiscord that it was started with", nil)
	}
	dec := json.NewDecoder(resp.Body)
	for {
		var line server.AdminLine
		if err := dec.Decode(&line); err != nil {
			return unavailable(err)
		}
		switch {
		case line.Error != "":
			return &userError{code: exitUnavailable, kind: string(client.KindUnavailable), message: line.Error, hint: "look at its log, and try again"}
		case line.Done:
			return nil
		}
		if err := each(line); err != nil {
			return err
		}
	}
}
