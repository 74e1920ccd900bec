//go:build tmux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// buildProgram builds the program as a user has it: the binary of the tests is
// another one, larger and slower.
func buildProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mcpdiscord")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// tmux is a terminal with a program in it, in a server of its own.
type tmux struct {
	t      *testing.T
	socket string
	code   string // the file that gets the program's exit code
	env    []string
}

// startTmux starts a program in a terminal of that size, with a home of its own
// and, beyond that, nothing but env.
func startTmux(t *testing.T, width, height int, env []string, program ...string) *tmux {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatal("tmux is not installed: run make setup")
	}
	dir, err := os.MkdirTemp("", "tmux") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	x := &tmux{t: t, socket: filepath.Join(dir, "socket"), code: filepath.Join(dir, "code"), env: append([]string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + home, "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=xterm-256color", "COLORTERM=truecolor",
	}, env...)}
	t.Cleanup(func() {
		x.run("kill-server")
		_ = os.RemoveAll(dir)
	})
	x.run(append([]string{
		"-f", "/dev/null", "set-option", "-g", "remain-on-exit", "on", ";", "set-option", "-g", "default-terminal", "tmux-256color", ";",
		"new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height),
		"sh", "-c", `"$@"; echo $? >"$0"`, x.code, // tmux itself forgets the code of a program that ends at once
	}, program...)...)
	return x
}

// run runs one of tmux's commands and returns what it prints.
func (x *tmux) run(command ...string) string {
	x.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-u", "-S", x.socket}, command...)...)
	cmd.Env = x.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		x.t.Fatalf("tmux %q: %v\n%s", command, err, out)
	}
	return string(out)
}

// press presses keys, by tmux's names for them; what is no name is typed.
func (x *tmux) press(keys ...string) {
	x.t.Helper()
	x.run(append([]string{"send-keys"}, keys...)...)
}

// screen is what the terminal shows.
func (x *tmux) screen() string {
	x.t.Helper()
	return x.run("capture-pane", "-p")
}

// sees waits until the screen shows all of these texts, however far apart
// their words are.
func (x *tmux) sees(texts ...string) {
	x.t.Helper()
	x.until(strings.Join(texts, " and "), func(screen string) bool {
		screen = blanks.ReplaceAllString(screen, " ")
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

var blanks = regexp.MustCompile(` +`)

// until polls the screen until it is as it should be.
func (x *tmux) until(what string, good func(screen string) bool) {
	x.t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		screen := x.screen()
		if good(screen) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			x.t.Fatalf("after 10 s the screen does not show %s:\n%s", what, screen)
		}
	}
}

// address is the sign-in's, which is whole on the screen, without a margin.
func (x *tmux) address() string {
	x.t.Helper()
	var address string
	x.until("a whole address", func(screen string) bool {
		_, rest, found := strings.Cut("\n"+screen, "\nhttp")
		rest, _, ended := strings.Cut(rest, "\n\n")
		address = "http" + strings.ReplaceAll(rest, "\n", "")
		return found && ended
	})
	return address
}

// exit waits until the program has ended, and returns its exit code.
func (x *tmux) exit() string {
	x.t.Helper()
	var code []byte
	x.until("the program's end", func(string) bool {
		code, _ = os.ReadFile(x.code)
		return len(code) > 0
	})
	return strings.TrimSpace(string(code))
}

// resident is the memory that the program has, in bytes, and how much of it is
// pages of its own file, which other processes share.
func (x *tmux) resident() (total, file int) {
	x.t.Helper()
	shell := strings.TrimSpace(x.run("display-message", "-p", "#{pane_pid}"))
	children, err := os.ReadFile("/proc/" + shell + "/task/" + shell + "/children")
	if err != nil {
		x.t.Fatal(err)
	}
	pid := strings.TrimSpace(string(children))
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		x.t.Fatal(err)
	}
	read := func(name string) int {
		found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
		if found == nil {
			x.t.Fatalf("/proc/%s/status has no %s:\n%s", pid, name, status)
		}
		n, err := strconv.Atoi(string(found[1]))
		if err != nil {
			x.t.Fatal(err)
		}
		return n * 1024
	}
	return read("VmRSS"), read("RssFile")
}
