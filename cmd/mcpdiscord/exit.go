package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// Exit codes, a contract with scripts.
const (
	exitOK          = 0
	exitFailure     = 1 // anything not below
	exitUsage       = 2 // flags, arguments, configuration; nothing was called
	exitTool        = 3 // the tool answered with an error
	exitAuth        = 4 // sign-in needed, refused, timed out
	exitUnavailable = 5 // unreachable, 429, 503: try again
	exitInterrupted = 130
)

// userError is an error in the user's words: what happened, and the command to
// run next. Its cause is never printed.
type userError struct {
	code    int
	kind    string
	message string
	hint    string
	err     error
}

func (e *userError) Error() string { return e.message }
func (e *userError) Unwrap() error { return e.err }

func usageError(message, hint string, cause error) error {
	return &userError{code: exitUsage, kind: "usage", message: message, hint: hint, err: cause}
}

func failure(message, hint string, cause error) error {
	return &userError{code: exitFailure, kind: "failure", message: message, hint: hint, err: cause}
}

// report prints an error, two lines at most, and returns its exit code.
func (p *program) report(err error) int {
	if err == nil {
		return exitOK
	}
	e := toUserError(err)
	e.hint = strings.ReplaceAll(e.hint, "{program}", p.name)
	e.message = client.PrintableLine(e.message)
	e.hint = client.PrintableLine(e.hint)
	if p.jsonErrors {
		type printedError struct {
			Kind    string `json:"kind"`
			Message string `json:"message"`
			Hint    string `json:"hint,omitempty"`
		}
		line, _ := json.Marshal(map[string]printedError{"error": {e.kind, e.message, e.hint}}) // strings alone: it cannot fail
		p.note("%s", line)
		return e.code
	}
	p.note("%s: %s", p.name, e.message)
	if e.hint != "" {
		p.note("hint: %s", e.hint)
	}
	return e.code
}

var exitCodes = map[client.Kind]int{
	client.KindFailure: exitFailure, client.KindUsage: exitUsage, client.KindTool: exitTool, client.KindAuth: exitAuth,
	client.KindUnavailable: exitUnavailable, client.KindInterrupted: exitInterrupted,
}

// toUserError is the one place where errors of the rooms become exit codes.
func toUserError(err error) *userError {
	var (
		user     *userError
		ofClient *client.Error
		ofCache  *tokencache.Error
		ofStore  *store.Error
		ofServer *server.Error
	)
	switch {
	case errors.As(err, &user):
		copied := *user
		return &copied
	case errors.As(err, &ofClient):
		code, known := exitCodes[ofClient.Kind]
		if !known {
			code = exitFailure
		}
		return &userError{code: code, kind: string(ofClient.Kind), message: ofClient.Message, hint: ofClient.Hint, err: err}
	case errors.As(err, &ofCache):
		if errors.Is(err, tokencache.ErrKeychain) {
			return &userError{code: exitAuth, kind: string(client.KindAuth), message: ofCache.Message, hint: ofCache.Hint, err: err}
		}
		return &userError{code: exitFailure, kind: "failure", message: ofCache.Message, hint: ofCache.Hint, err: err}
	case errors.As(err, &ofStore) && ofStore.Usage:
		return &userError{code: exitUsage, kind: "usage", message: ofStore.Message, hint: ofStore.Hint, err: err}
	case errors.As(err, &ofStore):
		return &userError{code: exitFailure, kind: "failure", message: ofStore.Message, hint: ofStore.Hint, err: err}
	case errors.As(err, &ofServer) && ofServer.Usage:
		return &userError{code: exitUsage, kind: "usage", message: ofServer.Message, hint: ofServer.Hint, err: err}
	case errors.As(err, &ofServer):
		return &userError{code: exitFailure, kind: "failure", message: ofServer.Message, hint: ofServer.Hint, err: err}
	case errors.Is(err, context.Canceled):
		return &userError{code: exitInterrupted, kind: "interrupted", message: "interrupted", err: err}
	}
	return &userError{code: exitFailure, kind: "failure", message: err.Error(), err: err}
}

// flagError puts pflag's words about a flag into ours, with a suggestion.
func flagError(cmd *cobra.Command, err error) error {
	if cmd.HasSubCommands() { // then it is perhaps a flag of the command that was meant
		if mistyped := noArguments(cmd, cmd.Flags().Args()); mistyped != nil {
			return mistyped
		}
	}
	hint := fmt.Sprintf("run {program} %s to see its flags", strings.TrimPrefix(cmd.CommandPath()+" --help", cmd.Root().Name()+" "))
	var (
		unknown *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		wrong   *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return usageError("there is no flag -"+name, hint, err)
		}
		var names []string
		cmd.Flags().VisitAll(visitNames(&names))
		near := nearest(name, names)
		takes := map[string]string{"call": "tool", "prompt": "prompt"}[cmd.Name()] // whose argument it may be
		if near != "" && (takes == "" || near[0] == name[0]) {
			hint = "did you mean --" + near + "?"
		} else if takes != "" {
			hint = "arguments of a " + takes + " have no dashes: " + name + "=…"
		}
		return usageError("there is no flag --"+name, hint, err)
	case errors.As(err, &empty):
		return usageError(fmt.Sprintf("--%s needs a value", empty.GetFlag().Name), hint, err)
	case errors.As(err, &wrong):
		return usageError(fmt.Sprintf("--%s is %s, not %q", wrong.GetFlag().Name, valueName(wrong.GetFlag()), clip(wrong.GetValue())), hint, err)
	}
	return usageError("the flags cannot be read: "+err.Error(), hint, err)
}

// valueName says what a flag's value is.
func valueName(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "duration":
		return "a time like 90s, 5m or 1h"
	case "int", "int64":
		return "a whole number"
	case "string":
		return "a text"
	case "stringSlice":
		return "a list with commas between"
	case "stringArray":
		return "a list"
	}
	return "a " + f.Value.Type()
}

// noArguments refuses arguments, with a suggestion where the first one looks
// like a command.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usageError(fmt.Sprintf("%s takes no arguments", cmd.Name()), "run {program} "+cmd.Name()+" --help", nil)
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	program := "{program}" + strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name())
	hint := "run " + program + " --help to see the commands"
	if near := nearest(args[0], names); near != "" {
		hint = "did you mean " + program + " " + near + "?"
	}
	return usageError(fmt.Sprintf("there is no command %q", args[0]), hint, nil)
}
