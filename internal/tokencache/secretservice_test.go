//go:build keychain && linux

package tokencache_test

// These tests need dbus, gnome-keyring and libsecret-tools, and a Secret Service
// of their own:
//
//	scripts/with-keyring.sh go test -tags keychain ./internal/tokencache/...

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// secretTool runs the desktop's own program, which reads the keyring by a road
// of its own.
func secretTool(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "secret-tool", args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	return string(out), err
}

// TestSecretService keeps sessions in the real thing and looks at them with
// secret-tool.
func TestSecretService(t *testing.T) {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		t.Fatal("run these tests through scripts/with-keyring.sh")
	}
	dir := t.TempDir()
	cfg := tokencache.Config{StateDir: filepath.Join(dir, "state"), ConfigDir: filepath.Join(dir, "config")}
	cache := open(t, cfg)
	for n := 1; n <= 4; n++ {
		save(t, cache, numbered(n))
		if diff := cmp.Diff(numbered(n), load(t, open(t, cfg))); diff != "" {
			t.Fatalf("session %d (-saved +loaded):\n%s", n, diff)
		}
		entry, err := secretTool(t, "", "lookup", "service", "mcpdiscord", "username", testKey.ID())
		if err != nil {
			t.Fatalf("secret-tool lookup: %v", err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(entry), &fields); err != nil {
			t.Fatalf("%v: %s", err, entry)
		}
		if _, inline := fields["session"]; inline != (n%2 == 1) || len(entry) > 2000 {
			t.Errorf("session %d: inline is %t, %d bytes", n, inline, len(entry))
		}
	}
	if got := remembered(t, cache); got != tokencache.StoreKeychain {
		t.Errorf("remembered %q", got)
	}
	if err := cache.Delete(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if entry, err := secretTool(t, "", "lookup", "service", "mcpdiscord", "username", testKey.ID()); err == nil {
		t.Errorf("after Delete there is %s", entry)
	}
	if err := cache.Unlock(t.Context(), testKey); err != nil { // writes a probe, and takes it away
		t.Fatal(err)
	}
	if out, _ := secretTool(t, "", "search", "--all", "service", "mcpdiscord"); out != "" {
		t.Errorf("left in the keyring: %s", out)
	}
}

// privateBus starts a session bus that starts nothing by itself, and returns its
// address.
func privateBus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "bus.conf")
	text := `<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--config-file="+conf, "--nofork", "--nopidfile", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return strings.TrimSpace(line)
}

// start starts a daemon that ends with the test.
func start(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// awaitSecretService waits until a Secret Service is on the bus.
func awaitSecretService(t *testing.T, conn *dbus.Conn) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var up bool
		if err := conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, "org.freedesktop.secrets").Store(&up); err != nil {
			t.Fatal(err)
		}
		if up {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatal("no Secret Service came up")
}

func connect(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestBusWithoutSecretService: there is a bus and no keychain on it.
func TestBusWithoutSecretService(t *testing.T) {
	t.Parallel()
	address := privateBus(t)
	out := runReal(t, t.TempDir(), tokencache.StoreAuto, "DBUS_SESSION_BUS_ADDRESS="+address)
	if !strings.Contains(out, "store: file") {
		t.Errorf("auto: %s", out)
	}
	out = runReal(t, t.TempDir(), tokencache.StoreKeychain, "DBUS_SESSION_BUS_ADDRESS="+address)
	if !strings.Contains(out, "keychain: true") || !strings.Contains(out, "--token-store file") {
		t.Errorf("keychain: %s", out)
	}
}

// TestLockedSecretService locks a keyring that nobody is there to unlock.
func TestLockedSecretService(t *testing.T) {
	t.Parallel()
	address := privateBus(t)
	conn := connect(t, address)
	home := t.TempDir()
	env := append(os.Environ(), "DBUS_SESSION_BUS_ADDRESS="+address, "XDG_DATA_HOME="+home, "XDG_RUNTIME_DIR="+home)
	keyring := exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	keyring.Env, keyring.Stdin = env, strings.NewReader("secret\n")
	start(t, keyring)
	awaitSecretService(t, conn)

	dir := t.TempDir()
	if out := runReal(t, dir, tokencache.StoreAuto, "DBUS_SESSION_BUS_ADDRESS="+address); !strings.Contains(out, "store: keychain") {
		t.Fatalf("unlocked: %s", out)
	}
	service := conn.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	login := []dbus.ObjectPath{"/org/freedesktop/secrets/collection/login"}
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := service.Call("org.freedesktop.Secret.Service.Lock", 0, login).Store(&locked, &prompt); err != nil || len(locked) != 1 {
		t.Fatalf("locking: %v, %v", locked, err)
	}
	for _, dir := range []string{dir, t.TempDir()} { // with the choice remembered, and without
		out := runReal(t, dir, tokencache.StoreAuto, "DBUS_SESSION_BUS_ADDRESS="+address)
		if !strings.Contains(out, "keychain: true") || !strings.Contains(out, "--token-store file") {
			t.Errorf("locked: %s", out)
		}
	}
	if out := runReal(t, dir, tokencache.StoreFile, "DBUS_SESSION_BUS_ADDRESS="+address); !strings.Contains(out, "store: file") {
		t.Errorf("after the hint: %s", out)
	}
}

// deafService is a Secret Service whose prompt nobody answers.
type deafService struct {
	recovers bool // after the first prompt it needs none, and is empty
	prompts  atomic.Int32
}

const promptPath = dbus.ObjectPath("/org/freedesktop/secrets/prompt/1")

func (*deafService) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), "/org/freedesktop/secrets/session/1", nil
}

func (d *deafService) Unlock(what []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if d.recovers && d.prompts.Load() > 0 {
		return what, "/", nil
	}
	return nil, promptPath, nil
}

func (*deafService) SearchItems(map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	return []dbus.ObjectPath{}, nil
}

// serve puts the service on a bus of its own.
func (d *deafService) serve(t *testing.T) (address string) {
	t.Helper()
	address = privateBus(t)
	conn := connect(t, address)
	for path, iface := range map[dbus.ObjectPath]string{
		"/org/freedesktop/secrets":                 "org.freedesktop.Secret.Service",
		"/org/freedesktop/secrets/aliases/default": "org.freedesktop.Secret.Collection",
		promptPath: "org.freedesktop.Secret.Prompt",
	} {
		if err := conn.Export(d, path, iface); err != nil {
			t.Fatal(err)
		}
	}
	if reply, err := conn.RequestName("org.freedesktop.secrets", dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("RequestName: %v, %v", reply, err)
	}
	return address
}

func (d *deafService) Prompt(string) *dbus.Error {
	d.prompts.Add(1)
	return nil
}

// TestHangingSecretService waits for that prompt: 3 s without somebody to answer
// it, longer with.
func TestHangingSecretService(t *testing.T) {
	t.Parallel()
	deaf := &deafService{}
	address := deaf.serve(t)
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		out := runReal(t, t.TempDir(), tokencache.StoreAuto, "DBUS_SESSION_BUS_ADDRESS="+address)
		for _, want := range []string{"keychain: true", "seconds: 3", "--token-store file"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in:\n%s", want, out)
			}
		}
		if strings.Contains(out, "notify:") {
			t.Errorf("told somebody: %s", out)
		}
	})
	t.Run("somebody there who presses Ctrl-C", func(t *testing.T) {
		t.Parallel()
		out := runReal(t, t.TempDir(), tokencache.StoreAuto, "DBUS_SESSION_BUS_ADDRESS="+address, childTimes+"=5s")
		for _, want := range []string{"timeout: true", "seconds: 5", "notify: waiting for the keychain"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in:\n%s", want, out)
			}
		}
	})
	t.Cleanup(func() { // after both
		if deaf.prompts.Load() < 2 {
			t.Errorf("%d prompts were shown", deaf.prompts.Load())
		}
	})
}

// TestAbandonedCallEnds: a call that was given up does not stand in the way of
// the next one, nor act later.
func TestAbandonedCallEnds(t *testing.T) {
	t.Parallel()
	address := (&deafService{recovers: true}).serve(t)
	out := runReal(t, t.TempDir(), tokencache.StoreKeychain, "DBUS_SESSION_BUS_ADDRESS="+address)
	for _, want := range []string{"keychain: true", "seconds: 3", "then: no saved session"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// TestWithKeyringScript: the wrapper passes the exit code, and leaves nothing.
func TestWithKeyringScript(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "../../scripts/with-keyring.sh", "sh", "-c", `echo "$DBUS_SESSION_BUS_ADDRESS"; exit 7`)
	cmd.Stdout = &out
	if _ = cmd.Run(); cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("exit code is %d", cmd.ProcessState.ExitCode())
	}
	address := strings.TrimSpace(out.String())
	if conn, err := dbus.Connect(address); address == "" || err == nil {
		t.Errorf("the bus at %q is still there: %v", address, conn)
	}
}
