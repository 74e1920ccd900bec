package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	lockTimeout    = time.Second // for another process to let go of the file
	minFile        = 4 * 4096    // bytes of the smallest bbolt file
	compactMin     = 1 << 20     // bytes of a file that is worth compacting
	compactTxBytes = 1 << 20
	compactSuffix  = ".compact"
)

// openBolt opens or makes the store at path. What is there and is no store of
// ours is refused and left as it is.
func openBolt(path string, now func() time.Time, log *slog.Logger) (*bolt, error) {
	path, exists, err := locate(path)
	if err != nil {
		return nil, err
	}
	db, err := openDB(path)
	if err != nil {
		if !exists && !errors.Is(err, berrors.ErrTimeout) {
			removeTorn(path)
		}
		return nil, err
	}
	b := newBolt(db, clock(now))
	if err := b.prepare(path, exists); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b.compact(path, log)
}

// locate checks what is at path, follows links, and makes the directory of a
// new store.
func locate(path string) (resolved string, exists bool, err error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "", false, &Error{
			Message: fmt.Sprintf("the store %s is a directory", path),
			Hint:    fmt.Sprintf("name a file in it: --store bolt:%s", filepath.Join(path, "store.db")),
		}
	case err == nil && !info.Mode().IsRegular():
		return "", false, foreign(path, nil)
	case err == nil:
		if resolved, err = filepath.EvalSymlinks(path); err != nil {
			return "", false, fileError(path, err)
		}
		return resolved, true, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", false, fileError(path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", false, fileError(path, err)
	}
	return path, false, nil
}

// openDB locks and opens the file. Compaction puts a new file in the place of
// the old one: who waited for the lock of the old one starts over.
func openDB(path string) (*bbolt.DB, error) {
	for {
		if err := inspect(path); err != nil {
			return nil, err
		}
		db, file, err := lockDB(path, false)
		if err != nil {
			return nil, err
		}
		there, statErr := os.Stat(path)
		if statErr == nil && os.SameFile(file, there) {
			return db, nil
		}
		if err := db.Close(); err != nil {
			return nil, fileError(path, err)
		}
		if statErr != nil && !errors.Is(statErr, fs.ErrNotExist) {
			return nil, fileError(path, statErr)
		}
	}
}

// lockDB opens a bbolt file and says which one it was. bbolt panics where it
// finds a file damaged.
func lockDB(path string, readOnly bool) (db *bbolt.DB, file os.FileInfo, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, foreign(path, fmt.Errorf("opening: %v", r))
		}
	}()
	var f *os.File
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      lockTimeout,
		ReadOnly:     readOnly,
		FreelistType: bbolt.FreelistMapType,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			f, err = os.OpenFile(name, flag, mode)
			return f, err
		},
	})
	if err != nil {
		return nil, nil, fileError(path, err)
	}
	if file, err = f.Stat(); err != nil { // with the lock: nobody changes it now
		return nil, nil, errors.Join(fileError(path, err), db.Close())
	}
	return db, file, nil
}

// inspect finds out, without writing, whether the file is a store of ours, or
// nothing yet. bbolt writes to some files as soon as it opens them for writing.
func inspect(path string) (err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0:
		return nil
	case err != nil:
		return fileError(path, err)
	case info.Size() < minFile:
		return foreign(path, nil)
	}
	db, file, err := lockDB(path, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = foreign(path, fmt.Errorf("reading: %v", r))
		}
	}()
	return db.View(func(tx *bbolt.Tx) error {
		if file.Size() < tx.Size() {
			return &Error{
				Message: fmt.Sprintf("the store %s is cut short: it has %d of %d bytes", path, file.Size(), tx.Size()),
				Hint:    "restore it from a backup, with its key file; nothing was changed",
			}
		}
		return identify(tx, path)
	})
}

