package tokencache

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// replace renames over an existing file. A reader that has it open, or a virus
// scanner, makes that fail for a moment.
func replace(from, to string) error {
	const tries, pause = 50, 20 * time.Millisecond
	var err error
	for range tries {
		err = os.Rename(from, to)
		if !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
			return err
		}
		time.Sleep(pause)
	}
	return err
}

// syncDir does nothing: NTFS keeps renames in its journal, and directories
// cannot be flushed.
func syncDir(string) error { return nil }
