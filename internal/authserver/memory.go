package authserver

// memory is what one process remembers of the store and of Discord's answers:
// never the truth, only what spares asking for it again. New makes it with
// newMemory and Close ends it.
type memory struct{}

func newMemory() *memory { return &memory{} }

// start follows the store's changes until close.
func (m *memory) start(s *Server) {}

// close waits for everything that was started.
func (m *memory) close() {}
