package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// defaultPrefix begins every key of ours.
const defaultPrefix = "mcpdiscord"

// validPrefix says whether a prefix is 1 to 64 letters, digits and _.:-
func validPrefix(prefix string) bool {
	const others = "_.:-"
	odd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(others, c)
	}
	return prefix != "" && len(prefix) <= 64 && !strings.ContainsFunc(prefix, odd)
}

// redisAddress is what a URL says of a Redis.
type redisAddress struct {
	options redis.UniversalOptions
	prefix  string
}

// name says which Redis it is, without its password.
func (a redisAddress) name() string { return "Redis at " + strings.Join(a.options.Addrs, ", ") }

// isRedis reports whether a URL names a Redis.
func isRedis(rawURL string) bool {
	scheme, _, _ := strings.Cut(rawURL, ":")
	switch scheme {
	case "redis", "rediss", "redis+cluster", "rediss+cluster":
		return true
	}
	return false
}

// HasPassword reports whether the URL of a store holds a password: then it must
// not be seen in the list of processes.
func HasPassword(rawURL string) bool {
	if !isRedis(rawURL) {
		return false
	}
	_, rest, _ := strings.Cut(rawURL, ":")
	return strings.Contains(rest, "@")
}

// parseRedis reads SCHEME://[USER:PASSWORD@]HOST[:PORT][,…][/DB][?prefix=…&cacert=FILE].
// No error repeats any of it that may be secret.
func parseRedis(rawURL string) (redisAddress, error) {
	scheme, rest, _ := strings.Cut(rawURL, ":")
	rest, found := strings.CutPrefix(rest, "//")
	rest, query, _ := strings.Cut(rest, "?")
	at := strings.LastIndex(rest, "@")
	credentials, rest := rest[:max(at, 0)], rest[at+1:]
	hosts, db, _ := strings.Cut(rest, "/")
	cluster := strings.HasSuffix(scheme, "+cluster")
	a := redisAddress{prefix: defaultPrefix, options: redis.UniversalOptions{IsClusterMode: cluster}}
	o := &a.options
	var err error
	if o.Addrs, err = parseHosts(hosts); err != nil || !found || !cluster && len(o.Addrs) != 1 {
		return a, badRedis("names no host, or more than one")
	}
	user, password, _ := strings.Cut(credentials, ":")
	var userErr, passwordErr error
	o.Username, userErr = url.PathUnescape(user)
	o.Password, passwordErr = url.PathUnescape(password)
	if userErr != nil || passwordErr != nil {
		return a, badRedis("has a user or a password with a lone % in it: write %25")
	}
	if db != "" {
		if o.DB, err = strconv.Atoi(db); err != nil || o.DB < 0 || cluster && o.DB != 0 {
			return a, badRedis("has no number of a database after its host; a cluster has none but 0")
		}
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return a, badRedis("has a query that cannot be read")
	}
	if strings.HasPrefix(scheme, "rediss") {
		o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return a, a.query(values)
}

func (a *redisAddress) query(values url.Values) error {
	for name, value := range values {
		switch {
		case name == "prefix" && validPrefix(value[0]):
			a.prefix = value[0]
		case name == "cacert" && a.options.TLSConfig != nil:
			pem, err := os.ReadFile(value[0])
			if err != nil {
				return &Error{Message: fmt.Sprintf("the file of cacert cannot be read: %v", cause(err)), Hint: "name a PEM file: rediss://HOST?cacert=FILE", Err: err}
			}
			a.options.TLSConfig.RootCAs = x509.NewCertPool()
			if !a.options.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
				return badRedis("has a cacert that holds no certificate")
			}
		default:
			return badRedis("takes prefix=NAME (letters, digits, - _ . :) and, with rediss, cacert=FILE")
		}
	}
	return nil
}

func parseHosts(hosts string) (addrs []string, err error) {
	for host := range strings.SplitSeq(hosts, ",") {
		if host = strings.TrimSpace(host); !strings.Contains(strings.TrimPrefix(host[strings.LastIndex(host, "]")+1:], "]"), ":") {
			host += ":6379"
		}
		name, port, err := net.SplitHostPort(host)
		if n, portErr := strconv.ParseUint(port, 10, 16); err != nil || name == "" || portErr != nil || n == 0 {
			return nil, errors.New("not host and port")
		}
		addrs = append(addrs, net.JoinHostPort(name, port))
	}
	return addrs, nil
}

func badRedis(what string) error {
	return &Error{
		Message: "the URL of the store " + what,
		Hint:    "give redis://HOST:PORT/DB, rediss:// for TLS, or redis+cluster://HOST:PORT,HOST:PORT; with a password in MCPDISCORD_STORE alone",
		Usage:   true,
	}
}

