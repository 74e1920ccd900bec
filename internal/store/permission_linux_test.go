package store_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// asOther gives up root's right to read everything, if the test has it, for
// the files that f opens: this thread of the process becomes another user.
func asOther(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setfsuid(0); err != nil {
			panic(err)
		}
	}()
	f()
}

func chmod(t *testing.T, mode os.FileMode, path string) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestOpenPermissions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		before  func(t *testing.T, path string)
		message string // without the directory
	}{
		{"unreadable store", func(t *testing.T, path string) { used(t, path); chmod(t, 0, path) }, "permission denied: DIR/store.db"},
		{"read-only store", func(t *testing.T, path string) { used(t, path); chmod(t, 0o444, path) }, "permission denied: DIR/store.db"},
		{"unwritable directory", func(t *testing.T, path string) { chmod(t, 0o555, filepath.Dir(path)) }, "permission denied: DIR/store.db"},
		{"unreadable directory", func(t *testing.T, path string) { used(t, path); chmod(t, 0, filepath.Dir(path)) }, "permission denied: DIR/store.db"},
		{"unreadable key file", func(t *testing.T, path string) {
			used(t, path)
			chmod(t, 0o666, path)
			chmod(t, 0, path+".key")
		}, "the key file DIR/store.db.key: permission denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			chmod(t, 0o755, filepath.Dir(root)) // for the other user
			dir := filepath.Join(root, "dir")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "store.db")
			tc.before(t, path)
			t.Cleanup(func() { chmod(t, 0o755, dir) }) // or TempDir cannot remove it
			var before, after map[string]string
			if os.Geteuid() == 0 {
				before = snapshot(t, dir)
			}
			asOther(t, func() {
				wantRefused(t, store.Config{URL: "bolt:" + path}, strings.ReplaceAll(tc.message, "DIR", dir))
			})
			if os.Geteuid() == 0 {
				after = snapshot(t, dir)
			}
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("files have changed (-before +after):\n%.2000s", diff)
			}
		})
	}
}

func TestOpenUnwritableParent(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	chmod(t, 0o755, filepath.Dir(root))
	chmod(t, 0o555, root)
	asOther(t, func() {
		wantRefused(t, store.Config{URL: "bolt:" + filepath.Join(root, "new", "store.db")}, "permission denied: "+filepath.Join(root, "new"))
	})
	chmod(t, 0o755, root)
}

// A key that every user may read is a key that somebody has copied: the user
// is told before anything else is done with it.
func TestOpenKeyFileOfEverybody(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	used(t, path)
	for mode, refused := range map[os.FileMode]bool{
		0o644: true, 0o604: true, 0o602: true, 0o666: true,
		0o600: false, 0o400: false, 0o640: false, 0o660: false, // a group is somebody's decision
	} {
		chmod(t, mode, path+".key")
		if refused {
			wantRefused(t, store.Config{URL: "bolt:" + path}, "key file "+path+".key is open to every user")
		} else {
			closeStore(t, open(t, path))
		}
	}
}

func TestOpenRefusesDevices(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/null", "/dev/full"} {
		wantRefused(t, store.Config{URL: "bolt:" + path}, path+" is no store of mcpdiscord")
	}
}
