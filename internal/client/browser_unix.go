//go:build unix

package client

import (
	"os/exec"
	"syscall"
)

// alone starts a command in a session of its own. It gets neither the keys of our
// terminal nor writes to it, and a Ctrl-C there or its end are not meant for it.
func alone(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
