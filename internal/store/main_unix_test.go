//go:build unix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// childFillsDisk writes until no file may grow any more, which stands for a
// full disk, and goes on once there is room again.
func childFillsDisk(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	for _, size := range []uint64{100, 8 << 10, 18 << 10} { // too little to begin with
		if err := openFull(path, size); err != nil {
			return fmt.Errorf("disk of %d bytes: %w", size, err)
		}
	}
	s, err := store.Open(ctx, store.Config{URL: "bolt:" + path})
	if err != nil {
		return err
	}
	value := make([]byte, 4<<10)
	write := func(i int) error {
		return s.Create(ctx, authserver.KindGrant, fmt.Sprintf("%06d", i), authserver.Record{Value: value})
	}
	unlimit, err := limitFiles(1 << 20)
	if err != nil {
		return err
	}
	i := 0
	for ; err == nil && i < 1000; i++ {
		err = write(i)
	}
	if err == nil || !strings.Contains(err.Error(), syscall.EFBIG.Error()) {
		return fmt.Errorf("after %d records on a full disk: %w", i, err)
	}
	if err := checkAll(s, i-1); err != nil {
		return fmt.Errorf("on a full disk: %w", err)
	}
	if err := unlimit(); err != nil {
		return err
	}
	if err := write(i - 1); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if err := checkAll(s, i); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	fmt.Println("records", i)
	return s.Close()
}

// openFull opens a new store where there is no room for it.
func openFull(path string, size uint64) error {
	unlimit, err := limitFiles(size)
	if err != nil {
		return err
	}
	_, err = store.Open(context.Background(), store.Config{URL: "bolt:" + path})
	var refused *store.Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "is full") {
		return fmt.Errorf("a store was opened, or refused in other words: %w", err)
	}
	return unlimit()
}

// checkAll reads the records 0 to n-1, and that n is absent.
func checkAll(s authserver.Store, n int) error {
	for i := range n {
		if _, err := s.Get(context.Background(), authserver.KindGrant, fmt.Sprintf("%06d", i)); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	if _, err := s.Get(context.Background(), authserver.KindGrant, fmt.Sprintf("%06d", n)); !errors.Is(err, authserver.ErrNotFound) {
		return fmt.Errorf("record %d, which was not acknowledged: %w", n, err)
	}
	return nil
}

// limitFiles bounds the size of files that this process writes.
func limitFiles(size uint64) (undo func() error, err error) {
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return nil, err
	}
	limit := before
	limit.Cur = size
	return func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before) },
		syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}
