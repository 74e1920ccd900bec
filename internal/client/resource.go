package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// ErrNoResource is the cause of the error for a resource that the server does
// not have.
var ErrNoResource = errors.New("no such resource")

// Resource is something that a server gives to read. Its texts are the
// server's: print them with [Printable].
type Resource struct {
	URI         string
	Name        string
	Title       string // for people; may be ""
	Description string
	MIMEType    string
	Size        int64           // in bytes; 0: unknown
	Raw         json.RawMessage // as on the wire
}

// ResourceTemplate stands for the resources whose URIs it describes (RFC 6570).
// Its texts are the server's.
type ResourceTemplate struct {
	URITemplate string
	Name        string
	Title       string // for people; may be ""
	Description string
	MIMEType    string
	Raw         json.RawMessage // as on the wire
}

// ResourceResult is what a server gave to read: usually one piece, of the type
// resource, with Text or Data.
type ResourceResult struct {
	Raw      json.RawMessage // the whole result as received
	Contents []Content
	Exchange Exchange
}

// UnmarshalJSON keeps the resource whole and takes from it what is known.
func (r *Resource) UnmarshalJSON(raw []byte) error {
	var known struct {
		URI         string      `json:"uri"`
		Name        string      `json:"name"`
		Title       string      `json:"title"`
		Description string      `json:"description"`
		MIMEType    string      `json:"mimeType"`
		Size        json.Number `json:"size"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return fmt.Errorf("reading resource: %w", err)
	}
	size, _ := known.Size.Int64()
	*r = Resource{known.URI, known.Name, known.Title, known.Description, known.MIMEType, max(size, 0), append(json.RawMessage(nil), raw...)}
	return nil
}

// UnmarshalJSON keeps the template whole and takes from it what is known.
func (r *ResourceTemplate) UnmarshalJSON(raw []byte) error {
	var known struct {
		URITemplate string `json:"uriTemplate"`
		Name        string `json:"name"`
		Title       string `json:"title"`
		Description string `json:"description"`
		MIMEType    string `json:"mimeType"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return fmt.Errorf("reading resource template: %w", err)
	}
	*r = ResourceTemplate{known.URITemplate, known.Name, known.Title, known.Description, known.MIMEType, append(json.RawMessage(nil), raw...)}
	return nil
}

// Resources lists the server's resources, all pages of them.
func (c *Conn) Resources(ctx context.Context) ([]Resource, error) {
	var all []Resource
	err := c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, watch *trace) (err error) {
		if err := c.wants("resources", offered(session.InitializeResult()).Resources); err != nil {
			return err
		}
		all, err = pages[Resource](watch, "resources", func(cursor string) (any, string, error) {
			page, err := session.ListResources(ctx, &mcp.ListResourcesParams{Cursor: cursor})
			if err != nil {
				return nil, "", err
			}
			return page, page.NextCursor, nil
		})
		return err
	})
	return all, err
}

// ResourceTemplates lists the server's resource templates, all pages of them. A
// server that does not know of templates has none.
func (c *Conn) ResourceTemplates(ctx context.Context) ([]ResourceTemplate, error) {
	var all []ResourceTemplate
	err := c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, watch *trace) (err error) {
		if err := c.wants("resources", offered(session.InitializeResult()).Resources); err != nil {
			return err
		}
		all, err = pages[ResourceTemplate](watch, "resourceTemplates", func(cursor string) (any, string, error) {
			page, err := session.ListResourceTemplates(ctx, &mcp.ListResourceTemplatesParams{Cursor: cursor})
			if err != nil {
				return nil, "", err
			}
			return page, page.NextCursor, nil
		})
		if said := protocolError(err); said != nil && said.Code == jsonrpc.CodeMethodNotFound {
			return nil
		}
		return err
	})
	return all, err
}

// codeNoResource is what servers before 2026-07-28 say of a resource that they
// do not have; later ones call its URI an invalid parameter.
const codeNoResource = -32002

// ReadResource reads a resource. One that the server does not have is an error
// of KindUsage that wraps ErrNoResource.
func (c *Conn) ReadResource(ctx context.Context, uri string) (*ResourceResult, error) {
	if err := sendable(uri); err != nil {
		return nil, err
	}
	var result *ResourceResult
	err := c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, watch *trace) error {
		if err := c.wants("resources", offered(session.InitializeResult()).Resources); err != nil {
			return err
		}
		watch.keep("resources/read")
		seen := watch.answers()
		given, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: uri})
		if said := protocolError(err); said != nil && (said.Code == codeNoResource || said.Code == jsonrpc.CodeInvalidParams) {
			return &Error{Kind: KindUsage, Message: fmt.Sprintf("the server has no resource %q", brief(uri)), Err: fmt.Errorf("%w: %w", ErrNoResource, err)}
		}
		if err != nil {
			return err
		}
		raw, err := watch.received(seen, given)
		if err != nil {
			return err
		}
		var known struct {
			Contents []Content `json:"contents"`
		}
		if err := json.Unmarshal(raw, &known); err != nil {
			return fmt.Errorf("reading resource: %w", err)
		}
		for i := range known.Contents {
			known.Contents[i].Type = "resource"
		}
		result = &ResourceResult{Raw: raw, Contents: known.Contents, Exchange: watch.exchange()}
		return nil
	})
	return result, err
}

// sendable refuses a name that cannot travel in the header that it is mirrored
// in (Mcp-Name).
func sendable(name string) error {
	if !strings.ContainsFunc(name, unicode.IsControl) {
		return nil
	}
	return &Error{Kind: KindUsage, Message: fmt.Sprintf("%q holds control characters", brief(name)), Hint: "check how it is written"}
}

// wants is the error for what the server does not offer.
func (c *Conn) wants(what string, offered bool) error {
	if offered {
		return nil
	}
	return &Error{Kind: KindFailure, Message: c.signer.server + " has no " + what, Hint: "run {program} tools to see what it has"}
}

// pages collects the items of a list, page by page, as they were on the wire.
func pages[T any](watch *trace, member string, list func(cursor string) (page any, next string, err error)) ([]T, error) {
	var all []T
	for cursor := ""; ; {
		seen := watch.answers()
		page, next, err := list(cursor)
		if err != nil {
			return nil, err
		}
		raw, err := watch.received(seen, page)
		if err != nil {
			return nil, err
		}
		var items []T
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, fmt.Errorf("reading %s: %w", member, err)
		}
		if found, there := members[member]; there {
			if err := json.Unmarshal(found, &items); err != nil {
				return nil, fmt.Errorf("reading %s: %w", member, err)
			}
		}
		if all = append(all, items...); len(all) > maxTools {
			return nil, errTooManyRequests
		}
		if cursor = next; cursor == "" {
			return all, nil
		}
	}
}
