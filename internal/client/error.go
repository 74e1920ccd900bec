package client

// Kind says what sort of trouble an [Error] is; the command line turns it into
// an exit code.
type Kind string

// The kinds of errors, in the words of the command line's contract.
const (
	KindFailure     Kind = "failure"     // server error, protocol, anything not below
	KindUsage       Kind = "usage"       // a wrong argument or configuration
	KindTool        Kind = "tool"        // the tool answered with an error
	KindAuth        Kind = "auth"        // sign-in needed, refused, timed out, missing scope
	KindUnavailable Kind = "unavailable" // unreachable, timed out, 429 or 503: try again
	KindInterrupted Kind = "interrupted" // the caller's context was canceled
)

// Error is an error in the user's words. Message and Hint are fit for a
// terminal: whatever a foreign server contributed to them has passed
// [PrintableLine] and is cut to a bounded length.
type Error struct {
	Kind    Kind
	Message string
	// Hint is what the user can do now, or "". "{program}" in it stands for
	// the program's name as it was invoked.
	Hint string
	// Err is the cause, for errors.Is and errors.As. It is not for printing.
	Err error
	// SignIn: [Conn.SignIn] may help, with Scopes.
	SignIn bool
	Scopes []string
	// Exchange is what went over the wire, of a call of a tool.
	Exchange Exchange
}

// Error implements error; it never contains the cause.
func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
