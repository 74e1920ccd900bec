package main

import (
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdIll starts a server that can be told to be ill, and sets $ill and
// $MCPDISCORD_SERVER to its URL.
func cmdIll(ts *testscript.TestScript, _ bool, _ []string) {
	file := ts.MkAbs("ill.addr")
	url := start(ts, "ill", file, exec.Command("ailing", file))
	ts.Setenv("ill", url)
	ts.Setenv("MCPDISCORD_SERVER", url)
}

// cmdIs tells it how it is: is MODE.
func cmdIs(ts *testscript.TestScript, _ bool, args []string) {
	response, err := http.Post(strings.TrimSuffix(ts.Getenv("ill"), "/mcp")+"/mode", "text/plain", strings.NewReader(args[0]))
	ts.Check(err)
	_ = response.Body.Close()
}

// cmdSuffers runs everything that uses a server while it is ill: suffers MODE
// CODE TEXT [CONNECT]. Each command ends with this code and with the text, an
// expression, on stderr; connect, which may sign in, with the code CONNECT and
// doctor with 1, without the text. None takes long, and none prints what a terminal
// would execute.
func cmdSuffers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: suffers MODE CODE TEXT [CONNECT]")
	}
	for _, command := range []string{"tools", "call whoami", "call whoami --json", "read test://x", "status", "connect", "doctor"} {
		cmdIs(ts, false, args)
		began := time.Now()
		words := strings.Fields(command)
		err := ts.Exec("mcpdiscord", words...)
		code := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		}
		stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
		wanted, text := args[1], args[2]
		switch {
		case words[0] == "doctor":
			wanted, text = "1", ""
		case words[0] == "connect" && len(args) > 3:
			wanted, text = args[3], ""
		}
		if fmt.Sprint(code) != wanted || !regexp.MustCompile(text).MatchString(stderr) {
			ts.Fatalf("%s: %s ended with %d, not %s and %q", args[0], command, code, wanted, text)
		}
		if at := strings.IndexFunc(stdout+stderr, raw); at >= 0 {
			ts.Fatalf("%s: %s printed %q", args[0], command, (stdout + stderr)[at:])
		}
		if took := time.Since(began); took > 20*time.Second {
			ts.Fatalf("%s: %s took %s", args[0], command, took)
		}
	}
}

// raw is what a terminal does not show but executes.
func raw(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}
