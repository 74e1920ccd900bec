//go:build unix

package server

import "syscall"

// openFiles is how many files this process may have open; 0: not known. The Go
// runtime has raised the limit as far as it goes.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	const enough = 1 << 20
	if most := uint64(limit.Cur); most < enough { //nolint:unconvert // signed on some systems
		return int(most)
	}
	return enough
}
