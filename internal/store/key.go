package store

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ParseKey reads a key as people write it: base64 of at least MinKey bytes,
// standard or URL-safe, padded or not; or at least MinKey bytes as they are.
// Blanks around it are ignored. What can be read as base64 is base64. The
// error is an [*Error] that does not repeat the key.
func ParseKey(s string) ([]byte, error) {
	s = strings.TrimSpace(s)
	if key, ok := decodeKey(s); ok && len(key) >= MinKey {
		return key, nil
	}
	if len(s) >= MinKey {
		return []byte(s), nil
	}
	return nil, &Error{
		Message: fmt.Sprintf("the key is too short: at least %d bytes are needed", MinKey),
		Hint:    "make one with: openssl rand -base64 32",
	}
}

// ParseKeys reads keys with commas between, each as [ParseKey] does. The first
// is the one to use, the others are those that it replaces. A key with a comma
// in it must be written as base64. The error is an [*Error] that repeats none.
func ParseKeys(s string) ([][]byte, error) {
	var keys [][]byte
	for part := range strings.SplitSeq(s, ",") {
		key, err := ParseKey(part)
		if err != nil && strings.Contains(s, ",") {
			return nil, &Error{
				Message: fmt.Sprintf("of keys with commas between, each has at least %d bytes", MinKey),
				Hint:    "write them as new,old, and a key that has a comma in it as base64; make one with: openssl rand -base64 32",
			}
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// decodeKey reads any of the four forms of base64.
func decodeKey(s string) ([]byte, bool) {
	if len(s)%4 == 0 { // else its padding is not padding
		s = strings.TrimSuffix(strings.TrimSuffix(s, "="), "=")
	}
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	key, err := enc.DecodeString(s)
	return key, err == nil
}

// The key file: comment lines, and the key in one line.
const (
	keySuffix  = ".key"
	keyComment = "# mcpdiscord: the keys of the store beside this file are made from this one. " +
		"Keep it secret, and keep it with every copy of the store.\n"
	maxKeyFile = 4 << 10 // bytes
)

// readKeyFile returns the key in the file at path. Where there is no file, the
// error is fs.ErrNotExist.
func readKeyFile(path string) (key []byte, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, keyFileError(path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, keyFileError(path, err)
	}
	// A group may read it: some systems give the files of a volume to a group.
	if runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		return nil, &Error{
			Message: fmt.Sprintf("the key file %s is open to every user of this computer", path),
			Hint:    fmt.Sprintf("run: chmod 600 %s", path),
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, keyFileError(path, err)
	}
	key, ok := parseKeyFile(text)
	if !ok {
		return nil, &Error{
			Message: fmt.Sprintf("the key file %s holds no key, or a damaged one", path),
			Hint:    "restore it from a backup: what is in the store opens with that key only",
		}
	}
	return key, nil
}

// parseKeyFile finds the one line that is a key.
func parseKeyFile(text []byte) (key []byte, ok bool) {
	if len(text) > maxKeyFile {
		return nil, false
	}
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		decoded, valid := decodeKey(string(line))
		if !valid || len(decoded) < MinKey || key != nil {
			return nil, false
		}
		key = decoded
	}
	return key, key != nil
}

// makeKeyFile writes a new key to path and returns it. The file appears whole
// or not at all, and never in the place of another.
func makeKeyFile(path string) (key []byte, err error) {
	key = make([]byte, MinKey)
	if _, err := rand.Read(key); err != nil {
		return nil, keyFileError(path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return nil, keyFileError(path, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone already after a rename
	_, err = temp.WriteString(keyComment + base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return nil, keyFileError(path, err)
	}
	if err := publish(temp.Name(), path); err != nil {
		return nil, keyFileError(path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, keyFileError(path, err)
	}
	return key, nil
}

// publish gives a finished file its name, which must be free. Some file
// systems have no hard links: there a rename must do, and the lock of the
// store, which the caller holds, keeps others away.
func publish(temp, path string) error {
	err := os.Link(temp, path)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	if _, statErr := os.Lstat(path); !errors.Is(statErr, fs.ErrNotExist) {
		return err
	}
	return os.Rename(temp, path)
}

func keyFileError(path string, err error) error {
	e := &Error{Message: fmt.Sprintf("the key file %s: %v", path, cause(err)), Err: err}
	switch {
	case noRoom(err):
		e.Hint = "make room and start again"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "run as its owner, or give the keys in JWT_SIGNING_KEY and STORAGE_ENCRYPTION_KEY"
	default:
		e.Hint = "look at the file and its directory, or give the keys in JWT_SIGNING_KEY and STORAGE_ENCRYPTION_KEY"
	}
	return e
}
