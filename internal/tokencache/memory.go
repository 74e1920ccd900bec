package tokencache

import (
	"context"
	"slices"
	"sync"
)

// memory keeps sessions, and the list of servers beside them, for as long as the
// process lives.
type memory struct {
	mu       sync.Mutex
	sessions map[Key]Session
	servers  []entry
}

func (m *memory) load(_ context.Context, key Key) (*Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[key]
	if !ok {
		return nil, ErrNotFound
	}
	s.Scopes = slices.Clone(s.Scopes)
	return &s, nil
}

func (m *memory) save(_ context.Context, s *Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions == nil {
		m.sessions = map[Key]Session{}
	}
	kept := *s
	kept.Scopes = slices.Clone(s.Scopes)
	m.sessions[s.Key()] = kept
	return nil
}

func (m *memory) remove(_ context.Context, key Key) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, key)
	return nil
}

func (m *memory) readServers() []entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.servers)
}

func (m *memory) writeServers(list []entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.servers = list
}
