//go:build !windows

package tokencache

import "os"

func replace(from, to string) error { return os.Rename(from, to) }

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
