package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// maxSocketPath is how long the path of a socket may be, in bytes, on every
// system that we know.
const maxSocketPath = 103

// adminDial bounds the look at a socket that is there already.
const adminDial = time.Second

// ErrAdminInUse says that another process answers on the admin socket.
var ErrAdminInUse = errors.New("another process answers there")

// ListenAdmin makes the socket of [ServeAdmin] at path, for this user alone: 0600,
// in a directory that it makes 0700 where there is none. What a dead process
// left is replaced; where one answers, the error is ErrAdminInUse. Where the
// system tells who connects, only this user and root are let in, whatever became
// of the file's mode. The file is removed when the listener closes.
func ListenAdmin(path string, log *slog.Logger) (net.Listener, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("its path has more than %d bytes: %s", maxSocketPath, path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := clearSocket(path); err != nil {
		return nil, err
	}
	ln, err := listenSocket(path)
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false) // the name may be another's by then
	a := &adminListener{UnixListener: ln, path: path, log: log}
	if runtime.GOOS != "windows" {
		err = os.Chmod(path, 0o600)
	}
	if err == nil {
		a.file, err = os.Lstat(path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return a, nil
}

// clearSocket removes a socket that nobody answers on, and nothing else.
func clearSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	isSocket := info.Mode().Type() == fs.ModeSocket
	if runtime.GOOS == "windows" { // has no certain mode for them
		isSocket = !info.IsDir() && info.Size() == 0
	}
	if !isSocket {
		return fmt.Errorf("%s is there and is no socket", path)
	}
	conn, err := (&net.Dialer{Timeout: adminDial}).DialContext(context.Background(), "unix", path)
	if err == nil {
		_ = conn.Close()
		return ErrAdminInUse
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, fs.ErrPermission) {
		return ErrAdminInUse
	}
	return os.Remove(path)
}

// adminListener lets this user and root in alone.
type adminListener struct {
	*net.UnixListener
	path string
	file os.FileInfo
	log  *slog.Logger
}

// Accept implements [net.Listener].
func (l *adminListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, known, err := peerUID(conn)
		if err == nil && adminAdmits(uid, known) {
			return conn, nil
		}
		l.log.Warn("admin socket refused a caller", "uid", uid, "error", err)
		_ = conn.Close()
	}
}

// adminAdmits says whether a user may ask.
func adminAdmits(uid int, known bool) bool { return !known || uid == 0 || uid == os.Geteuid() }

// Close implements [net.Listener].
func (l *adminListener) Close() error {
	err := l.UnixListener.Close()
	if there, statErr := os.Lstat(l.path); statErr == nil && os.SameFile(l.file, there) {
		err = errors.Join(err, os.Remove(l.path))
	}
	return err
}
