package store_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/store/storetest"
)

// childVar makes the test binary another process that uses the store at PATH:
// it holds "what PATH".
const childVar = "STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if what, path, ok := strings.Cut(os.Getenv(childVar), " "); ok {
		if err := children[what](path); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "left running:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines of ours that do not end.
func leaked() (stacks string) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		buf := make([]byte, 1<<20)
		stacks = ""
		for _, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")[1:] {
			if strings.Contains(stack, "internal/store") || strings.Contains(stack, "bbolt") {
				stacks += stack + "\n\n"
			}
		}
		if stacks == "" {
			break
		}
	}
	return stacks
}

var children = map[string]func(path string) error{
	"write":   childWrites,
	"compact": childCompacts,
	"full":    childFillsDisk,
}

// child starts another process that uses the store at path. Its standard output
// ends when it ends.
func child(t *testing.T, what, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+what+" "+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// childWrites writes until it is killed, and says each record that the store
// has acknowledged: eight writers create records, one counts up.
func childWrites(path string) error {
	s, err := store.Bolt(path, nil)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(os.Stdout, line+"\n")
	}
	ctx := context.Background()
	run := time.Now().UnixNano()
	for w := range 8 {
		wg.Go(func() {
			for i := 0; err == nil; i++ {
				id := fmt.Sprintf("%d-%d-%d", run, w, i)
				err := s.Create(ctx, authserver.KindGrant, id, authserver.Record{
					Value: []byte(strings.Repeat(id, 20)), Expires: time.Now().Add(time.Hour),
				})
				if err != nil {
					say("error: " + err.Error())
					return
				}
				say("created " + id)
			}
		})
	}
	wg.Go(func() {
		for n := 0; ; {
			err := s.Update(ctx, authserver.KindMeta, "count", func(old *authserver.Record) (*authserver.Record, error) {
				if old != nil {
					n, _ = strconv.Atoi(string(old.Value))
				}
				n++
				return &authserver.Record{Value: []byte(strconv.Itoa(n))}, nil
			})
			if err != nil {
				say("error: " + err.Error())
				return
			}
			say("counted " + strconv.Itoa(n))
		}
	})
	wg.Wait()
	return s.Close()
}

// childCompacts opens the store, which compacts it.
func childCompacts(path string) error {
	fmt.Println("opening")
	clock := storetest.NewClock()
	clock.Advance(time.Hour)
	s, err := store.Bolt(path, clock.Now)
	if err != nil {
		return err
	}
	fmt.Println("opened")
	return s.Close()
}
