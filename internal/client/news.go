package client

import (
	"context"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// NewsKind says what News is about.
type NewsKind string

// The kinds of news.
const (
	// NewsResource: the resource URI has changed.
	NewsResource NewsKind = "resource"
	// NewsUnwatched: the server does not tell of the resource URI any more, and
	// Err says why. [Conn.Subscribe] may help.
	NewsUnwatched NewsKind = "unwatched"
	// NewsTools, NewsResources and NewsPrompts: the list is not as before. That
	// of resources has their templates, too.
	NewsTools     NewsKind = "tools"
	NewsResources NewsKind = "resources"
	NewsPrompts   NewsKind = "prompts"
	// NewsCut: a stream of the server's has ended. It is opened again; the whole
	// connection may be lost.
	NewsCut NewsKind = "cut"
)

// News is what a server says of itself between the operations.
type News struct {
	Kind NewsKind
	URI  string // of a resource, as the server spells it
	// Missed: nothing could be heard for a while, so that the resource may have
	// changed. It is being heard again.
	Missed bool
	Err    error
}

// tell gives news to whoever hears them.
func (c *Conn) tell(news News) {
	if hear := c.signer.cfg.Heard; hear != nil && c.life.Err() == nil {
		hear(news)
	}
}

// missedKey marks, in the _meta of a notification of our own, what was missed.
const missedKey = "mcpdiscord/missed"

// hear makes the SDK's handlers of notifications. The SDK, which keeps lists and
// resources as long as the server allows, forgets what a notification is about.
func (c *Conn) hear(o *mcp.ClientOptions) {
	if c.signer.cfg.Heard == nil {
		return
	}
	o.ToolListChangedHandler = func(context.Context, *mcp.ToolListChangedRequest) { c.tell(News{Kind: NewsTools}) }
	o.ResourceListChangedHandler = func(context.Context, *mcp.ResourceListChangedRequest) { c.tell(News{Kind: NewsResources}) }
	o.PromptListChangedHandler = func(context.Context, *mcp.PromptListChangedRequest) { c.tell(News{Kind: NewsPrompts}) }
	o.ResourceUpdatedHandler = func(_ context.Context, req *mcp.ResourceUpdatedNotificationRequest) {
		if req.Params != nil {
			missed, _ := req.Params.Meta[missedKey].(bool)
			c.tell(News{Kind: NewsResource, URI: req.Params.URI, Missed: missed})
		}
	}
}

// topics are what a server can be asked to tell, as subscriptions/listen has them.
type topics struct {
	Tools     bool     `json:"toolsListChanged"`
	Prompts   bool     `json:"promptsListChanged"`
	Resources bool     `json:"resourcesListChanged"`
	URIs      []string `json:"resourceSubscriptions"`
}

// topics are what a session of an older generation is told of unasked, and
// what is watched in it.
func (c *Conn) topics() topics {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all topics
	if c.session != nil {
		all = lists(c.session)
	}
	for uri := range c.watched {
		all.URIs = append(all.URIs, uri)
	}
	return all
}

// lists are those of which a server says that it tells when they change.
func lists(session *mcp.ClientSession) topics {
	var told topics
	result := session.InitializeResult()
	if result == nil || result.Capabilities == nil {
		return told
	}
	has := result.Capabilities
	told.Tools = has.Tools != nil && has.Tools.ListChanged
	told.Prompts = has.Prompts != nil && has.Prompts.ListChanged
	told.Resources = has.Resources != nil && has.Resources.ListChanged
	return told
}

// kinds are the lists among the topics.
func (t topics) kinds() []NewsKind {
	var kinds []NewsKind
	for _, list := range []struct {
		asked bool
		kind  NewsKind
	}{{t.Tools, NewsTools}, {t.Resources, NewsResources}, {t.Prompts, NewsPrompts}} {
		if list.asked {
			kinds = append(kinds, list.kind)
		}
	}
	return kinds
}

// missed are the notifications that may have been missed, as messages: so the
// SDK, too, learns that what it keeps may be old.
func (t topics) missed() [][]byte {
	type note struct {
		Version string         `json:"jsonrpc"`
		Method  string         `json:"method"`
		Params  map[string]any `json:"params"`
	}
	var messages [][]byte
	add := func(method string, params map[string]any) {
		message, _ := json.Marshal(note{"2.0", method, params}) // strings and booleans: it cannot fail
		messages = append(messages, message)
	}
	for _, kind := range t.kinds() {
		add("notifications/"+string(kind)+"/list_changed", map[string]any{})
	}
	for _, uri := range t.URIs {
		add("notifications/resources/updated", map[string]any{"uri": uri, "_meta": map[string]any{missedKey: true}})
	}
	return messages
}
