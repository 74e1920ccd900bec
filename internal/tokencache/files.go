package tokencache

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"
)

// fileStore keeps each session in a file of its own: sealed under a key file
// elsewhere, or as plain JSON.
type fileStore struct {
	tokens string // directory of the sessions
	keys   string // directory of the keys, if sealed
	sealed bool
}

func (f *fileStore) path(id string) string {
	if f.sealed {
		return filepath.Join(f.tokens, id+".sealed")
	}
	return filepath.Join(f.tokens, id+".json")
}

func (f *fileStore) keyPath(id string) string { return filepath.Join(f.keys, id+".key") }

func (f *fileStore) load(ctx context.Context, key Key) (*Session, error) {
	const tries = 3 // a Delete and a Save by others may come between the two reads
	var s *Session
	var err error
	for range tries {
		if s, err = f.loadOnce(key); !errors.Is(err, ErrCorrupt) || ctx.Err() != nil {
			break
		}
	}
	return s, err
}

func (f *fileStore) loadOnce(key Key) (*Session, error) {
	path := f.path(key.ID())
	data, err := readFile(path, maxSealed)
	if err != nil {
		return nil, loadError(path, err)
	}
	if !f.sealed {
		return decode(data, key, path)
	}
	secret, err := readKey(f.keyPath(key.ID()))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, corrupt(path, errNoKey)
	case errors.Is(err, ErrCorrupt):
		return nil, err
	case err != nil:
		return nil, unreadable("the key of the saved session", f.keyPath(key.ID()), err)
	}
	plain, err := open(secret, data, key.ID(), path)
	if err != nil {
		return nil, err
	}
	return decode(plain, key, path)
}

func (f *fileStore) save(ctx context.Context, s *Session) error {
	id := s.Key().ID()
	sweepTemps(f.tokens, id)
	switch _, err := f.load(ctx, s.Key()); {
	case errors.Is(err, ErrCorrupt):
		if err := putAside(f.path(id)); err != nil {
			return unwritable("the session", err)
		}
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return err
	}
	data, err := encode(s)
	if err != nil {
		return err
	}
	if f.sealed {
		sweepTemps(f.keys, id)
		secret, err := f.key(id)
		if err != nil {
			return err
		}
		if data, err = seal(secret, data, id); err != nil {
			return err
		}
	} else {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, data, "", "  "); err != nil {
			return err
		}
		data = append(pretty.Bytes(), '\n')
	}
	if err := writeFile(f.path(id), data); err != nil {
		return unwritable("the session", err)
	}
	return nil
}

// remove deletes the session first: a key without one opens nothing.
func (f *fileStore) remove(_ context.Context, key Key) error {
	id := key.ID()
	paths := []string{f.path(id), f.path(id) + brokenSuffix}
	sweepTemps(f.tokens, id)
	if f.sealed {
		paths = append(paths, f.keyPath(id), f.keyPath(id)+brokenSuffix)
		sweepTemps(f.keys, id)
	}
	for _, path := range paths {
		if err := removeFile(path); err != nil {
			return &Error{Message: "the saved session cannot be deleted: " + err.Error(), Err: err}
		}
	}
	return nil
}

// key returns the session's key; it makes one where there is none that could
// have sealed anything.
func (f *fileStore) key(id string) ([]byte, error) {
	path := f.keyPath(id)
	secret, err := readKey(path)
	switch {
	case err == nil:
		return secret, nil
	case errors.Is(err, ErrCorrupt):
		if err := putAside(path); err != nil {
			return nil, unwritable("the session's key", err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, unreadable("the key of the saved session", path, err)
	}
	secret = newKey()
	text := base64.RawURLEncoding.EncodeToString(secret) + "\n"
	if err := writeFile(path, []byte(text)); err != nil {
		return nil, unwritable("the session's key", err)
	}
	return secret, nil
}

func readKey(path string) ([]byte, error) {
	const limit = 1 << 10
	data, err := readFile(path, limit)
	switch {
	case errors.Is(err, errIrregular), errors.Is(err, errHuge):
		return nil, corrupt(path, err)
	case err != nil:
		return nil, err
	}
	secret, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimSpace(data)))
	if err != nil || len(secret) != chacha20poly1305.KeySize {
		return nil, corrupt(path, errNotOurs)
	}
	return secret, nil
}

// loadError is what a failed read of a session's file means.
func loadError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrNotFound
	case errors.Is(err, errIrregular), errors.Is(err, errHuge):
		return corrupt(path, err)
	default:
		return unreadable("the saved session", path, err)
	}
}
