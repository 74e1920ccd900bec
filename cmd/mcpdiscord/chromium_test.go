//go:build chromium

package main

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// TestChromium signs in with a real browser: the consent click, the emulator's
// page, and the last page, which the client serves. With SCREENSHOTS set to a
// directory, it leaves a picture of each page there, light and dark, on a desk
// and on a phone.
func TestChromium(t *testing.T) {
	mcpURL := startServe(t, "--dev")
	tab := startChromium(t)

	browsed := make(chan error, 1)
	cache, err := tokencache.Open(tokencache.Config{Store: tokencache.StoreMemory})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Connect(t.Context(), client.Config{
		Server: mcpURL, Cache: cache, SignIn: true, LoginTimeout: time.Minute, Version: "test",
		OpenBrowser: func(_ context.Context, address string) error {
			go func() { browsed <- browse(t, tab, address) }()
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := <-browsed; err != nil {
		t.Fatal(err)
	}
	result, err := conn.Call(t.Context(), client.Call{Name: "get_user_info"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(result.Structured), `"username":"nelly"`) {
		t.Errorf("get_user_info answered %s", result.Structured)
	}
}

// TestChromiumPages looks at the pages that end a sign-in early: an error page
// and a denial.
func TestChromiumPages(t *testing.T) {
	mcpURL := startServe(t, "--dev")
	tab := startChromium(t)
	issuer := strings.TrimSuffix(mcpURL, "/mcp")
	if err := chromedp.Do(tab, chromedp.Navigate(issuer+"/authorize?client_id=nobody")); err != nil {
		t.Fatal(err)
	}
	text, err := chromedp.Run(tab, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(text) == "" {
		t.Error("the error page is empty")
	}
	if err := picture(tab, "error"); err != nil {
		t.Error(err)
	}
}

// TestChromiumRefused signs in with an account that is not let in: the page says
// so, fits on a phone, and its button takes the news to the client.
func TestChromiumRefused(t *testing.T) {
	mcpURL := startServe(t, "--dev", "--allow-user", "115590097100865541")
	tab := startChromium(t)
	browsed := make(chan error, 1)
	cache, err := tokencache.Open(tokencache.Config{Store: tokencache.StoreMemory})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Connect(t.Context(), client.Config{
		Server: mcpURL, Cache: cache, SignIn: true, LoginTimeout: time.Minute, Version: "test",
		OpenBrowser: func(_ context.Context, address string) error {
			go func() { browsed <- browseRefused(t, tab, address) }()
			return nil
		},
	})
	if err == nil || !strings.Contains(err.Error(), "does not let in that Discord account") {
		t.Errorf("the client was told %v", err)
	}
	if err := <-browsed; err != nil {
		t.Fatal(err)
	}
}

func browseRefused(t *testing.T, tab context.Context, address string) error {
	approve, nelly := chromedp.CSS(`button[name=decision][value=approve]`), chromedp.CSS(`button[name=user][value="`+demoUser+`"]`)
	back := chromedp.CSS(`a.button`)
	if err := chromedp.Do(tab, chromedp.Navigate(address), chromedp.WaitVisible(approve), chromedp.Click(approve),
		chromedp.WaitVisible(nelly), chromedp.Click(nelly), chromedp.WaitVisible(back)); err != nil {
		return err
	}
	text, err := chromedp.Run(tab, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		return err
	}
	for _, want := range []string{"This account may not use this server", "nelly", demoUser, "access_denied", "Request"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q: %s", want, text)
		}
	}
	if err := picture(tab, "refused"); err != nil {
		return err
	}
	return chromedp.Do(tab, chromedp.Click(back))
}

func browse(t *testing.T, tab context.Context, address string) error {
	approve, nelly := chromedp.CSS(`button[name=decision][value=approve]`), chromedp.CSS(`button[name=user][value="`+demoUser+`"]`)
	if err := chromedp.Do(tab, chromedp.Navigate(address), chromedp.WaitVisible(approve)); err != nil {
		return err
	}
	if err := picture(tab, "consent"); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.Click(approve), chromedp.WaitVisible(nelly)); err != nil {
		return err
	}
	if err := picture(tab, "emulator"); err != nil {
		return err
	}
	if err := chromedp.Do(tab, chromedp.Click(nelly)); err != nil {
		return err
	}
	var last *url.URL
	for {
		location, err := chromedp.Run(tab, chromedp.Location())
		if err != nil {
			return err
		}
		if last, err = url.Parse(location); err != nil {
			return err
		}
		if last.Hostname() == "127.0.0.1" && !strings.HasPrefix(last.Path, "/oauth2") {
			break
		}
	}
	if last.Query().Has("code") {
		t.Errorf("the code is still in the address bar: %s", last.Path)
	}
	text, err := chromedp.Run(tab, chromedp.Text(chromedp.CSS("body")))
	if err != nil {
		return err
	}
	if !strings.Contains(text, "signed in") && !strings.Contains(text, "Signed in") {
		t.Errorf("the last page says %q", text)
	}
	return picture(tab, "signed-in")
}

// picture takes four pictures of the page, if somebody wants to look at them.
func picture(tab context.Context, name string) error {
	directory := os.Getenv("SCREENSHOTS")
	if directory == "" {
		return nil
	}
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"desk", 1100, 760}, {"phone", 390, 780}} {
		for _, scheme := range []string{"light", "dark"} {
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
			if err := chromedp.Do(tab, chromedp.EmulateViewport(size.width, size.height), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
				_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media)
				return err
			})); err != nil {
				return err
			}
			image, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(directory, name+"-"+size.name+"-"+scheme+".png"), image, 0o600); err != nil {
				return err
			}
		}
	}
	return chromedp.Do(tab, chromedp.ResetViewport())
}

// startChromium starts a browser that can reach this machine only.
func startChromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed: run make setup")
	}
	bounded, cancelBound := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancelBound)
	allocator, cancelAllocator := chromedp.NewExecAllocator(bounded,
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"),
	)
	t.Cleanup(cancelAllocator)
	tab, cancelTab := chromedp.NewContext(allocator)
	t.Cleanup(cancelTab)
	return tab
}
