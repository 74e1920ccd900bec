package tokencache

import "time"

// Server is one server of servers.json. It holds no secret.
type Server struct {
	URL           string    `json:"url"`              // the resource
	Issuer        string    `json:"issuer,omitempty"` // the authorization server last used
	Name          string    `json:"name,omitempty"`   // what the user calls it
	Store         Store     `json:"store,omitempty"`  // where its session is; never auto or memory
	User          string    `json:"user,omitempty"`   // the Discord display name
	LastConnected time.Time `json:"last_connected,omitzero"`
}

// Servers returns the known servers, the one last connected to first.
func (c *Cache) Servers() ([]Server, error) { return nil, nil }

// Server returns the entry of a resource.
func (c *Cache) Server(resource string) (Server, bool, error) { return Server{}, false, nil }

// Remember adds the server or replaces its entry. An empty Store keeps the remembered one.
func (c *Cache) Remember(s Server) error { return nil }

// Forget removes the entry of a resource, if there is one.
func (c *Cache) Forget(resource string) error { return nil }
