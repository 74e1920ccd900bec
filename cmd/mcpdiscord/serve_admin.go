package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// noAdmin is the --admin-socket that is none.
const noAdmin = "none"

func addAdminFlags(f *pflag.FlagSet, socket *string) {
	f.StringVar(socket, "admin-socket", "", "where the command admin reaches this server; none: nowhere (default a socket in the runtime or state directory)")
}

// adminDirectories are where the sockets of this user's servers may be, the one
// to use first: a service may know another environment than a person's shell.
func (p *program) adminDirectories() []string {
	var dirs []string
	if runtime := p.getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(runtime) {
		if info, err := os.Stat(runtime); err == nil && info.IsDir() {
			dirs = append(dirs, filepath.Join(runtime, "mcpdiscord"))
		}
	}
	if own, err := p.directories(); err == nil {
		dirs = append(dirs, own.state)
	}
	return dirs
}

// startAdmin serves the admin socket until close is called. A server that has
// none still serves: only what was asked for by name must be there.
func (p *program) startAdmin(path string, at net.Addr, auth *authserver.Server, logger *slog.Logger) (stop func(), err error) {
	named := path != ""
	if path == noAdmin {
		return func() {}, nil
	}
	if !named {
		dirs := p.adminDirectories()
		if len(dirs) == 0 {
			logger.Warn("no admin socket", "reason", "neither XDG_RUNTIME_DIR nor HOME says where to put it", "hint", "give --admin-socket PATH, or none")
			return func() {}, nil
		}
		path = filepath.Join(dirs[0], "serve-"+portOf(at)+".sock")
	}
	ln, err := server.ListenAdmin(path, logger)
	if err != nil && named && !errors.Is(err, server.ErrAdminInUse) {
		return nil, failure("the socket of --admin-socket cannot be made: "+path, "give a path in a directory of this user's own, of at most 103 bytes", err)
	}
	if err != nil {
		logger.Warn("no admin socket", "path", path, "reason", reasonOf(err), "hint", "give --admin-socket PATH, or none")
		return func() {}, nil
	}
	return server.ServeAdmin(ln, auth, logger).Close, nil
}

// reasonOf is the system's word, without the path that is said already.
func reasonOf(err error) string {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}
