//go:build (dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd

package tokencache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/godbus/dbus/v5"
)

const secretService = "org.freedesktop.secrets"

const busVariable = "DBUS_SESSION_BUS_ADDRESS"

// busAddress is where the session bus is, or "". Unlike the library's own
// search it never ends in starting one.
func busAddress(getenv func(string) string) string {
	switch address := getenv(busVariable); address {
	case "", "autolaunch:":
	case "disabled:":
		return ""
	default:
		return address
	}
	dir := getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	}
	path := filepath.Join(dir, "bus")
	if info, err := os.Stat(path); err != nil || info.Mode().Type() != fs.ModeSocket {
		return ""
	}
	return "unix:path=" + dbus.EscapeBusAddressValue(path)
}

// prepareBus makes sure that the keychain library, which reads the variable,
// finds our bus and starts none.
func prepareBus(o osKeyring) error {
	address := busAddress(o.getenv)
	switch {
	case address == "" && o.asked:
		e := keychainError("there is no keychain here: no session bus is running", nil)
		e.Hint = "keep the session in an encrypted file: --token-store file"
		return e
	case address == "":
		e := keychainError("this sign-in is in a keychain, and there is none here: no session bus is running", nil)
		e.Hint = "use it from the desktop session that it was made in, or sign in again with {program} connect --token-store file"
		return e
	}
	if os.Getenv(busVariable) == address {
		return nil
	}
	return os.Setenv(busVariable, address)
}

// hangUpBus closes the connection that a hanging call waits on.
func hangUpBus() {
	go func() { // it waits where the library is still connecting
		if conn, err := dbus.SessionBus(); err == nil {
			_ = conn.Close()
		}
	}()
}

// keychainExists tells whether a Secret Service is on the session bus or would
// be started by it. It is not asked anything, so nothing prompts.
func keychainExists(ctx context.Context, getenv func(string) string) (bool, error) {
	address := busAddress(getenv)
	if address == "" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, shortWait)
	defer cancel()
	type found struct {
		exists bool
		err    error
	}
	result := make(chan found, 1)
	go func() { // ends with ctx, which closes the connection
		exists, err := findSecretService(ctx, address)
		result <- found{exists, err}
	}()
	select {
	case f := <-result:
		switch {
		case f.err == nil:
			return f.exists, nil
		case errors.Is(f.err, syscall.ENOENT), errors.Is(f.err, syscall.ECONNREFUSED):
			return false, nil // the address outlived its bus
		case ctx.Err() == nil:
			return false, keychainError("the session bus refuses: "+quote(f.err.Error()), f.err)
		}
	case <-ctx.Done():
	}
	if err := context.Cause(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return false, err
	}
	return false, keychainError("the session bus does not answer", ctx.Err())
}

func findSecretService(ctx context.Context, address string) (bool, error) {
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	for _, method := range []string{"ListNames", "ListActivatableNames"} {
		var names []string
		if err := conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus."+method, 0).Store(&names); err != nil {
			return false, err
		}
		if slices.Contains(names, secretService) {
			return true, nil
		}
	}
	return false, nil
}
