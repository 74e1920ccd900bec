package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// library has resources, templates and prompts, two on each page.
func library() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "library", Version: "1"}, &mcp.ServerOptions{PageSize: 2})
	read := func(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		contents := &mcp.ResourceContents{URI: req.Params.URI, MIMEType: "text/plain", Text: "text of " + req.Params.URI}
		if strings.HasSuffix(req.Params.URI, "png") {
			contents = &mcp.ResourceContents{URI: req.Params.URI, MIMEType: "image/png", Blob: []byte("\x89PNG\x00")}
		}
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{contents}}, nil
	}
	for i := range 5 {
		server.AddResource(&mcp.Resource{URI: fmt.Sprintf("test://%d", i), Name: fmt.Sprint("number ", i), Size: int64(i), MIMEType: "text/plain"}, read)
		server.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: fmt.Sprintf("test://%d/{id}", i), Name: fmt.Sprint("template ", i), Title: "T"}, read)
		server.AddPrompt(&mcp.Prompt{
			Name: fmt.Sprint("prompt", i), Description: "says it", Meta: mcp.Meta{"n": json.RawMessage("80351110224678912345")},
			Arguments: []*mcp.PromptArgument{{Name: "who", Description: "whom to greet", Required: true}, {Name: "how"}},
		}, func(_ context.Context, req *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			return &mcp.GetPromptResult{Description: "a greeting", Messages: []*mcp.PromptMessage{
				{Role: "user", Content: &mcp.TextContent{Text: "Hello " + req.Params.Arguments["who"]}},
				{Role: "assistant", Content: &mcp.ImageContent{MIMEType: "image/png", Data: []byte("image")}},
			}}, nil
		})
	}
	return server
}

// libraryFake serves the library in the way of a generation of the protocol.
func libraryFake(t *testing.T, stateless bool) *fake {
	t.Helper()
	f, server := newFake(t), library()
	f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
	return f
}

func TestResources(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		conn := newRig(t, libraryFake(t, stateless)).connect(t)
		want(t, "version", conn.Identity().ProtocolVersion, version)
		want(t, "capabilities", conn.Capabilities(), client.Capabilities{Resources: true, Prompts: true, Logging: true})
		resources, err := conn.Resources(t.Context())
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, "resources", len(resources), 5)
		raw := resources[4].Raw
		if !strings.Contains(string(raw), `"uri":"test://4"`) {
			t.Errorf("%s: raw: %s", version, raw)
		}
		if diff := cmp.Diff(client.Resource{URI: "test://4", Name: "number 4", MIMEType: "text/plain", Size: 4, Raw: raw}, resources[4]); diff != "" {
			t.Error(diff)
		}
		templates, err := conn.ResourceTemplates(t.Context())
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, "templates", len(templates), 5)
		want(t, "template", templates[3].URITemplate+" "+templates[3].Name+" "+templates[3].Title, "test://3/{id} template 3 T")
	}
}

func TestReadResource(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		conn := newRig(t, libraryFake(t, stateless)).connect(t)
		for uri, text := range map[string]string{"test://1": "text of test://1", "test://1/x": "text of test://1/x"} {
			result, err := conn.ReadResource(t.Context(), uri)
			if err != nil {
				t.Fatal(explain(err))
			}
			piece := result.Contents[0]
			want(t, version, piece.Type+" "+piece.URI+" "+piece.MIMEType+" "+piece.Text, "resource "+uri+" text/plain "+text)
		}
		result, err := conn.ReadResource(t.Context(), "test://1/png")
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, "blob", result.Contents[0].Data, "iVBORwA=")
		want(t, "size", result.Contents[0].Size, 5)
		_, err = conn.ReadResource(t.Context(), "test://nowhere")
		if own := wantKind(t, err, client.KindUsage); !errors.Is(err, client.ErrNoResource) || !strings.Contains(own.Message, "test://nowhere") {
			t.Errorf("%s: %s", version, explain(err))
		}
		_, err = conn.ReadResource(t.Context(), "test://1\x1b[31m") // it would not fit into a header
		wantKind(t, err, client.KindUsage)
	}
}

