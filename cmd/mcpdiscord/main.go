// Command mcpdiscord puts Discord sign-in in front of an MCP server, and uses
// such servers from a terminal.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run())
}

// run is main with an exit code instead of an exit: the first SIGINT or
// SIGTERM ends the context, the second ends the process.
func run() int {
	ctx, stop := signalContext()
	defer stop()
	p := newProgram(os.Args, os.Getenv, os.Environ())
	return p.run(ctx, os.Args[1:])
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal os.Signal }

func (i interrupted) Error() string { return "interrupted by " + i.signal.String() }

// code is what the shell expects of a program that a signal ended.
func (i interrupted) code() int {
	switch i.signal {
	case syscall.SIGTERM:
		return 143
	case syscall.SIGHUP:
		return 129
	}
	return 130
}

// untilHangup ends with its terminal as well, which for most programs is their end
// at once: one that has something to clean up must hear of it. nohup is obeyed.
func untilHangup(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if signal.Ignored(syscall.SIGHUP) {
		return ctx, func() { cancel(nil) }
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		select {
		case s := <-hangups:
			cancel(interrupted{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(hangups); cancel(nil) }
}

func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals) // a second one ends the process at once
			cancel(interrupted{s})
		case <-done:
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel(nil) }
}
