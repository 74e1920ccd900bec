package server_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// asNobody runs f as another user, where the test is root's: this thread of the
// process becomes one. ok says whether it did.
func asNobody(t *testing.T, f func()) (ok bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		return false
	}
	const keep = ^uintptr(0)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, 65534, keep); errno != 0 {
		t.Fatal(errno)
	}
	defer func() {
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, 0, keep); errno != 0 {
			panic(errno)
		}
	}()
	f()
	return true
}

// TestAdminSocketOfOthers: another user is kept out by the modes, and where
// somebody has opened these, by who he is.
func TestAdminSocketOfOthers(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	path := socketIn(t)
	ln, err := server.ListenAdmin(path, nil)
	must(t, err)
	defer server.ServeAdmin(ln, r.auth, nil).Close()
	dial := func() (net.Conn, error) { return net.Dial("unix", path) }
	conn, err := dial()
	must(t, err)
	if refusedAt(t, conn) {
		t.Fatal("our own user is refused")
	}
	asNobody(t, func() {
		if conn, err := dial(); err == nil {
			_ = conn.Close()
			t.Error("the modes let another user connect")
		}
	})
	for name, mode := range map[string]os.FileMode{path: 0o666, filepath.Dir(path): 0o755, filepath.Dir(filepath.Dir(path)): 0o755} {
		must(t, os.Chmod(name, mode))
	}
	asNobody(t, func() { conn, err = dial() })
	if os.Geteuid() == 0 {
		must(t, err)
		if !refusedAt(t, conn) {
			t.Error("another user is let in")
		}
	}
	// Whoever runs the test: the rule itself.
	for uid, admitted := range map[int]bool{0: true, os.Geteuid(): true, os.Geteuid() + 1: false, 65534: os.Geteuid() == 65534} {
		if got := server.AdminAdmits(uid, true); got != admitted {
			t.Errorf("uid %d is admitted: %v", uid, got)
		}
	}
}
