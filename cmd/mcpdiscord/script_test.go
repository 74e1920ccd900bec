package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this binary every program that a script runs.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mcpdiscord": func() { os.Exit(runForScripts()) },
		"browser":    func() { os.Exit(runBrowser()) },
		"oauth":      func() { os.Exit(runOAuth()) },
		"protected":  func() { os.Exit(runUpstream()) },
		"registrar":  func() { os.Exit(runStrict()) },
		"ailing":     func() { os.Exit(runIll()) },
	})
}

// runForScripts is run, but real mode may sign in against an emulator.
func runForScripts() int {
	ctx, stop := signalContext()
	defer stop()
	p := newProgram([]string{"mcpdiscord"}, os.Getenv, os.Environ())
	p.loopbackDiscord = true
	return p.run(ctx, os.Args[1:])
}

// runBrowser is what scripts set BROWSER to: "browser approve USER URL",
// "browser deny URL", "browser deny-discord URL", "browser nothing URL" or
// "browser fail URL". It appends the address to $BROWSER_LOG, so that a script
// can count the tabs.
func runBrowser() int {
	args := os.Args[1:]
	address := args[len(args)-1]
	if log := os.Getenv("BROWSER_LOG"); log != "" {
		file, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Fprintln(file, address)
		_ = file.Close()
	}
	var visitor *person
	switch args[0] {
	case "approve":
		visitor = newPerson(false, args[1], http.DefaultTransport)
	case "deny":
		visitor = newPerson(true, "", http.DefaultTransport)
	case "deny-discord":
		visitor = newPerson(false, "", http.DefaultTransport)
	case "nothing":
		return 0
	case "fail":
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := visitor.visit(ctx, address); err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	return 0
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, scripts())
}

// scripts is how scripts run.
func scripts() testscript.Params {
	return testscript.Params{
		Dir:                 "../../testscripts",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpScript,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"serve":    cmdServe,
			"get":      cmdGet,
			"upstream": cmdUpstream,
			"strict":   cmdStrict,
			"ill":      cmdIll,
			"is":       cmdIs,
			"suffers":  cmdSuffers,
			"fault":    cmdFault,
			"discord":  cmdDiscord,
			"emulate":  cmdEmulate,
			"end":      cmdEnd,
			"lines":    cmdLines,
			"exits":    cmdExits,
		},
	}
}

// setUpScript gives each script a home of its own and nothing else: no
// keychain, no display, no variable of ours.
func setUpScript(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"HOME": home, "XDG_RUNTIME_DIR": filepath.Join(env.WorkDir, "no-runtime"), "GORACE": "atexit_sleep_ms=10",
		"BROWSER": "browser approve " + demoUser, "BROWSER_LOG": filepath.Join(env.WorkDir, "tabs"), "NO_COLOR": "1",
		"APPDATA": filepath.Join(home, "roaming"), "LOCALAPPDATA": filepath.Join(home, "local"),
	} {
		env.Setenv(name, value)
	}
	env.Values[servers{}] = map[string]*running{}
	return nil
}

// servers is the key of the processes that a script started.
type servers struct{}

// running is one of them.
type running struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// cmdServe starts "mcpdiscord serve" on a free port: serve NAME [FLAG…]. It
// sets $NAME to the MCP URL and $MCPDISCORD_SERVER to the last one. A second
// start of the same name takes the same port.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve NAME [FLAG…]")
	}
	name := args[0]
	addrFile := ts.MkAbs(name + ".addr")
	ts.Check(os.RemoveAll(addrFile))
	addr := "127.0.0.1:0"
	if port := ts.Getenv(name + "_PORT"); port != "" {
		addr = "127.0.0.1:" + port
	}
	arguments := append([]string{"serve", "--addr", addr, "--addr-file", addrFile}, args[1:]...)
	url := start(ts, name, addrFile, exec.Command("mcpdiscord", arguments...))
	ts.Setenv(name, url)
	ts.Setenv("MCPDISCORD_SERVER", url)
	if found := regexp.MustCompile(`emulator on (http://[0-9.:]+[0-9])`).FindAllStringSubmatch(ts.ReadFile(name+".log"), -1); found != nil {
		ts.Setenv(name+"_EMULATOR", found[len(found)-1][1])
	}
	if found := regexp.MustCompile(`Metrics: +(http://[0-9.:]+[0-9])/metrics`).FindStringSubmatch(ts.ReadFile(name + ".log")); found != nil {
		ts.Setenv(name+"_METRICS", found[1])
	}
	ts.Setenv(name+"_PORT", strings.TrimSuffix(url[strings.LastIndex(url, ":")+1:], "/mcp"))
}

