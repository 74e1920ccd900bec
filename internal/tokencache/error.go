package tokencache

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
)

// What errors of this package are, for [errors.Is].
var (
	// ErrNotFound: there is no saved session. [Keyring.Get] and
	// [Keyring.Delete] return it as well.
	ErrNotFound = errors.New("no saved session")

	// ErrKeychain: the keychain is locked, hangs, or refuses. Nothing was
	// bypassed and nothing lost.
	ErrKeychain = errors.New("keychain unavailable")

	// ErrCorrupt: what is stored is torn, foreign, or does not open. A session
	// in that state is also ErrNotFound, because signing in again is the way
	// out: Save then keeps the odd file of the stores file and plain aside,
	// under its name with .broken appended.
	ErrCorrupt = errors.New("stored data is damaged")

	// ErrTooBig is what a [Keyring] returns for a value that it cannot hold.
	ErrTooBig = errors.New("value is too big for the keychain")
)

var (
	errNotOurs      = errors.New("it was not written by this program, or only in part")
	errOtherSession = errors.New("it belongs to another session")
	errDoesNotOpen  = errors.New("its key does not open it")
	errNoKey        = errors.New("its key is missing")
)

// Error is an error in the user's words. Kind tells what it is.
type Error struct {
	Kind    []error // what errors.Is finds: ErrKeychain, ErrCorrupt, ErrNotFound
	Message string  // one line
	Hint    string  // one line, or ""
	Err     error   // the cause, for debugging; may be nil
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the kinds and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return e.Kind
	}
	return append(e.Kind[:len(e.Kind):len(e.Kind)], e.Err)
}

const keychainHint = "unlock the keychain, or keep the session in an encrypted file: --token-store file"

func keychainError(message string, cause error) *Error {
	return &Error{Kind: []error{ErrKeychain}, Message: message, Hint: keychainHint, Err: cause}
}

func corrupt(where string, why error) *Error {
	return &Error{
		Kind:    []error{ErrCorrupt, ErrNotFound},
		Message: fmt.Sprintf("the saved session in %s cannot be read: %v", where, why),
		Hint:    "sign in again with {program} connect",
		Err:     why,
	}
}

func newer(where string) *Error {
	return &Error{
		Message: where + " was written by a newer version of this program",
		Hint:    "use that version",
	}
}

func unreadable(what, path string, cause error) *Error {
	return &Error{Message: fmt.Sprintf("%s, %s, cannot be read: %v", what, path, reason(cause)), Err: cause}
}

func unwritable(what string, cause error) *Error {
	where := ""
	var pathErr *fs.PathError
	if errors.As(cause, &pathErr) { // of a temporary file: its directory says more
		where = " in " + filepath.Dir(pathErr.Path)
	}
	return &Error{
		Message: fmt.Sprintf("%s cannot be saved%s: %v", what, where, reason(cause)),
		Hint:    "what was saved before is still there; make room or allow writing, then try again",
		Err:     cause,
	}
}

// reason is what is left of a file error without the path.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// quote shows a foreign text on one line, without control characters, cut.
func quote(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return strconv.QuoteToGraphic(s)
}
