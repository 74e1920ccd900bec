package client_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// browserProcess writes its arguments down and prints, as browsers do.
func browserProcess(file string, args []string) int {
	_, _ = os.Stdout.WriteString("noise\n")
	if err := os.WriteFile(file+".part", []byte(strings.Join(args, "\n")), 0o600); err != nil {
		return 1
	}
	if os.Rename(file+".part", file) != nil {
		return 1
	}
	return 0
}

const signInURL = "https://example.com/authorize?a=$(touch+x)&b=`c`;d|e'f\"g&h=%20"

func TestPromise7BrowserVariable(t *testing.T) {
	t.Parallel()
	if strings.ContainsAny(os.Args[0], " ") {
		t.Fatal("this test needs a path without spaces")
	}
	for name, test := range map[string]struct {
		words string
		want  []string
	}{
		"appended": {"--new-tab", []string{"--new-tab", signInURL}},
		"placed":   {"--url=%s  --new", []string{"--url=" + signInURL, "--new"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "args")
			err := client.OpenBrowser(t.Context(), signInURL, client.BrowserEnvironment{
				Getenv: environment("BROWSER", os.Args[0]+" browser-process "+file+" "+test.words, "SSH_TTY", "/dev/pts/1"),
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(test.want, "\n"), string(got)); diff != "" {
				t.Errorf("arguments:\n%s", diff)
			}
		})
	}
	err := client.OpenBrowser(t.Context(), signInURL, client.BrowserEnvironment{Getenv: environment("BROWSER", "/nonexistent/browser")})
	if err == nil {
		t.Error("a browser that does not exist was started")
	}
}

func TestPromise7Desktop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		system string
		env    []string
		opens  bool
	}{
		"linux, X11":           {"linux", []string{"DISPLAY", ":0"}, true},
		"linux, Wayland":       {"linux", []string{"WAYLAND_DISPLAY", "wayland-0"}, true},
		"linux, no display":    {"linux", nil, false},
		"linux, X11 over SSH":  {"linux", []string{"DISPLAY", ":0", "SSH_CONNECTION", "1 2 3 4"}, false},
		"linux, SSH terminal":  {"linux", []string{"DISPLAY", ":0", "SSH_TTY", "/dev/pts/1"}, false},
		"darwin":               {"darwin", nil, true},
		"darwin over SSH":      {"darwin", []string{"SSH_TTY", "/dev/ttys1"}, false},
		"windows":              {"windows", nil, true},
		"freebsd, no display":  {"freebsd", nil, false},
		"freebsd with display": {"freebsd", []string{"DISPLAY", ":0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opened []string
			err := client.OpenBrowser(t.Context(), signInURL, client.BrowserEnvironment{
				Getenv: environment(test.env...), GOOS: test.system,
				Desktop: func(url string) error { opened = append(opened, url); return nil },
			})
			want(t, "opened", len(opened) == 1, test.opens)
			if !test.opens && !errors.Is(err, client.ErrNoBrowser) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestPromise7OnlyWebAddresses(t *testing.T) {
	t.Parallel()
	for address, opens := range map[string]bool{
		"https://example.com/x":      true,
		"http://127.0.0.1:8000/x":    true,
		"http://localhost/x":         true,
		"http://[::1]:1/x":           true,
		"http://example.com/x":       false,
		"file:///etc/passwd":         false,
		"javascript:alert(1)":        false,
		"-flag":                      false,
		"":                           false,
		"https://a b/":               false,
		"https://a\n--flag":          false,
		"https:\\\\example.com":      false,
		"https://user@example.com/":  false,
		"HTTPS://EXAMPLE.COM/x":      true,
		"http://localhost.evil.com/": false,
	} {
		var opened int
		err := client.OpenBrowser(t.Context(), address, client.BrowserEnvironment{
			Getenv: environment("DISPLAY", ":0"), GOOS: "linux", Desktop: func(string) error { opened++; return nil },
		})
		want(t, address, opened == 1 && err == nil, opens)
	}
}

// environment is a Getenv of pairs.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}
