package store

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// Looked is what [Look] found.
type Looked struct {
	// Store is for reading alone, and opened with keys that fit; nil where there
	// is nothing to read.
	Store       authserver.Store
	SigningKeys [][]byte // as of Opened; of a store that is read

	New   bool // there is no store yet: Open would make one
	InUse bool // another process has its file: nothing was read
}

// Close closes the store, if there is one.
func (l *Looked) Close() error {
	if l.Store == nil {
		return nil
	}
	return l.Store.Close()
}

// Look finds out whether Open would open the store that cfg names, and changes
// nothing: it makes no store and no key file, and neither writes nor compacts nor
// seals anew. Its errors are Open's.
func Look(ctx context.Context, cfg Config) (*Looked, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := checkKeys(cfg); err != nil {
		return nil, err
	}
	inner, path, found, err := lookURL(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if inner == nil {
		return found, lookKeyFile(cfg, path)
	}
	l, err := read(ctx, cfg, inner, path)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	if l.New {
		return l, errors.Join(inner.Close(), lookKeyFile(cfg, path))
	}
	return l, nil
}

// lookURL opens a backend for reading; it is nil where found says all.
func lookURL(ctx context.Context, cfg Config) (inner authserver.Store, path string, found *Looked, err error) {
	path, isFile := boltPath(cfg.URL)
	if !isFile {
		inner, path, err = openURL(ctx, cfg)
		return inner, path, nil, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, path, &Looked{New: true}, roomFor(path)
	case err != nil:
		return nil, path, nil, fileError(path, err)
	}
	resolved, _, err := locate(path) // it is there, so nothing is made
	if err != nil {
		return nil, path, nil, err
	}
	file, err := os.OpenFile(resolved, os.O_WRONLY, 0) // may we?
	if err != nil {
		return nil, path, nil, fileError(path, err)
	}
	if err := file.Close(); err != nil || info.Size() == 0 {
		return nil, path, &Looked{New: true}, err
	}
	err = inspect(resolved)
	var db *bbolt.DB
	if err == nil {
		db, _, err = lockDB(resolved, true)
	}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, path, &Looked{InUse: true}, nil
	case err != nil:
		return nil, path, nil, err
	}
	made := false
	err = db.View(func(tx *bbolt.Tx) error {
		made = tx.Bucket(recordsBucket) != nil
		return nil
	})
	if err != nil || !made {
		return nil, path, &Looked{New: true}, errors.Join(err, db.Close())
	}
	return newBolt(db, clock(cfg.Now)), path, nil, nil
}

// boltPath is the file of a bolt: URL that openURL takes.
func boltPath(url string) (path string, ok bool) {
	const scheme = "bolt:"
	if len(url) <= len(scheme) || url[:len(scheme)] != scheme || len(url) > len(scheme)+1 && url[len(scheme):len(scheme)+2] == "~/" {
		return "", false
	}
	return url[len(scheme):], true
}

// roomFor finds out whether a new store can be made: the nearest directory that
// is there takes a file.
func roomFor(path string) error {
	dir := filepath.Dir(path)
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fileError(path, &fs.PathError{Op: "mkdir", Path: dir, Err: errors.New("not a directory")})
		}
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			return fileError(path, err)
		}
		dir = filepath.Dir(dir)
	}
	file, err := os.CreateTemp(dir, ".mcpdiscord-check-*")
	if err != nil {
		return fileError(path, err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// lookKeyFile reads the key file that a new store would use, if there is one.
func lookKeyFile(cfg Config, path string) error {
	if path == "" || isRedis(cfg.URL) || len(cfg.SigningKeys) > 0 && len(cfg.EncryptionKeys) > 0 {
		return nil
	}
	if _, err := readKeyFile(path + keySuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// read opens a backend's records with the keys.
func read(ctx context.Context, cfg Config, inner authserver.Store, path string) (*Looked, error) {
	used, err := isUsed(ctx, cfg, inner, path)
	if err != nil {
		return nil, err
	}
	if !used {
		return &Looked{New: true}, nil
	}
	signing, encryption, err := findKeys(cfg, path, used)
	if err != nil {
		return nil, err
	}
	s, err := newSealed(inner, encryption)
	if err != nil {
		return nil, err
	}
	rec, err := s.Get(ctx, kindCheck, checkID)
	if err == nil && string(rec.Value) != checkValue {
		err = ErrSealed
	}
	switch {
	case errors.Is(err, ErrSealed):
		return nil, misfit(cfg, path, err)
	case err != nil:
		return nil, usable(ctx, cfg, path, err)
	}
	return &Looked{Store: s, SigningKeys: signing}, nil
}
