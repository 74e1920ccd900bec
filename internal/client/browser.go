package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/pkg/browser"
)

// ErrNoBrowser says that this machine has no browser to open, or none that its
// user would see.
var ErrNoBrowser = errors.New("no browser to open")

// browserPatience bounds the wait for a browser to say that it cannot start.
// One that is still running then is taken to be open.
const browserPatience = 3 * time.Second

// BrowserEnvironment is what OpenBrowser looks at.
type BrowserEnvironment struct {
	// Getenv gives BROWSER, DISPLAY, WAYLAND_DISPLAY, SSH_CONNECTION and
	// SSH_TTY; it is required.
	Getenv func(name string) string
	// GOOS is the operating system; "": this one.
	GOOS string
	// Desktop opens a URL or a file; nil: the way the desktop does.
	Desktop func(target string) error
}

// OpenBrowser opens the URL: with the command in BROWSER where that is set, else with
// the desktop's browser, but not over SSH and not without a display, where
// nobody would see it: that is ErrNoBrowser. Only https is opened, and http on
// loopback; what the browser prints is discarded.
func OpenBrowser(ctx context.Context, address string, env BrowserEnvironment) error {
	u, err := strictURL(address)
	if err != nil {
		return fmt.Errorf("refusing to open an address: %w", err)
	}
	if u.Scheme != "https" && !isLoopback(u.Hostname()) {
		return errors.New("refusing to open an address: it is not https")
	}
	return env.open(ctx, address)
}

// OpenFile opens a file of ours as OpenBrowser opens a URL: with the command in
// BROWSER, else with the desktop's program for its type. It is the caller's
// part to give it a name whose ending no program executes.
func OpenFile(ctx context.Context, path string, env BrowserEnvironment) error {
	return env.open(ctx, path)
}

func (env BrowserEnvironment) open(ctx context.Context, target string) error {
	words, err := env.choose()
	if err != nil {
		return err
	}
	if len(words) > 0 {
		return runBrowser(ctx, words, target)
	}
	desktop := env.Desktop
	if desktop == nil {
		desktop = openDesktop
	}
	return bounded(ctx, func() error { return desktop(target) })
}

// choose gives the words of the command in BROWSER; none: the desktop's browser.
func (env BrowserEnvironment) choose() ([]string, error) {
	if words := strings.Fields(env.Getenv("BROWSER")); len(words) > 0 {
		return words, nil
	}
	if env.Getenv("SSH_CONNECTION") != "" || env.Getenv("SSH_TTY") != "" {
		return nil, ErrNoBrowser
	}
	switch first(env.GOOS, runtime.GOOS) {
	case "windows", "darwin":
	default:
		if env.Getenv("DISPLAY") == "" && env.Getenv("WAYLAND_DISPLAY") == "" {
			return nil, ErrNoBrowser
		}
	}
	return nil, nil
}

// desktopBrowsers are the programs to try where the system has no way of its own.
var desktopBrowsers = []string{"xdg-open", "x-www-browser", "www-browser"}

// Browser is the program that OpenBrowser would run; "": the system's own way.
// It runs nothing. A program that is not there is an [exec.Error].
func Browser(env BrowserEnvironment) (string, error) {
	words, err := env.choose()
	if err != nil {
		return "", err
	}
	if len(words) > 0 {
		_, err := exec.LookPath(words[0])
		return words[0], err
	}
	return desktopBrowser(first(env.GOOS, runtime.GOOS))
}

// desktopBrowser is the first of desktopBrowsers that is there; "": the system's own way.
func desktopBrowser(goos string) (string, error) {
	if goos == "windows" || goos == "darwin" {
		return "", nil
	}
	for _, name := range desktopBrowsers {
		if _, err := exec.LookPath(name); err == nil {
			return name, nil
		}
	}
	return "", &exec.Error{Name: strings.Join(desktopBrowsers, ", "), Err: exec.ErrNotFound}
}

// runBrowser runs a command without a shell. %s in it stands for the URL, which
// is otherwise appended; either way it is one argument.
func runBrowser(ctx context.Context, words []string, address string) error {
	args, placed := make([]string, 0, len(words)), false
	for _, word := range words[1:] {
		if strings.Contains(word, "%s") {
			word, placed = strings.ReplaceAll(word, "%s", address), true
		}
		args = append(args, word)
	}
	if !placed {
		args = append(args, address)
	}
	// Not CommandContext: a browser that runs in the foreground is the user's
	// and outlives us.
	cmd := exec.Command(words[0], args...) //nolint:gosec,noctx // the user's own command; it outlives the context
	alone(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting BROWSER: %w", err)
	}
	return bounded(ctx, cmd.Wait)
}

// bounded waits for run, but not for longer than a browser needs to fail.
func bounded(ctx context.Context, run func() error) error {
	done := make(chan error, 1)
	// The one goroutine that nobody waits for: it ends with the user's browser.
	go func() { done <- run() }()
	patience := time.NewTimer(browserPatience)
	defer patience.Stop()
	select {
	case err := <-done:
		return err
	case <-patience.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// quiet makes pkg/browser, which prints to our stdout by default, be quiet.
var quiet sync.Once

func openDesktop(target string) error {
	name, err := desktopBrowser(runtime.GOOS)
	if err != nil {
		return err
	}
	if name != "" {
		cmd := exec.Command(name, target) //nolint:gosec,noctx // the desktop's own; it outlives the context
		alone(cmd)
		return cmd.Run()
	}
	quiet.Do(func() { browser.Stdout, browser.Stderr = io.Discard, io.Discard })
	return browser.OpenURL(target)
}
