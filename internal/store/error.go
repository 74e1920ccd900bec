package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	berrors "go.etcd.io/bbolt/errors"
)

// Error says in the user's words why a store cannot be used. Nothing was lost
// or overwritten.
type Error struct {
	Message string // what is wrong
	Hint    string // what to do about it
	Err     error  // the cause, or nil
	Usage   bool   // what is wrong is in the configuration alone
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

const hintOther = "or choose another file: --store bolt:PATH"

// fileError says what went wrong with the file at path or its directory.
func fileError(path string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	e := &Error{Err: err, Hint: "look at the file and its directory, " + hintOther}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		e.Message = fmt.Sprintf("the store %s is in use by another process", path)
		e.Hint = "stop the other mcpdiscord serve, " + hintOther
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return foreign(path, err)
	case errors.Is(err, fs.ErrPermission):
		e.Message = fmt.Sprintf("permission denied: %s", culprit(path, err))
		e.Hint = "run as the owner of the store and of its directory, " + hintOther
	case errors.Is(err, syscall.EROFS):
		e.Message = fmt.Sprintf("the disk of %s is read-only", path)
		e.Hint = "choose a file on another disk: --store bolt:PATH, or keep nothing: --store memory:"
	case noRoom(err):
		e.Message = fmt.Sprintf("the disk of %s is full", path)
		e.Hint = "make room and start again, " + hintOther
	default:
		e.Message = fmt.Sprintf("opening the store %s: %v", path, cause(err))
	}
	return e
}

// foreign refuses a file that is not ours.
func foreign(path string, err error) error {
	return &Error{
		Message: fmt.Sprintf("%s is no store of mcpdiscord, or it is damaged", path),
		Hint:    "nothing was changed: restore it from a backup, " + hintOther,
		Err:     err,
	}
}

// noRoom reports whether a disk, a quota or a file is full. bbolt passes some
// causes on as text only.
func noRoom(err error) bool {
	full := []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}
	if runtime.GOOS == "windows" {
		full = append(full, syscall.Errno(112)) // ERROR_DISK_FULL
	}
	return slices.ContainsFunc(full, func(errno error) bool {
		return errors.Is(err, errno) || strings.Contains(err.Error(), errno.Error())
	})
}

// culprit is the path that the system named, if it named one.
func culprit(path string, err error) string {
	var at *fs.PathError
	if errors.As(err, &at) && filepath.IsAbs(at.Path) == filepath.IsAbs(path) {
		return at.Path
	}
	return path
}

// cause is the system's own word, without the operation and the path.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
