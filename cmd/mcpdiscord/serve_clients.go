package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// clientFlags say which clients may come without registering.
type clientFlags struct {
	file     string
	hosts    []string
	maxBytes int64
}

// noHosts is what turns client metadata documents off.
const noHosts = "none"

// maxClientsFile bounds the file of clients, in bytes.
const maxClientsFile = 8 << 20

func addClientFlags(f *pflag.FlagSet, o *clientFlags) {
	f.StringVar(&o.file, "clients-file", "", "a JSON file of clients that need not register; read again on SIGHUP")
	f.StringSliceVar(&o.hosts, "client-metadata-hosts", nil, "hosts whose client metadata documents are accepted, as app.example.com or *.example.com; none for no documents (default any)")
	f.Int64Var(&o.maxBytes, "client-metadata-max-bytes", 64<<10, "how long a client's metadata document may be")
}

// complete checks the flags.
func (o *clientFlags) complete() error {
	o.hosts = trimmed(o.hosts)
	for _, host := range o.hosts {
		if host == noHosts && len(o.hosts) == 1 {
			continue
		}
		name := strings.TrimPrefix(host, "*.")
		if name != strings.ToLower(name) || !strings.Contains(name, ".") || strings.ContainsAny(name, "*/:@ ") {
			return usageError(fmt.Sprintf("--client-metadata-hosts has %q, which is no host", host), "write app.example.com, *.example.com for all below it, or none", nil)
		}
	}
	if o.maxBytes < 1 {
		return usageError("--client-metadata-max-bytes is at least 1", "leave it out for 64 KiB", nil)
	}
	return nil
}

// configure puts the flags into the authorization server's configuration.
func (o *clientFlags) configure(cfg *authserver.Config) {
	cfg.MaxDocumentBytes = o.maxBytes
	if len(o.hosts) == 1 && o.hosts[0] == noHosts {
		cfg.NoDocuments = true
		return
	}
	if len(o.hosts) > 0 {
		cfg.DocumentHosts = o.hosts
	}
}

// load reads the file of clients.
func (o *clientFlags) load(auth *authserver.Server) error {
	if o.file == "" {
		return nil
	}
	file, err := os.Open(o.file)
	if err != nil {
		return usageError("the file of --clients-file cannot be read: "+o.file, "check its name and its mode", err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxClientsFile+1))
	if err == nil && len(text) > maxClientsFile {
		err = errors.New("it is too long")
	}
	if err == nil {
		err = auth.LoadClients(text)
	}
	if err != nil {
		return usageError(fmt.Sprintf("the file of --clients-file is not usable: %s: %s", o.file, err), "docs/configuration.md shows one", err)
	}
	return nil
}

// follow reads the file again whenever it is told to, until ctx ends. A file
// that is not usable changes nothing. The function that it returns waits.
func (o *clientFlags) follow(ctx context.Context, auth *authserver.Server, logger *slog.Logger) (stop func()) {
	if o.file == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	hangup, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		defer close(done)
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
			}
			if err := o.load(auth); err != nil {
				logger.Error("clients file not read again", "error", err)
				continue
			}
			logger.Info("clients file read again", "file", o.file)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
