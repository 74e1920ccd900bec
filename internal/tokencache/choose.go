package tokencache

import (
	"context"
	"slices"
)

// probe asks once per process whether a keychain exists.
type probe struct {
	run    func(ctx context.Context) (bool, error)
	turn   chan struct{} // holds what follows
	done   bool
	exists bool
}

func (p *probe) ask(ctx context.Context) (bool, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if p.done {
		return p.exists, nil
	}
	exists, err := p.run(ctx)
	if err != nil {
		return false, err
	}
	p.exists, p.done = exists, true
	return exists, nil
}

// choose decides where the session of a resource is kept. Under auto the
// remembered choice is final: a keychain that has gone away since is an error,
// never a reason to keep tokens elsewhere.
func (c *Cache) choose(ctx context.Context, resource string) (Store, error) {
	if c.cfg.Store != StoreAuto {
		return c.cfg.Store, nil
	}
	entry, err := c.entry(resource)
	if err != nil {
		return "", err
	}
	switch entry.Store {
	case StoreKeychain, StoreFile, StorePlain:
		return entry.Store, nil
	case "":
	default:
		return "", &Error{
			Message: c.serversPath() + " names the unknown token store " + quote(string(entry.Store)),
			Hint:    "choose one with --token-store, or correct the file",
		}
	}
	exists, err := c.probe.ask(ctx)
	switch {
	case err != nil:
		return "", err
	case exists:
		return StoreKeychain, nil
	default:
		return StoreFile, nil
	}
}

// settle remembers where the session was just saved, says so if nobody chose
// the file, and removes what an earlier choice left. A keychain may hang, so
// what is left there waits for Delete.
func (c *Cache) settle(ctx context.Context, key Key, store Store) error {
	if store == StoreMemory {
		return nil
	}
	old, err := c.entry(key.Resource)
	if err != nil {
		return err
	}
	if old.Store == store && !slices.Contains(old.AlsoIn, store) {
		return nil
	}
	err = c.updateServers(ctx, func(list []entry) []entry {
		e := find(list, key.Resource)
		if e == nil {
			list = append(list, entry{Server: Server{URL: key.Resource, Issuer: key.Issuer}})
			e = &list[len(list)-1]
		}
		e.AlsoIn = slices.DeleteFunc(e.AlsoIn, func(s Store) bool { return s == store })
		if e.Store == StoreKeychain && store != StoreKeychain {
			e.AlsoIn = append(e.AlsoIn, StoreKeychain)
		}
		e.Store = store
		return list
	})
	if err != nil {
		return err
	}
	if old.Store == "" && store == StoreFile && c.cfg.Store == StoreAuto {
		c.cfg.Notify("there is no keychain here: the session is kept in an encrypted file in " + c.file.tokens)
	}
	for _, other := range []*fileStore{c.file, c.plain} {
		if c.backend(store) != backend(other) {
			if err := other.remove(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// places returns every store that may hold the session.
func (c *Cache) places(resource string, chosen Store) (map[Store]bool, error) {
	if chosen == StoreMemory {
		return map[Store]bool{StoreMemory: true}, nil
	}
	e, err := c.entry(resource)
	if err != nil {
		return nil, err
	}
	places := map[Store]bool{chosen: true, e.Store: true, StoreFile: true, StorePlain: true}
	for _, s := range e.AlsoIn {
		places[s] = true
	}
	return places, nil
}

// unsettle forgets what Delete has cleaned up.
func (c *Cache) unsettle(ctx context.Context, resource string) error {
	e, err := c.entry(resource)
	if err != nil || len(e.AlsoIn) == 0 {
		return err
	}
	return c.updateServers(ctx, func(list []entry) []entry {
		if e := find(list, resource); e != nil {
			e.AlsoIn = nil
		}
		return list
	})
}
