package client

import (
	"context"
	"sync"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// memory is the Cache of a Config without one.
type memory struct {
	gate chan struct{} // held by whoever has Lock; one server, so one gate

	mu       sync.Mutex
	sessions map[tokencache.Key]tokencache.Session
	servers  map[string]tokencache.Server
}

func newMemory() *memory {
	return &memory{
		gate:     make(chan struct{}, 1),
		sessions: map[tokencache.Key]tokencache.Session{},
		servers:  map[string]tokencache.Server{},
	}
}

func (m *memory) Load(_ context.Context, key tokencache.Key) (*tokencache.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	session, ok := m.sessions[key]
	if !ok {
		return nil, tokencache.ErrNotFound
	}
	return &session, nil
}

func (m *memory) Save(_ context.Context, session *tokencache.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[session.Key()] = *session
	return nil
}

func (m *memory) Delete(_ context.Context, key tokencache.Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, key)
	return nil
}

func (m *memory) Unlock(context.Context, tokencache.Key) error { return nil }

func (m *memory) Lock(ctx context.Context, _ tokencache.Key) (func(), error) {
	select {
	case m.gate <- struct{}{}:
		return func() { <-m.gate }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) Server(url string) (tokencache.Server, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	server, ok := m.servers[url]
	return server, ok, nil
}

func (m *memory) Remember(server tokencache.Server) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.servers[server.URL] = server
	return nil
}

func (m *memory) Forget(url string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.servers, url)
	return nil
}
