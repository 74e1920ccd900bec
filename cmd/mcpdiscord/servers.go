package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

const (
	groupServers = "servers"
	maxName      = 64 // characters of a server's name
)

func (p *program) serversCommand() *cobra.Command {
	o := &outputFlags{}
	cmd := &cobra.Command{
		Use:   "servers [flags]",
		Short: "List the saved servers; name them, choose the default, remove them",
		Long: `List the servers that were connected to.

Where no SERVER is given, the one marked with a * is meant, which servers default chose,
else the one last connected to. Without a terminal: one line each, its fields separated
by tabs.`,
		Example: `  mcpdiscord servers
  mcpdiscord servers name https://mcp.example.com/mcp work
  mcpdiscord servers default work`,
		GroupID: groupUse,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.listServers(cmd.Context(), *o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.json, "json", false, "print JSON; errors too")
	f.StringVar(&o.jq, "jq", "", "filter that JSON with a jq expression")
	cmd.AddGroup(&cobra.Group{ID: groupServers, Title: "Commands:"})
	cmd.AddCommand(p.serversNameCommand(), p.serversDefaultCommand(), p.serversRemoveCommand())
	return cmd
}

func (p *program) serversNameCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "name SERVER NAME [flags]",
		Short: "Name a server, for wherever a SERVER is wanted",
		Long: `Name a server: from then on the name does wherever a SERVER is wanted.

SERVER is a URL, also of a server that was not connected to yet, or its former name. An
empty NAME takes the name away.`,
		Example: `  mcpdiscord servers name https://mcp.example.com/mcp work
  mcpdiscord servers name work office
  mcpdiscord servers name office ''`,
		GroupID: groupServers,
		Args:    exactly("SERVER", "NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			p.jsonErrors = asJSON
			return p.nameServer(args[0], args[1])
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "errors as JSON")
	return cmd
}

func (p *program) serversDefaultCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "default SERVER [flags]",
		Short: "Choose the server that is meant where none is given",
		Long: `Choose the server that is meant where no SERVER is given.

An empty SERVER takes the choice back: then it is the one last connected to.`,
		Example: `  mcpdiscord servers default https://mcp.example.com/mcp
  mcpdiscord servers default work
  mcpdiscord servers default ''`,
		GroupID: groupServers,
		Args:    exactly("SERVER"),
		RunE: func(_ *cobra.Command, args []string) error {
			p.jsonErrors = asJSON
			return p.chooseServer(args[0])
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "errors as JSON")
	return cmd
}

func (p *program) serversRemoveCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "remove SERVER [flags]",
		Short: "Forget a server that nobody is signed in to",
		Long: `Forget a server, with its name and what is kept of it.

One that somebody is signed in to is not forgotten: logout revokes the tokens and
forgets it then.`,
		Example: `  mcpdiscord servers remove work
  mcpdiscord servers remove https://mcp.example.com/mcp
  mcpdiscord logout work          # of one that somebody is signed in to`,
		GroupID: groupServers,
		Args:    exactly("SERVER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p.jsonErrors = asJSON
			return p.removeServer(cmd.Context(), args[0])
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "errors as JSON")
	return cmd
}

// exactly refuses any other number of arguments than these.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		command := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
		return usageError(fmt.Sprintf("%s takes %s", command, strings.Join(names, " and ")), "run {program} "+command+" --help", nil)
	}
}

// printedServer is a saved server, as servers --json prints it.
type printedServer struct {
	Name          string    `json:"name,omitempty"`
	URL           string    `json:"url"`
	User          string    `json:"user,omitempty"`
	Issuer        string    `json:"issuer,omitempty"`
	Store         string    `json:"store,omitempty"`
	LastConnected time.Time `json:"last_connected,omitzero"`
	Default       bool      `json:"default"`
}

func (p *program) listServers(ctx context.Context, o outputFlags) error {
	p.jsonErrors = o.json
	if o.jq != "" {
		if _, err := compileJQ(o.jq); err != nil {
			return err
		}
	}
	_, saved, err := p.savedServers()
	if err != nil {
		return err
	}
	printed := make([]printedServer, 0, len(saved))
	for _, s := range saved {
		if s.Issuer == tokencache.Given {
			s.Issuer = ""
		}
		printed = append(printed, printedServer{s.Name, s.URL, s.User, s.Issuer, string(s.Store), s.LastConnected, s.Default})
	}
	if o.json || o.jq != "" {
		text, err := json.Marshal(printed)
		if err != nil {
			return err
		}
		return p.answer(ctx, o, text)
	}
	if len(saved) == 0 {
		p.note("no server is saved; %s connect URL saves one", p.name)
		return nil
	}
	shown := stamp
	if isTerminal(p.out) {
		shown = day
	}
	rows := make([][]string, 0, len(saved))
	for _, s := range saved {
		mark := ""
		if s.Default {
			mark = "*"
		}
		rows = append(rows, []string{mark, s.Name, s.URL, s.User, shown(s.LastConnected), string(s.Store)})
	}
	return p.table(o, []string{"DEFAULT", "NAME", "URL", "USER", "CONNECTED", "STORE"}, rows)
}

