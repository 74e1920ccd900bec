//go:build unix

package main

import (
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"
	"time"
)

// A panic of any goroutine, a fatal error of the runtime and a kill end a
// process without any more of its code. So while the TUI has the terminal a
// shell waits for that with its state: its input is empty then, or what the
// runtime had to say, which would be gone with the TUI's screen. $1 is what the
// terminal is sent.
const restoring = `
trap '' HUP INT QUIT TERM TSTP TTIN TTOU
exec 4>&1
state=$(stty -g <&4) || exit 1
echo >&3
exec 3>&-
crash=$(cat)
[ "$crash" = done ] && exit
stty "$state" <&4
printf "$1"
case $crash in
'' | SIG*) ;;
*) crash="$crash

mcpdiscord: stopped because of a bug
hint: please report it with the lines above" ;;
esac
[ -z "$crash" ] || printf '%s\n' "$crash"
`

// restored are the sequences that end what the TUI has begun: how keys are
// reported, a frame, the screen, the hidden cursor, pasting and the mouse.
const restored = `\033[>4m\033[<1u\033[m\033[?2026l\r\033[?1049l\033[?25h\033[?2004l\033[?1002l\033[?1003l\033[?1006l`

// restorePatience bounds the wait for the shell to know the terminal's state.
const restorePatience = 200 * time.Millisecond

// restoreAfterCrash has the terminal given back when this process crashes or is
// killed before stop is called. Where that cannot be, nothing is done.
func (p *program) restoreAfterCrash() (stop func()) {
	stdin, lifeline, err := os.Pipe()
	if err != nil {
		return func() {}
	}
	ready, begun, err := os.Pipe()
	if err != nil {
		_, _ = stdin.Close(), lifeline.Close()
		return func() {}
	}
	cmd := exec.Command("/bin/sh", "-c", restoring, "sh", restored) //nolint:noctx // it outlives everything
	cmd.Env = []string{"PATH=" + p.getenv("PATH")}
	cmd.Stdin, cmd.Stdout, cmd.ExtraFiles = stdin, p.out, []*os.File{begun}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what kills a whole group leaves it
	err = cmd.Start()
	_, _ = stdin.Close(), begun.Close()
	end := func() {
		_ = lifeline.Close()
		_ = cmd.Wait()
	}
	if err == nil {
		_ = ready.SetReadDeadline(time.Now().Add(restorePatience))
		if _, err = ready.Read(make([]byte, 1)); err != nil { // it would take the TUI's state for the user's
			_ = cmd.Process.Kill()
			end()
		}
	}
	_ = ready.Close()
	if err != nil {
		return func() {}
	}
	if isTerminal(p.err) {
		_ = debug.SetCrashOutput(lifeline, debug.CrashOptions{})
	}
	return func() {
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
		_, _ = lifeline.WriteString("done\n")
		end()
	}
}