// identify tells our files from those of others. An empty bbolt file is ours:
// that is how a new store begins.
func identify(tx *bbolt.Tx, path string) error {
	head := tx.Bucket(headBucket)
	if head == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return foreign(path, errors.New("bbolt file of another program"))
		}
		return nil
	}
	if format := head.Get(formatKey); !bytes.Equal(format, formatValue) {
		return &Error{
			Message: fmt.Sprintf("the store %s has format %q, which this mcpdiscord does not know", path, format),
			Hint:    "use the mcpdiscord that wrote it, or a newer one",
		}
	}
	return nil
}

// prepare makes the buckets of a new store, and cleans up an old one.
func (b *bolt) prepare(path string, exists bool) error {
	err := b.db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(headBucket) != nil {
			return errNoChange
		}
		for _, name := range [][]byte{headBucket, recordsBucket, expiryBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(headBucket).Put(formatKey, formatValue)
	})
	if err != nil && !errors.Is(err, errNoChange) {
		return fileError(path, err)
	}
	if !exists {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return fileError(path, err)
		}
	}
	// What a crash left in the middle of a compaction; the lock is ours. Where
	// it stays, there is no compaction.
	_ = os.Remove(path + compactSuffix)
	return b.sweepAll(path)
}

// sweepAll removes what expired while nobody wrote.
func (b *bolt) sweepAll(path string) error {
	const n = 1000
	for {
		err := b.db.Update(func(tx *bbolt.Tx) error {
			k, _ := tx.Bucket(expiryBucket).Cursor().First()
			if k == nil || !gone(decodeTime(k), b.now()) {
				return errNoChange
			}
			return b.sweep(tx, n)
		})
		if errors.Is(err, errNoChange) {
			return nil
		}
		if err != nil {
			return fileError(path, err)
		}
	}
}

// compact writes the records to a new file, where the old one is mostly empty,
// and puts that in its place. Until then, whatever happens, the old file is
// the store. Where it does not succeed the store goes on as it is.
func (b *bolt) compact(path string, log *slog.Logger) (*bolt, error) {
	size, free := b.usage()
	if size < compactMin || free*2 < size {
		return b, nil
	}
	temp := path + compactSuffix
	if err := copyDB(temp, b.db); err != nil {
		log.Warn("store_not_compacted", "error", err)
		_ = os.Remove(temp)
		return b, nil
	}
	if runtime.GOOS == "windows" { // which renames no open file
		if err := b.db.Close(); err != nil {
			return nil, fileError(path, err)
		}
	}
	renamed := os.Rename(temp, path)
	if renamed != nil {
		log.Warn("store_not_compacted", "error", renamed)
		_ = os.Remove(temp)
	} else if err := syncDir(filepath.Dir(path)); err != nil {
		log.Warn("directory_not_synced", "error", err)
	}
	if err := b.db.Close(); err != nil {
		return nil, fileError(path, err)
	}
	db, err := openDB(path)
	if err != nil {
		return nil, err
	}
	after := newBolt(db, b.now)
	smaller, _ := after.usage()
	log.Info("store_compacted", "bytes_before", size, "bytes_after", smaller)
	return after, nil
}

// usage is the part of the file that was ever used, and what of it is free.
func (b *bolt) usage() (size, free int64) {
	stats := b.db.Stats()
	free = int64(stats.FreePageN+stats.PendingPageN) * int64(b.db.Info().PageSize)
	_ = b.db.View(func(tx *bbolt.Tx) error { // an error means 0: nothing to do
		size = tx.Size()
		return nil
	})
	return size, free
}

// copyDB writes the records of src to a new file, which is on the disk when it
// returns.
func copyDB(path string, src *bbolt.DB) (err error) {
	dst, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, NoSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if err := bbolt.Compact(dst, src, compactTxBytes); err != nil {
		return err
	}
	return dst.Sync()
}

// removeTorn removes a new file that its disk had no room for: smaller than
// the smallest store, it holds nothing.
func removeTorn(path string) {
	if info, err := os.Stat(path); err == nil && info.Size() < 4*int64(os.Getpagesize()) {
		_ = os.Remove(path) // what stays is refused by name at the next start
	}
}

// syncDir makes the names in a directory durable. Windows does so itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