// savedServers are the servers that the user knows of.
func (p *program) savedServers() (*tokencache.Cache, []tokencache.Server, error) {
	cache, err := p.openCache(&clientOptions{tokenStore: string(tokencache.StoreAuto)})
	if err != nil {
		return nil, nil, err
	}
	all, err := cache.Servers()
	return cache, visibleServers(all), err
}

// visibleServers leaves out what is no server of its own: where a server's
// tokens are for another URL, the list has an entry of that, too, which says
// where they are kept.
func visibleServers(all []tokencache.Server) []tokencache.Server {
	stores := map[string]tokencache.Store{}
	for _, s := range all {
		stores[s.URL] = s.Store
	}
	resources := map[string]bool{}
	var visible []tokencache.Server
	for _, s := range all {
		if s.Resource != "" {
			resources[s.Resource] = true
			s.Store = stores[s.Resource]
		}
		visible = append(visible, s)
	}
	return slices.DeleteFunc(visible, func(s tokencache.Server) bool {
		return resources[s.URL] && s.LastConnected.IsZero() && s.Name == "" && !s.Default
	})
}

func (p *program) nameServer(argument, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	cache, _, url, err := p.savedServer(argument)
	if err != nil {
		return err
	}
	taken, err := cache.SetName(url, name)
	if err != nil {
		return err
	}
	if taken != "" {
		return usageError(fmt.Sprintf("%s is the name of %s already", name, taken), "take another name, or take it away: {program} servers name "+name+" ''", nil)
	}
	if name == "" {
		p.note("%s has no name now", client.PrintableLine(url))
		return nil
	}
	p.note("%s is %s", name, client.PrintableLine(url))
	return nil
}

// checkName refuses a name that could not be told from a URL or a flag, or that
// cannot be typed or seen.
func checkName(name string) error {
	const hint = "a name is one word, for example work"
	unusual := func(r rune) bool { return r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	switch {
	case utf8.RuneCountInString(name) > maxName:
		return usageError(fmt.Sprintf("a name has at most %d characters", maxName), hint, nil)
	case strings.Contains(name, "://"):
		return usageError("a name cannot look like a URL", hint, nil)
	case strings.HasPrefix(name, "-"):
		return usageError("a name cannot begin with a dash", hint, nil)
	case strings.ContainsFunc(name, unusual):
		return usageError("a name has no spaces, and nothing in it that cannot be printed", hint, nil)
	}
	return nil
}

// savedServer is the server that an argument names, with the list that it is in.
func (p *program) savedServer(argument string) (cache *tokencache.Cache, saved []tokencache.Server, url string, err error) {
	if argument == "" {
		return nil, nil, "", usageError("the server's name is empty", "run {program} servers to see the saved ones", nil)
	}
	if cache, saved, err = p.savedServers(); err != nil {
		return nil, nil, "", err
	}
	url, err = urlOf(saved, argument)
	return cache, saved, url, err
}

func (p *program) chooseServer(argument string) error {
	if argument == "" {
		cache, _, err := p.savedServers()
		if err != nil {
			return err
		}
		if err := cache.SetDefault(""); err != nil {
			return err
		}
		p.note("the default is the server last connected to")
		return nil
	}
	cache, _, url, err := p.savedServer(argument)
	if err != nil {
		return err
	}
	if err := cache.SetDefault(url); err != nil {
		return err
	}
	p.note("the default is %s", client.PrintableLine(url))
	if setting, there := p.config.lookup("server"); there {
		p.note("but the configuration file's server comes first: %s", client.PrintableLine(setting))
	}
	if variable := p.getenv("MCPDISCORD_SERVER"); variable != "" {
		p.note("but MCPDISCORD_SERVER comes first: %s", client.PrintableLine(variable))
	}
	return nil
}

// removeServer forgets a server. What is left of an ended sign-in goes with it,
// tokens do not.
func (p *program) removeServer(ctx context.Context, argument string) error {
	cache, saved, url, err := p.savedServer(argument)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(saved, func(s tokencache.Server) bool { return s.URL == url })
	if at < 0 {
		return usageError("there is no saved server "+url, "run {program} servers to see them", nil)
	}
	if err := forgetSession(ctx, cache, saved[at]); err != nil {
		return err
	}
	p.forgetKept(url)
	p.note("%s is forgotten", client.PrintableLine(url))
	return nil
}

// forgetSession deletes what is kept of a server, unless there are tokens.
func forgetSession(ctx context.Context, cache *tokencache.Cache, s tokencache.Server) error {
	key := tokencache.Key{Resource: s.URL, Issuer: s.Issuer}
	if s.Resource != "" {
		key.Resource = s.Resource
	}
	if key.Issuer != "" {
		session, err := cache.Load(ctx, key)
		switch {
		case err != nil && !errors.Is(err, tokencache.ErrNotFound):
			return err
		case err == nil && session.AccessToken+session.RefreshToken != "":
			return failure("there are tokens of "+s.URL, "run {program} logout "+s.URL+": it revokes them, and forgets the server", nil)
		}
		if err := cache.Delete(ctx, key); err != nil {
			return err
		}
	}
	if err := cache.Forget(s.URL); err != nil {
		return err
	}
	if s.Resource == "" {
		return nil
	}
	return cache.Forget(s.Resource)
}
