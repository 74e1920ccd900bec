package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/muesli/cancelreader"
	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// defaultServer is where serve --dev is.
const defaultServer = "http://localhost:8000/mcp"

// clientVariables are what the commands that may sign in read.
const clientVariables = `MCPDISCORD_TOKEN: an access token to use as it is
BROWSER: the command that opens addresses`

// The values of --grant, as OAuth names them.
const (
	grantCode   = "authorization_code"
	grantClient = "client_credentials"
)

// clientOptions are the flags of the commands that use a server.
type clientOptions struct {
	server, tokenStore string
	noBrowser          bool
	callbackPort       int
	loginTimeout       time.Duration
	timeout            time.Duration
	scopes             []string
	clientID           string // --oauth-client-id
	clientMetadata     string // --client-metadata-url
	grant              string
	headerLines        []string
	header             http.Header // from headerLines, by prepare
	debug              bool
	piped              bool // stdin has messages, and no person's words
	output             outputFlags
}

// loginPatience is how long a sign-in may take where nobody says otherwise.
const loginPatience = 5 * time.Minute

func addServerFlags(f *pflag.FlagSet, o *clientOptions) {
	o.loginTimeout = loginPatience // also where addSignInFlags makes no flag of it
	f.StringVar(&o.server, "server", "", "URL or name of the server (default the chosen one, else the one last connected to, else "+defaultServer+")")
	f.StringVar(&o.tokenStore, "token-store", "auto", "where tokens are kept: auto, keychain, file, plain, memory")
	f.DurationVar(&o.timeout, "timeout", 30*time.Second, "how long to wait for an answer")
	f.BoolVar(&o.debug, "debug", false, "show every HTTP exchange on stderr, without secrets")
	f.StringArrayVar(&o.headerLines, "header", nil, "send `'Name: value'` to the MCP server; ${VARIABLE} is replaced (repeatable)")
	f.StringVar(&o.clientID, "oauth-client-id", "", "ID of a client that was registered beforehand")
	f.StringVar(&o.grant, "grant", grantCode, "how tokens are got: authorization_code, for a user with a browser; client_credentials, for the client itself")
	f.StringVar(&o.clientMetadata, "client-metadata-url", "", "URL of this client's metadata document, its ID where that is supported")
}

func addSignInFlags(f *pflag.FlagSet, o *clientOptions) {
	f.BoolVar(&o.noBrowser, "no-browser", false, "print the sign-in URL, open nothing")
	addCallbackPort(f, o)
	f.DurationVar(&o.loginTimeout, "login-timeout", loginPatience, "how long to wait for the sign-in")
	f.StringSliceVar(&o.scopes, "scope", nil, "a scope to ask for besides what the server asks for (repeatable)")
}

func addCallbackPort(f *pflag.FlagSet, o *clientOptions) {
	f.IntVar(&o.callbackPort, "callback-port", 0, "port of the local callback (default a free one)")
}

func addOutputFlags(f *pflag.FlagSet, o *clientOptions) {
	f.BoolVar(&o.output.json, "json", false, "always JSON, errors too")
	f.StringVar(&o.output.jq, "jq", "", "filter the answer with a jq expression")
	f.StringVarP(&o.output.file, "output", "o", "", "write the answer to a file")
}

// prepare checks what can be checked before anything is sent.
func (p *program) prepare(o *clientOptions) error {
	p.jsonErrors = o.output.json
	if o.output.jq != "" {
		if _, err := compileJQ(o.output.jq); err != nil {
			return err
		}
	}
	if err := checkFile(o.output.file); err != nil {
		return err
	}
	if o.callbackPort < 0 || o.callbackPort > 65535 {
		return usageError("--callback-port is a port, 0 to 65535", "", nil)
	}
	if o.grant != grantCode && o.grant != grantClient {
		return usageError(fmt.Sprintf("there is no grant %q", o.grant), "the grants are "+grantCode+" and "+grantClient, nil)
	}
	header, err := p.headers(o.headerLines)
	if err != nil {
		return err
	}
	o.header = header
	if o.timeout <= 0 || o.loginTimeout <= 0 {
		return usageError("--timeout and --login-timeout are longer than zero", "", nil)
	}
	switch tokencache.Store(o.tokenStore) {
	case tokencache.StoreAuto, tokencache.StoreKeychain, tokencache.StoreFile, tokencache.StorePlain, tokencache.StoreMemory:
		return nil
	}
	return usageError(fmt.Sprintf("there is no token store %q", o.tokenStore), "the stores are auto, keychain, file, plain, memory", nil)
}

// openCache opens the tokens and the list of known servers.
func (p *program) openCache(o *clientOptions) (*tokencache.Cache, error) {
	cfg, err := p.cacheConfig(o)
	if err != nil {
		return nil, err
	}
	return tokencache.Open(cfg)
}

func (p *program) cacheConfig(o *clientOptions) (tokencache.Config, error) {
	cfg := tokencache.Config{Store: tokencache.Store(o.tokenStore), Interactive: isTerminal(p.in) && isTerminal(p.err), Notify: func(line string) { p.note("%s", line) }, Getenv: p.getenv}
	if cfg.Store != tokencache.StoreMemory {
		dirs, err := p.directories()
		if err != nil {
			return cfg, err
		}
		cfg.StateDir, cfg.ConfigDir = dirs.state, dirs.config
	}
	return cfg, nil
}

