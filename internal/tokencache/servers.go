package tokencache

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// Server is one server of servers.json. It holds no secret.
type Server struct {
	URL           string    `json:"url"`                // as it is reached
	Resource      string    `json:"resource,omitempty"` // what its tokens are for, where that is not URL
	Issuer        string    `json:"issuer,omitempty"`   // the authorization server last used
	Name          string    `json:"name,omitempty"`     // what the user calls it; set by SetName
	Default       bool      `json:"default,omitempty"`  // the one that is meant where none is named; set by SetDefault
	Store         Store     `json:"store,omitempty"`    // where its session is; set by Save
	User          string    `json:"user,omitempty"`     // the Discord display name
	LastConnected time.Time `json:"last_connected,omitzero"`
}

// entry is a Server with what only this package knows.
type entry struct {
	Server
	AlsoIn []Store `json:"also_in,omitempty"` // an older session may be left here
}

// serverList is servers.json.
type serverList struct {
	Version int     `json:"version"`
	Servers []entry `json:"servers"`
}

const (
	serversWait = 10 * time.Second // for another process that writes the list
	maxServers  = 1 << 20          // bytes
)

// Servers returns the known servers, the one last connected to first.
func (c *Cache) Servers() ([]Server, error) {
	list, err := c.readServers()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b entry) int {
		return cmp.Or(b.LastConnected.Compare(a.LastConnected), cmp.Compare(a.URL, b.URL))
	})
	servers := make([]Server, len(list))
	for i, e := range list {
		servers[i] = e.Server
	}
	return servers, nil
}

// Server returns the entry of a resource, and whether there is one.
func (c *Cache) Server(resource string) (Server, bool, error) {
	e, err := c.entry(resource)
	return e.Server, e.URL != "", err
}

// Remember adds the server, or replaces its entry. Where its session is kept is
// known better here: Store is taken only if the entry has none. What the user
// decided meanwhile stays: an entry's Name and Default.
func (c *Cache) Remember(s Server) error {
	if s.URL == "" {
		return errors.New("remembering server: it has no URL")
	}
	if s.Store == StoreAuto || s.Store == StoreMemory {
		s.Store = ""
	}
	return c.updateServers(context.Background(), func(list []entry) []entry {
		e := find(list, s.URL)
		if e == nil {
			return append(list, entry{Server: s})
		}
		s.Store, s.Name, s.Default = cmp.Or(e.Store, s.Store), e.Name, e.Default
		e.Server = s
		return list
	})
}

// SetName names the server of a URL, which need not be known yet; "" takes its
// name away. Where another server has the name, nothing changes, and that one's
// URL is returned.
func (c *Cache) SetName(url, name string) (taken string, err error) {
	err = c.updateServers(context.Background(), func(list []entry) []entry {
		for _, e := range list {
			if name != "" && e.Name == name && e.URL != url {
				taken = e.URL
				return list
			}
		}
		list = withEntry(list, url)
		find(list, url).Name = name
		return list
	})
	return taken, err
}

// SetDefault makes the server of a URL the one that is meant where none is
// named; it need not be known yet. "" makes none of them that.
func (c *Cache) SetDefault(url string) error {
	return c.updateServers(context.Background(), func(list []entry) []entry {
		if url != "" {
			list = withEntry(list, url)
		}
		for i := range list {
			list[i].Default = list[i].URL == url
		}
		return list
	})
}

// withEntry is the list with an entry for the URL.
func withEntry(list []entry, url string) []entry {
	if find(list, url) == nil {
		list = append(list, entry{Server: Server{URL: url}})
	}
	return list
}

// Forget removes the entry of a resource, if there is one.
func (c *Cache) Forget(resource string) error {
	e, err := c.entry(resource)
	if err != nil || e.URL == "" {
		return err
	}
	return c.updateServers(context.Background(), func(list []entry) []entry {
		return slices.DeleteFunc(list, func(e entry) bool { return e.URL == resource })
	})
}

func find(list []entry, resource string) *entry {
	for i := range list {
		if list[i].URL == resource {
			return &list[i]
		}
	}
	return nil
}

// entry returns the entry of a resource, or the zero entry.
func (c *Cache) entry(resource string) (entry, error) {
	list, err := c.readServers()
	if err != nil {
		return entry{}, err
	}
	if e := find(list, resource); e != nil {
		return *e, nil
	}
	return entry{}, nil
}

func (c *Cache) serversPath() string { return filepath.Join(c.cfg.StateDir, "servers.json") }

func (c *Cache) readServers() ([]entry, error) {
	if c.cfg.StateDir == "" {
		return c.memory.readServers(), nil
	}
	path := c.serversPath()
	data, err := readFile(path, maxServers)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil && !errors.Is(err, errIrregular):
		return nil, unreadable("the list of servers", path, err)
	}
	var list serverList
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err == nil && list.Version > version {
		return nil, newer(path)
	}
	if err != nil || list.Version < 1 {
		return nil, &Error{
			Kind:    []error{ErrCorrupt},
			Message: fmt.Sprintf("the list of servers, %s, is damaged", path),
			Hint:    "correct it or move it away; {program} connect finds saved sessions again, with their --token-store",
			Err:     err,
		}
	}
	return list.Servers, nil
}

// updateServers replaces the list by what fn makes of it, under its own lock.
func (c *Cache) updateServers(ctx context.Context, fn func([]entry) []entry) error {
	ctx, cancel := context.WithTimeout(ctx, serversWait)
	defer cancel()
	unlock, err := c.locks.lock(ctx, "servers")
	if err != nil {
		return err
	}
	defer unlock()
	if c.cfg.StateDir == "" {
		c.memory.writeServers(fn(c.memory.readServers()))
		return nil
	}
	list, err := c.readServers()
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(serverList{Version: version, Servers: fn(list)}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding list of servers: %w", err)
	}
	sweepTemps(c.cfg.StateDir, "servers.json")
	if err := writeFile(c.serversPath(), append(data, '\n')); err != nil {
		return unwritable("the list of servers", err)
	}
	return nil
}
