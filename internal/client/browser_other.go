//go:build !unix

package client

import "os/exec"

// alone does nothing: there is no terminal that programs share.
func alone(*exec.Cmd) {}
