package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func (p *program) emulatorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "emulator [flags]",
		Short: "Run the Discord emulator alone, to test any Discord OAuth program against",
		Long: `Run the Discord emulator alone: a Discord that speaks Discord's HTTP on loopback.

Any Discord OAuth program can sign in against it.

` + emulator.Help,
		Example: `  mcpdiscord emulator
  mcpdiscord emulator --emulator-addr 127.0.0.1:9001
  curl -d '{"endpoint":"token","kind":"error","status":503}' http://127.0.0.1:8001/emulator/faults`,
		GroupID: groupServe,
		Args:    noArguments,
	}
	flags := cmd.Flags()
	addr := flags.String("emulator-addr", "127.0.0.1:8001", "where to listen; loopback only")
	addrFile := flags.String("addr-file", "", "write the emulator's URL to this file once it is served")
	logs := addLogFlags(flags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		logger, err := p.logger(logs)
		if err != nil {
			return err
		}
		e, err := startEmulator(cmd.Context(), *addr, emulator.Config{Logger: logger})
		if err != nil {
			return err
		}
		defer e.stop()
		p.note("Discord emulator: %s", e.url)
		p.note("client id %s, client secret %s", emulator.DefaultClientID, emulator.DefaultClientSecret)
		if *addrFile != "" {
			if err := writeAddrFile(*addrFile, e.url); err != nil {
				return err
			}
		}
		<-cmd.Context().Done()
		return nil
	}
	return cmd
}

// runningEmulator is an emulator on a loopback address.
type runningEmulator struct {
	*emulator.Emulator
	url  string
	stop func()
}

// startEmulator serves the emulator on a loopback address until stop is
// called. cfg needs a Logger.
func startEmulator(ctx context.Context, addr string, cfg emulator.Config) (*runningEmulator, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, usageError(fmt.Sprintf("%q is not an address for the emulator", addr), "give --emulator-addr 127.0.0.1:8001", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usageError("the Discord emulator signs anyone in, so it listens on loopback only", "give --emulator-addr 127.0.0.1:8001", nil)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, failure("the Discord emulator cannot listen on "+addr+": the address is in use or not available", "give --emulator-addr 127.0.0.1:0 for a free port", err)
	}
	url := "http://" + listener.Addr().String()
	cfg.URL = url
	e, err := emulator.New(cfg)
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("making the emulator: %w", err)
	}
	httpServer := &http.Server{Handler: e, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := httpServer.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cfg.Logger.Error("emulator stopped", "error", err)
		}
	}()
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if httpServer.Shutdown(ctx) != nil {
			_ = httpServer.Close()
		}
		<-done
	}
	return &runningEmulator{e, url, stop}, nil
}
