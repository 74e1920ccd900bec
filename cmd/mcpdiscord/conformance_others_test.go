//go:build conformance

package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// said is a command of the program, and what it does.
type said struct {
	args   string // with | between
	code   int
	stdout string // expressions
	stderr string
}

// TestConformanceOthers uses servers that others wrote: the reference servers'
// everything-server, and the example of the TypeScript SDK with a sign-in at an
// authorization server that is not ours.
func TestConformanceOthers(t *testing.T) {
	t.Parallel()
	t.Run("everything", func(t *testing.T) {
		t.Parallel()
		o := startOther(t, "server-everything/dist/index.js", []string{"streamableHttp"}, "PORT")
		logo := filepath.Join(o.home, "logo.png")
		o.does(t,
			said{args: "tools", stdout: `(?m)^get-sum\(a: number, b: number\)$`},
			said{args: "tools|get-structured-content", stdout: `location .*New York`},
			said{args: "call|echo|message=hello there", stdout: `^Echo: hello there\n$`},
			said{args: "call|get-sum|a=80351110224678912|b:=1.5", stdout: `^The sum of `},
			said{args: "call|get-sum|a=x|b=1", code: 2, stderr: `a is a number, not "x"`},
			said{args: "call|ecco", code: 2, stderr: `did you mean echo\?`},
			said{args: "call|get-structured-content|location=Chicago|--jq|.temperature", stdout: `^\d+\n$`},
			said{args: "call|get-structured-content|location=Atlantis", code: 2, stderr: `Chicago`},
			said{args: "call|get-tiny-image", stdout: `\[image, image/png, 3KiB\]`},
			said{args: "call|get-tiny-image|-o|" + logo},
			said{args: "call|get-annotated-message|messageType=error|includeImage=true", stdout: `(?s)^Error: .*\[image, image/png`},
			said{args: "call|get-resource-links|count=2", stdout: `demo://resource/dynamic/`},
			said{args: "call|get-resource-reference|resourceType=Text|resourceId=1", stdout: `demo://resource/dynamic/text/1`},
			said{args: "call|trigger-long-running-operation|duration=1|steps=4", stdout: `^Long running operation completed. Duration: 1 seconds, Steps: 4.\n$`},
			said{args: "call|trigger-long-running-operation|duration=9|--timeout|200ms", code: 5, stderr: `did not answer within 200ms`},
			said{args: "call|trigger-elicitation-request|--elicit|name=Ann|--elicit|integer=42", stdout: `(?s)"action": "accept".*"name": "Ann"`},
			said{args: "call|trigger-elicitation-request", stdout: `"action": "decline"`, stderr: `declined; answer with --elicit`},
			said{args: "resources", stdout: `(?s)^demo://resource/static/document/architecture.md\n.*demo://resource/dynamic/text/\{resourceId\}`},
			said{args: "read|demo://resource/static/document/features.md", stdout: `^# Everything Server`},
			said{args: "read|demo://resource/dynamic/blob/1", stdout: `^\[resource, text/plain, 5[56]B, demo://resource/dynamic/blob/1\]`},
			said{args: "read|demo://resource/nothing", code: 2, stderr: `no resource "demo://resource/nothing"`},
			said{args: "prompts", stdout: `(?m)^args-prompt\(city, state\?\)$`},
			said{args: "prompt|args-prompt|city=Austin|state=Texas", stdout: `weather in Austin, Texas`},
			said{args: "prompt|args-prompt", code: 2, stderr: `city`},
			said{args: "status", code: 4, stderr: `not signed in`},
		)
		if image, err := os.ReadFile(logo); err != nil || http.DetectContentType(image) != "image/png" {
			t.Errorf("-o wrote %d bytes, no image: %v", len(image), err)
		}
	})
	t.Run("sign-in of the TypeScript SDK", func(t *testing.T) {
		t.Parallel()
		o := startOther(t, "sdk/dist/esm/examples/server/simpleStreamableHttp.js", []string{"--oauth"}, "MCP_PORT", "MCP_AUTH_PORT")
		o.does(t,
			said{args: "tools", code: 4, stderr: `hint: run mcpdiscord connect http://localhost:`},
			said{args: "connect", stderr: `(?m)^connected to http://localhost:`},
			said{args: "call|greet|name=Ann", stdout: `^Hello, Ann!\n$`},
			said{args: "call|collect-user-info|infoType=contact|--elicit|name=Ann|--elicit|email=ann@example.com", stdout: `"name": "Ann"`},
			said{args: "status", stdout: `localhost`},
			said{args: "logout", stderr: `signed out`},
			said{args: "call|greet|name=Ann", code: 4},
		)
	})
}

// other is a server of others, and a home for the program.
type other struct{ url, home string }

// startOther starts a script of a package of the MCP project with free ports in
// these variables, the first for MCP.
func startOther(t *testing.T, script string, args []string, ports ...string) *other {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, os.Getenv("CONFORMANCE_NODE"), append([]string{filepath.Join(os.Getenv("CONFORMANCE_OTHERS"), "@modelcontextprotocol", script)}, args...)...)
	cmd.Env = os.Environ()
	var addrs []string
	for _, name := range ports {
		port := freePort(t)
		cmd.Env = append(cmd.Env, name+"="+port)
		addrs = append(addrs, "localhost:"+port)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	for _, addr := range addrs {
		waitFor(t, script, func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
	}
	return &other{url: "http://" + addrs[0] + "/mcp", home: t.TempDir()}
}

// does runs commands, one after another.
func (o *other) does(t *testing.T, commands ...said) {
	t.Helper()
	for _, c := range commands {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := exec.CommandContext(ctx, os.Getenv("CONFORMANCE_PROGRAM"), strings.Split(c.args, "|")...)
		cmd.Args[0] = "mcpdiscord"
		cmd.Env = []string{
			"HOME=" + o.home, "PATH=" + os.Getenv("PATH"), "MCPDISCORD_SERVER=" + o.url, "MCPDISCORD_TOKEN_STORE=plain",
			"BROWSER=curl -sL -o /dev/null", "XDG_RUNTIME_DIR=" + o.home,
		}
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		cancel()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		fits := func(want, got string) bool { return regexp.MustCompile(want).MatchString(got) }
		if cmd.ProcessState.ExitCode() != c.code || !fits(c.stdout, stdout.String()) || !fits(c.stderr, stderr.String()) {
			t.Errorf("%s ended with %d:\n%s\nand said:\n%s", c.args, cmd.ProcessState.ExitCode(), stdout.String(), stderr.String())
		}
	}
}
