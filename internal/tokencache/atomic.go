package tokencache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// errIrregular: something that is not a file stands where a file should.
var errIrregular = errors.New("it is not a regular file")

// errHuge: no file of ours is that big.
var errHuge = errors.New("it is too big")

// makeDir makes a directory of mode 0700, or tightens the one that is there. A
// symbolic link in its place is refused.
func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return os.Chmod(path, 0o700) //nolint:gosec // a directory needs its x bit
	}
	return nil
}

// readFile reads a regular file of at most limit bytes. It follows no symbolic
// link at path and never waits at a pipe.
func readFile(path string, limit int64) ([]byte, error) {
	before, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, errIrregular
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if after, err := f.Stat(); err != nil || !after.Mode().IsRegular() {
		return nil, errors.Join(errIrregular, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, errHuge
	}
	return data, nil
}

// writeFile puts a file of mode 0600 in the place of whatever is at path: after
// a crash at any moment the old one or the new one is there, whole. A symbolic
// link at path is replaced, not followed.
func writeFile(path string, data []byte) (err error) {
	dir, base := filepath.Split(path)
	if err := makeDir(filepath.Clean(dir)); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, tempPrefix(base)+"*"+tempSuffix) // mode 0600, O_EXCL
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := replace(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

const tempSuffix = ".tmp"

func tempPrefix(base string) string { return "." + base + "." }

// sweepTemps removes what killed writers left of files whose names start with
// base. The caller holds the lock under which they are written.
func sweepTemps(dir, base string) {
	sweep(dir, func(name string) bool {
		return strings.HasPrefix(name, "."+base+".") && strings.HasSuffix(name, tempSuffix)
	})
}

// sweep removes the files of a directory whose names match, as far as it can:
// what remains is found by the next one.
func sweep(dir string, match func(name string) bool) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if match(e.Name()) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// removeFile removes a file that may be absent.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// putAside keeps an odd file out of the way of the one that replaces it.
func putAside(path string) error {
	err := replace(path, path+brokenSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

const brokenSuffix = ".broken"