// resolve finds the server's URL: the argument, --server (MCPDISCORD_SERVER),
// the user's default, the server last connected to, then our own default.
func (p *program) resolve(o *clientOptions, argument string, cache *tokencache.Cache) (string, error) {
	wanted := argument
	if wanted == "" {
		wanted = o.server
	}
	saved, err := cache.Servers()
	if err != nil {
		return "", err
	}
	if wanted == "" {
		return unnamedServer(saved), nil
	}
	return urlOf(saved, wanted)
}

// urlOf is the URL of a server: wanted is that, or the name of a saved one.
func urlOf(saved []tokencache.Server, wanted string) (string, error) {
	if !strings.Contains(wanted, "://") {
		return namedServer(saved, wanted)
	}
	u, err := url.Parse(wanted)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", usageError("the server is an http or https URL", "for example "+defaultServer, err)
	}
	if u.User != nil {
		return "", usageError("a server's URL holds no user name or password", "sign in with {program} connect", nil)
	}
	if u.Fragment != "" {
		return "", usageError("a server's URL has no fragment (#…)", "leave it out", nil)
	}
	if u.Scheme == "http" && !isLoopbackHost(u.Hostname()) {
		return "", usageError("plain http would show the token to the network", "use the server's https URL", nil)
	}
	return client.ServerURL(wanted)
}

// unnamedServer is the URL of the server that is meant where none is named.
func unnamedServer(saved []tokencache.Server) string {
	last := tokencache.Server{URL: defaultServer}
	for _, s := range saved {
		if s.Default {
			return s.URL
		}
		if s.LastConnected.After(last.LastConnected) {
			last = s
		}
	}
	return last.URL
}

// namedServer is the URL of a saved server.
func namedServer(saved []tokencache.Server, name string) (string, error) {
	var names []string
	for _, s := range saved {
		if s.Name == name {
			return s.URL, nil
		}
		if s.Name != "" {
			names = append(names, s.Name)
		}
	}
	hint := "give the server's URL, for example " + defaultServer
	if near := nearest(name, names); near != "" {
		hint = "did you mean " + near + "? {program} servers lists them"
	}
	return "", usageError(fmt.Sprintf("there is no saved server %q", clip(name)), hint, nil)
}

// clientConfig is the client's configuration for one command. stop ends what
// waits for the person at the terminal; it may be called more than once.
func (p *program) clientConfig(o *clientOptions, serverURL string, cache *tokencache.Cache, signIn bool) (_ client.Config, stop func()) {
	cfg := client.Config{
		Server: serverURL, Cache: cache, SignIn: signIn,
		CallbackPort: o.callbackPort, LoginTimeout: o.loginTimeout, Scopes: trimmed(o.scopes),
		AccessToken: strings.TrimSpace(p.getenv("MCPDISCORD_TOKEN")), Timeout: o.timeout, Version: buildVersion(),
		ClientID: o.clientID, ClientSecret: strings.TrimSpace(p.getenv("MCPDISCORD_OAUTH_CLIENT_SECRET")), ClientMetadataURL: o.clientMetadata, Header: o.header,
		ClientCredentials: o.grant == grantClient,
	}
	cfg.Protocol, cfg.Spoke = p.protocol(serverURL)
	if o.debug {
		cfg.Debug = p.err
	}
	if !signIn {
		return cfg, func() {}
	}
	cfg.Events = p.signInEvents()
	if !o.noBrowser {
		cfg.OpenBrowser = func(ctx context.Context, url string) error {
			err := client.OpenBrowser(ctx, url, client.BrowserEnvironment{Getenv: p.getenv})
			if err != nil && !errors.Is(err, client.ErrNoBrowser) && p.getenv("BROWSER") != "" {
				what := "could not be run"
				if ran := (*exec.ExitError)(nil); errors.As(err, &ran) {
					what = "failed"
				}
				p.note("The command in BROWSER %s: %s", what, client.PrintableLine(p.getenv("BROWSER")))
			}
			return err
		}
	}
	if o.piped || !isTerminal(p.in) {
		return cfg, func() {}
	}
	lines, stopReading := p.pastedLines()
	cfg.Paste = lines
	return cfg, sync.OnceFunc(stopReading)
}

// pastedLines reads the lines that a person pastes while a sign-in waits. stop
// gives stdin back: nothing that is typed later is lost to it.
func (p *program) pastedLines() (lines <-chan string, stop func()) {
	lines, _, stop = p.typedLines()
	return lines, stop
}

// typedLines reads lines from stdin; ended is closed at its end.
func (p *program) typedLines() (lines <-chan string, ended <-chan struct{}, stop func()) {
	over := make(chan struct{})
	reader, err := cancelreader.NewReader(p.in)
	if err != nil {
		close(over)
		return nil, over, func() {}
	}
	pasted, done := make(chan string), make(chan struct{})
	go func() {
		defer close(over)
		scanner := bufio.NewScanner(reader)
		for scanner.Scan() {
			select {
			case pasted <- scanner.Text():
			case <-done:
				return
			}
		}
	}()
	return pasted, over, func() {
		close(done)
		if reader.Cancel() {
			<-over
		}
		_ = reader.Close()
	}
}
