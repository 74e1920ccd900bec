package client

import "github.com/modelcontextprotocol/go-sdk/mcp"

// Capabilities are what a server says that it has.
type Capabilities struct {
	Tools, Resources, Prompts, Logging bool
	Subscribe                          bool // to resources
}

// Capabilities says what the server has, as far as it says so.
func (c *Conn) Capabilities() Capabilities {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offers
}

// offered reads what a server declared.
func offered(result *mcp.InitializeResult) Capabilities {
	if result == nil || result.Capabilities == nil {
		return Capabilities{}
	}
	has := result.Capabilities
	//nolint:staticcheck // logging is deprecated, and what the older generations have
	return Capabilities{Tools: has.Tools != nil, Resources: has.Resources != nil, Prompts: has.Prompts != nil, Logging: has.Logging != nil, Subscribe: has.Resources != nil && has.Resources.Subscribe}
}
