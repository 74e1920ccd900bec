// Package tui is the screen of `connect`: the server's tools, resources and prompts with a
// filter, a form for their arguments, the call, and its result as colored JSON.
//
// One tea.Model holds all state (model.go). Update does no input or output: commands (commands.go)
// get what they need as arguments and answer with a message that carries the id of the job it
// belongs to, so that the late answer of a canceled call is ignored. Every text that comes from
// a server passes client.Printable before it is measured or shown.
package tui

import (
	"context"
	"io"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Session is the connection whose tools, resources and prompts are shown; *client.Conn is one. Its
// methods are called from several goroutines, and end soon after their context does. None but
// SignIn leads to a browser: what needs a sign-in is a *client.Error that says so.
type Session interface {
	Capabilities() client.Capabilities
	Tools(ctx context.Context) ([]client.Tool, error)
	Resources(ctx context.Context) ([]client.Resource, error)
	ResourceTemplates(ctx context.Context) ([]client.ResourceTemplate, error)
	ReadResource(ctx context.Context, uri string) (*client.ResourceResult, error)
	Subscribe(ctx context.Context, uri string) error
	Unsubscribe(ctx context.Context, uri string) error
	Prompts(ctx context.Context) ([]client.Prompt, error)
	Prompt(ctx context.Context, name string, arguments map[string]string) (*client.PromptResult, error)
	Call(ctx context.Context, call client.Call) (*client.Result, error)
	Identity() client.Identity
	About() client.About
	Ping(ctx context.Context) error
	SignIn(ctx context.Context, scopes []string) error
	Renew(ctx context.Context) error
	SignOut(ctx context.Context) error
}

// Config is what the screen needs: Connect or Session; every other zero value works.
type Config struct {
	// Connect opens the connection, and signs in where that is needed, while the screen shows
	// what is happening. It may be called again after it has failed.
	Connect func(ctx context.Context) (Session, error)
	Server  string    // the URL that Connect leads to
	Session Session   // a connection that is open already
	Input   io.Reader // nil: standard input, which must then be a terminal
	Output  io.Writer // nil: standard output
	// Environ holds the variables that describe the terminal (TERM, COLORTERM, TMUX …), as
	// os.Environ gives them. nil: a plain xterm with 256 colors.
	Environ []string
	NoColor bool             // bold is the only attribute then
	Program string           // the program's name as invoked, for hints; "": mcpdiscord
	Now     func() time.Time // nil: time.Now
	Editor  []string         // the command that edits a file, whose name is added; nil: there is none
	Still   bool             // no spinner moves
	ASCII   bool             // the terminal shows ASCII alone
	// History is the file that keeps the calls of this server, without secrets and results, from
	// one run to the next. "": none.
	History string
	Pager   []string // the command that shows text, which it gets on its input; nil: there is none
	// OpenFile shows an image or plays a sound with the desktop's program, OpenURL opens an https
	// address that the user agreed to. nil: nothing does.
	OpenFile, OpenURL func(string) error
	// Events are those of the client, the steps of a sign-in. nil: none come.
	Events <-chan client.Event
	// Questions are those of the server during calls, see Asks. nil: none come.
	Questions <-chan Question
	// Exchanges are those of the client over HTTP. nil: none are shown.
	Exchanges *Exchanges
	// News are those of the client, of lists and resources that have changed. nil: none come.
	News *News
	// Paste takes the address that a browser elsewhere ended at; nil: there is no field for it.
	Paste chan<- string
}