func TestPrompts(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		conn := newRig(t, libraryFake(t, stateless)).connect(t)
		prompts, err := conn.Prompts(t.Context())
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, version, len(prompts), 5)
		raw := prompts[4].Raw
		if !strings.Contains(string(raw), `80351110224678912345`) {
			t.Errorf("%s: raw: %s", version, raw)
		}
		arguments := []client.PromptArgument{{Name: "who", Description: "whom to greet", Required: true}, {Name: "how"}}
		if diff := cmp.Diff(client.Prompt{Name: "prompt4", Description: "says it", Arguments: arguments, Raw: raw}, prompts[4]); diff != "" {
			t.Error(diff)
		}
		result, err := conn.Prompt(t.Context(), "prompt4", map[string]string{"who": "Nelly"})
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, "description", result.Description, "a greeting")
		want(t, "first", result.Messages[0].Role+" "+result.Messages[0].Content.Text, "user Hello Nelly")
		want(t, "second", result.Messages[1].Role+" "+result.Messages[1].Content.Type+" "+result.Messages[1].Content.Data, "assistant image aW1hZ2U=")
		_, err = conn.Prompt(t.Context(), "nothing", nil)
		wantKind(t, err, client.KindFailure)
	}
}

// TestNotOffered asks a server for what it does not have.
func TestNotOffered(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		f, server := newFake(t), testServer()
		f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
		conn := newRig(t, f).connect(t)
		want(t, "capabilities", conn.Capabilities(), client.Capabilities{Tools: true, Logging: true})
		before := f.count("/mcp")
		for what, ask := range map[string]func() error{
			"resources": func() error { _, err := conn.Resources(t.Context()); return err },
			"templates": func() error { _, err := conn.ResourceTemplates(t.Context()); return err },
			"reading":   func() error { _, err := conn.ReadResource(t.Context(), "test://1"); return err },
			"prompts":   func() error { _, err := conn.Prompts(t.Context()); return err },
			"a prompt":  func() error { _, err := conn.Prompt(t.Context(), "p", nil); return err },
		} {
			if own := wantKind(t, ask(), client.KindFailure); !strings.Contains(own.Message, " has no ") {
				t.Errorf("%s %s: %s", version, what, own.Message)
			}
		}
		want(t, "requests", f.count("/mcp"), before)
	}
}

// listing answers like a server of 2026-07-28 that is made of these results.
func listing(t *testing.T, f *fake, results map[string]func(cursor string) string) {
	t.Helper()
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, req *http.Request) {
			var message struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
				Params struct {
					Cursor string `json:"cursor"`
				} `json:"params"`
			}
			if err := json.NewDecoder(req.Body).Decode(&message); err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			answer := `"error":{"code":-32601,"message":"unknown method"}`
			if result := results[message.Method]; result != nil {
				answer = `"result":` + result(message.Params.Cursor)
			}
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, message.ID, answer)
		}
	})
}

// TestOddLists are lists that do not end, that are kept by the SDK, and a
// server that knows nothing of templates.
func TestOddLists(t *testing.T) {
	t.Parallel()
	asked, kept := 0, "" // the cursor of the page that the SDK keeps
	f := newFake(t)
	listing(t, f, map[string]func(string) string{
		"server/discover": func(string) string {
			return `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"resources":{},"prompts":{}}}`
		},
		"resources/list": func(cursor string) string {
			asked++
			next, life := `,"nextCursor":"2"`, 0
			if cursor != "" {
				next = ""
			}
			if cursor == kept {
				life = 60_000
			}
			return fmt.Sprintf(`{"resultType":"complete","ttlMs":%d,"cacheScope":"private","resources":[{"uri":"test://%s","name":"n","x":1.10}]%s}`, life, cursor, next)
		},
		"prompts/list": func(string) string { return `{"resultType":"complete","prompts":[],"nextCursor":"again"}` },
		"prompts/get":  func(string) string { return `{"resultType":"input_required","requestState":"s"}` },
	})
	r := newRig(t, f)
	r.AccessToken = "given"
	for _, kept = range []string{"", "2"} {
		again := r.connect(t)
		asked = 0
		for round := range 2 {
			resources, err := again.Resources(t.Context())
			if err != nil {
				t.Fatal(explain(err))
			}
			want(t, "resources", len(resources), 2)
			want(t, "URIs", resources[0].URI+" "+resources[1].URI, "test:// test://2")
			if round == 0 {
				want(t, "raw", string(resources[1].Raw), `{"uri":"test://2","name":"n","x":1.10}`)
			}
		}
		want(t, "pages asked for", asked, 2+1)
	}
	conn := r.connect(t)
	templates, err := conn.ResourceTemplates(t.Context())
	if err != nil || len(templates) != 0 {
		t.Errorf("templates: %v %s", templates, explain(err))
	}
	_, err = conn.Prompts(t.Context())
	if own := wantKind(t, err, client.KindFailure); !strings.Contains(own.Message, "does not end") {
		t.Error(own.Message)
	}
	_, err = conn.Prompt(t.Context(), "p", nil)
	if own := wantKind(t, err, client.KindFailure); !strings.Contains(own.Message, "more input") {
		t.Error(explain(err))
	}
}