// cmdGet writes the status and the body of a URL to stdout: get URL [HEADER…].
func cmdGet(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
	ts.Check(err)
	for _, header := range args[1:] {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer response.Body.Close()
	_, _ = fmt.Fprintf(ts.Stdout(), "%d\nX-Request-Id: %s\n", response.StatusCode, response.Header.Get("X-Request-Id"))
	_, err = io.Copy(ts.Stdout(), response.Body)
	ts.Check(err)
}

// cmdUpstream starts an MCP server without a door and sets $upstream to its URL,
// and $older to where it speaks the older generation.
func cmdUpstream(ts *testscript.TestScript, _ bool, _ []string) {
	file := ts.MkAbs("upstream.addr")
	url := start(ts, "upstream", file, exec.Command("protected", file))
	ts.Setenv("upstream", url)
	ts.Setenv("older", strings.TrimSuffix(url, "/mcp")+"/old")
}

// cmdStrict starts an MCP server that registers nobody and sets $strict and
// $MCPDISCORD_SERVER to its URL; its log has the requests.
func cmdStrict(ts *testscript.TestScript, _ bool, _ []string) {
	file := ts.MkAbs("strict.addr")
	url := start(ts, "strict", file, exec.Command("registrar", file))
	ts.Setenv("strict", url)
	ts.Setenv("MCPDISCORD_SERVER", url)
}

// cmdEmulate starts an emulator and sets $emulator_EMULATOR to its URL.
func cmdEmulate(ts *testscript.TestScript, _ bool, _ []string) {
	file := ts.MkAbs("emulator.addr")
	cmd := exec.Command("mcpdiscord", "emulator", "--emulator-addr", "127.0.0.1:0", "--addr-file", file)
	ts.Setenv("emulator_EMULATOR", start(ts, "emulator", file, cmd))
}

// cmdFault tells the emulator of a server to fail: fault NAME JSON.
func cmdFault(ts *testscript.TestScript, _ bool, args []string) {
	response, err := http.Post(ts.Getenv(args[0]+"_EMULATOR")+"/emulator/faults", "application/json", strings.NewReader(args[1]))
	ts.Check(err)
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		ts.Fatalf("the emulator answered %s", response.Status)
	}
}

// cmdDiscord turns a switch of a server's emulator: discord NAME METHOD PATH
// [JSON].
func cmdDiscord(ts *testscript.TestScript, _ bool, args []string) {
	request, err := http.NewRequest(args[1], ts.Getenv(args[0]+"_EMULATOR")+"/emulator/"+args[2], strings.NewReader(strings.Join(args[3:], " ")))
	ts.Check(err)
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		ts.Fatalf("the emulator answered %s", response.Status)
	}
}

// start starts a process of the script, waits for its address in a file, and
// ends it with the script.
func start(ts *testscript.TestScript, name, addrFile string, cmd *exec.Cmd) string {
	log, err := os.OpenFile(ts.MkAbs(name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	cmd.Env = scriptEnvironment(ts)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stdout, cmd.Stderr = log, log
	ts.Check(cmd.Start())
	_ = log.Close()
	process := &running{cmd, make(chan struct{})}
	go func() { _ = cmd.Wait(); close(process.exited) }()
	ts.Value(servers{}).(map[string]*running)[name] = process
	ts.Defer(func() { _ = cmd.Process.Kill(); <-process.exited })
	url := awaitFile(addrFile, process.exited)
	if url == "" {
		ts.Fatalf("%s did not start:\n%s", name, ts.ReadFile(name+".log"))
	}
	return url
}

// awaitFile waits until serve has written its URL; "" when it ended instead.
func awaitFile(path string, exited <-chan struct{}) string {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if text, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(text))
		}
		select {
		case <-tick.C:
		case <-exited:
			return ""
		}
	}
}

// cmdEnd ends a server that serve started: end NAME [INT|TERM|KILL]. Signals
// other than KILL must end it with exit code 0.
func cmdEnd(ts *testscript.TestScript, neg bool, args []string) {
	process := ts.Value(servers{}).(map[string]*running)[args[0]]
	if neg || process == nil {
		ts.Fatalf("no server %s is running", args[0])
	}
	signal := syscall.SIGINT
	if len(args) > 1 {
		signal = map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}[args[1]]
	}
	ts.Check(process.cmd.Process.Signal(signal))
	<-process.exited
	if code := process.cmd.ProcessState.ExitCode(); code != 0 && signal != syscall.SIGKILL {
		ts.Fatalf("serve %s ended with %d:\n%s", args[0], code, ts.ReadFile(args[0]+".log"))
	}
}

// scriptEnvironment is what the script has set, for a process of ours.
func scriptEnvironment(ts *testscript.TestScript) []string {
	var environment []string
	for _, name := range []string{
		"PATH", "HOME", "XDG_RUNTIME_DIR", "GORACE", "NO_COLOR", "APPDATA", "LOCALAPPDATA", "TMPDIR", "GOCOVERDIR", "WORK",
		"DISCORD_CLIENT_ID", "DISCORD_CLIENT_SECRET", "DISCORD_URL", "JWT_SIGNING_KEY", "STORAGE_ENCRYPTION_KEY",
	} {
		if value := ts.Getenv(name); value != "" {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

// cmdExits runs a program that ends with this code: exits CODE PROGRAM [ARG…].
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG…]")
	}
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("%s ended with %d, not %s", args[1], code, args[0])
	}
}

// cmdLines checks how many lines a file has: lines N FILE. A missing file has
// none.
func cmdLines(ts *testscript.TestScript, neg bool, args []string) {
	text, err := os.ReadFile(ts.MkAbs(args[1]))
	if err != nil && !os.IsNotExist(err) {
		ts.Check(err)
	}
	if got := fmt.Sprint(strings.Count(string(text), "\n")); (got == args[0]) == neg {
		ts.Fatalf("%s has %s lines:\n%s", args[1], got, text)
	}
}
