package main

import (
	"errors"
	"net"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

func addStoreFlags(f *pflag.FlagSet, o *serveOptions) {
	f.StringVar(&o.store, "store", "", "where records are kept: bolt:PATH, redis://HOST:PORT/DB (rediss://, redis+cluster://) or memory: (default a file in the data directory)")
	f.BoolVar(&o.check, "check", false, "try the whole configuration, the store and Discord, and exit")
}

// completeStore finds out where records are kept, and reads the keys.
func (p *program) completeStore(o *serveOptions) (err error) {
	if o.signingKeys, err = p.keys("JWT_SIGNING_KEY"); err != nil {
		return err
	}
	if o.encryptionKeys, err = p.keys("STORAGE_ENCRYPTION_KEY"); err != nil {
		return err
	}
	if o.check && o.dev {
		return usageError("--check tries a Discord application, and --dev has none", "leave one of them out", nil)
	}
	if store.HasPassword(o.store) && o.store != p.getenv("MCPDISCORD_STORE") {
		return usageError("--store holds a password, which every user of the computer can see", "put it into MCPDISCORD_STORE and leave --store out", nil)
	}
	if o.store != "" {
		return nil
	}
	if o.store, err = p.redisOfEnvironment(o); o.store != "" || err != nil {
		return err
	}
	o.store, err = p.defaultStore(o)
	return err
}

// redisOfEnvironment is the store that REDIS_HOST and REDIS_PORT name, "" for
// none. --dev has a store of its own.
func (p *program) redisOfEnvironment(o *serveOptions) (string, error) {
	host, port := p.getenv("REDIS_HOST"), p.getenv("REDIS_PORT")
	if host == "" {
		return "", nil
	}
	if o.dev {
		o.environmentIgnored = append(o.environmentIgnored, "REDIS_HOST")
		return "", nil
	}
	if port == "" {
		port = "6379"
	}
	if strings.ContainsAny(host+port, "/@?, ") {
		return "", usageError("REDIS_HOST is a host and REDIS_PORT a port, and nothing else", "for anything else give MCPDISCORD_STORE: redis://USER:PASSWORD@HOST:PORT/DB", nil)
	}
	return "redis://" + net.JoinHostPort(strings.Trim(host, "[]"), port), nil
}

// defaultStore is where records are kept if nobody says where. A store belongs
// to its base URL, so --dev has one for each port, and none for any free port:
// the next one would be another.
func (p *program) defaultStore(o *serveOptions) (string, error) {
	name := "mcpdiscord.db"
	if o.dev {
		switch _, port, _ := net.SplitHostPort(o.addr); port {
		case "8000":
			name = "dev.db"
		case "0":
			return "memory:", nil
		default:
			name = "dev-" + port + ".db"
		}
	}
	dirs, err := p.directories()
	return "bolt:" + filepath.Join(dirs.data, name), err
}

// keys reads keys from the environment; nil where there is none.
func (p *program) keys(variable string) ([][]byte, error) {
	value := p.getenv(variable)
	if value == "" {
		return nil, nil
	}
	keys, err := store.ParseKeys(value)
	var refused *store.Error
	if errors.As(err, &refused) {
		return nil, usageError(variable+" is not a key of at least 32 bytes, or several with commas between", refused.Hint, err)
	}
	return keys, err
}

// unchecked is what --check says where Discord does not answer.
func unchecked(cause error) error {
	return &userError{
		code: exitUnavailable, kind: string(client.KindUnavailable), message: "Discord did not say whether it knows the application",
		hint: "try again; a server would start", err: cause,
	}
}