// openRedis connects, and refuses a Redis that would forget records.
func openRedis(ctx context.Context, cfg Config) (*redisStore, string, error) {
	a, err := parseRedis(cfg.URL)
	if err != nil {
		return nil, "", err
	}
	logging.Disable() // what it has to say comes as errors; this is the process's
	r := a.connect(cfg.Now)
	if err := r.inspect(ctx, a.name(), cfg.Logger); err != nil {
		return nil, "", errors.Join(err, r.Close())
	}
	return r, a.name(), nil
}

func (a redisAddress) connect(now func() time.Time) *redisStore {
	o := a.options
	o.Protocol = 2
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.MaxRetries = -1 // see again
	o.DialerRetries = 1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = socketTimeout, socketTimeout, socketTimeout, socketTimeout
	o.ContextTimeoutEnabled = true
	o.PoolSize = poolSize
	o.MaxActiveConns = 2 * poolSize // the feed's own
	return newRedis(redis.NewUniversalClient(&o), a.prefix, fmt.Sprintf("%s:%d:changes", a.prefix, o.DB), now)
}

// inspect asks every Redis what it does when its memory is full: any answer but
// noeviction forgets records.
func (r *redisStore) inspect(ctx context.Context, name string, log *slog.Logger) error {
	check := func(ctx context.Context, node *redis.Client) error {
		settings, err := readSettings(ctx, node)
		if err != nil {
			return err
		}
		addr := node.Options().Addr
		switch policy := settings["maxmemory-policy"]; policy {
		case "noeviction":
		case "":
			log.Warn("store_eviction_unknown", "redis", addr)
		default:
			return &Error{
				Message: fmt.Sprintf("Redis at %s drops records when its memory is full: its maxmemory-policy is %s", addr, policy),
				Hint:    "set maxmemory-policy noeviction in its configuration",
			}
		}
		if settings["appendonly"] == "no" {
			log.Warn("store_not_durable", "redis", addr, "hint", "set appendonly yes: what was written last is lost when it stops")
		}
		return nil
	}
	call, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	var err error
	switch c := r.client.(type) {
	case *redis.ClusterClient:
		err = c.ForEachMaster(call, check)
	case *redis.Client:
		err = check(call, c)
	}
	if err != nil && ctx.Err() == nil {
		return redisError(name, err)
	}
	return err
}

// readSettings reads settings of a Redis; a hosted one may not tell all.
func readSettings(ctx context.Context, node *redis.Client) (map[string]string, error) {
	settings := map[string]string{}
	for _, name := range []string{"maxmemory-policy", "appendonly"} {
		got, err := node.ConfigGet(ctx, name).Result()
		if err != nil && (!refused(err) || !redis.HasErrorPrefix(err, "NOPERM") && !strings.Contains(err.Error(), "unknown")) {
			return nil, err
		}
		settings[name] = got[name]
	}
	if settings["maxmemory-policy"] == "" {
		info, err := node.Info(ctx, "memory").Result()
		if err != nil && !refused(err) {
			return nil, err
		}
		for line := range strings.Lines(info) {
			if policy, found := strings.CutPrefix(strings.TrimSpace(line), "maxmemory_policy:"); found {
				settings["maxmemory-policy"] = policy
			}
		}
	}
	return settings, nil
}

// redisError says what went wrong with Redis when it was first used.
func redisError(name string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	e := &Error{Message: name + " cannot be used: " + err.Error(), Hint: "look at its log, and at --store (MCPDISCORD_STORE)", Err: err}
	text := err.Error()
	switch {
	case strings.Contains(text, "NOAUTH"), strings.Contains(text, "WRONGPASS"), strings.Contains(text, "AUTH"):
		e.Message = name + " does not accept the password, or wants one"
		e.Hint = "set MCPDISCORD_STORE to redis://USER:PASSWORD@HOST:PORT/DB; never in a flag, which every user of the computer can see"
	case strings.Contains(text, "NOPERM"):
		e.Hint = "let its user read, write, run scripts, publish and subscribe: ACL SETUSER … ~mcpdiscord* &mcpdiscord* +@all"
	case strings.Contains(text, "MOVED"), strings.Contains(text, "CLUSTERDOWN"):
		e.Message = name + " is one of a cluster"
		e.Hint = "use redis+cluster://HOST:PORT,HOST:PORT, and look that the cluster is whole"
	case strings.Contains(text, "cluster support disabled"):
		e.Message = name + " is no cluster"
		e.Hint = "use redis://HOST:PORT/DB"
	case strings.Contains(text, "READONLY"):
		e.Message = name + " is a replica, which takes no writes"
		e.Hint = "name its primary"
	case !refused(err):
		e.Message = name + " does not answer"
		e.Hint = "start it, or look at --store (MCPDISCORD_STORE) and at TLS: rediss:// where it has it, redis:// where not"
	}
	return e
}

// Redis opens the store in the Redis that the URL names, plain. now is its
// clock; nil means time.Now. Errors are of type [*Error], but for those of ctx.
func Redis(ctx context.Context, rawURL string, now func() time.Time) (authserver.Store, error) {
	r, _, err := openRedis(ctx, Config{URL: rawURL, Now: now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return r, nil
}
