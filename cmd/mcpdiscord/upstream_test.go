package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// runUpstream is the program protected of the scripts: an MCP server that
// somebody wants to protect. It writes its URL to the file that it is given,
// and each call's identity headers to the file calls.
func runUpstream() int {
	type whoami struct {
		ID       string `json:"id"`
		Username string `json:"username"`
		Scopes   string `json:"scopes"`
		Token    string `json:"token"`
		Forged   string `json:"forged"`
	}
	s := mcp.NewServer(&mcp.Implementation{Name: "upstream", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "whoami", Description: "Say what the server was told."},
		func(_ context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, whoami, error) {
			h := r.Extra.Header
			return nil, whoami{h.Get("X-Discord-User-Id"), h.Get("X-Discord-Username"), h.Get("X-Discord-Scopes"), h.Get("Authorization"), h.Get("X_Discord_User_Id")}, nil
		})
	mcp.AddTool(s, &mcp.Tool{Name: "fail", Description: "Fail \x1b[31mlike\u202e this."},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return nil, nil, errors.New("the disk is \x1b]0;owned\x07 full")
		})
	type addArguments struct {
		ID    string `json:"id" jsonschema:"a snowflake"`
		Count int    `json:"count"`
		Loud  bool   `json:"loud,omitempty"`
	}
	mcp.AddTool(s, &mcp.Tool{Name: "add", Description: "Give back what it gets."},
		func(_ context.Context, _ *mcp.CallToolRequest, in addArguments) (*mcp.CallToolResult, addArguments, error) {
			return nil, in, nil
		})
	s.AddTool(&mcp.Tool{Name: "paint", Description: "Ask for a color.", InputSchema: json.RawMessage(`{"type":"object"}`)}, paint)
	s.AddTool(&mcp.Tool{Name: "link", Description: "Ask for a visit.", InputSchema: json.RawMessage(`{"type":"object"}`)}, link)
	addLibrary(s)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := writeAddrFile(os.Args[1], "http://"+listener.Addr().String()+"/mcp"); err != nil {
		return 1
	}
	get := func(*http.Request) *mcp.Server { return s }
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(get, &mcp.StreamableHTTPOptions{Stateless: true}))
	mux.Handle("/old", mcp.NewStreamableHTTPHandler(get, nil)) // with sessions
	fmt.Fprintln(os.Stderr, http.Serve(listener, mux))
	return 1
}

// paint asks for a color and says what it was told.
func paint(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return asking(r, &mcp.ElicitParams{Mode: "form", Message: "Which color\x1b[31m?", RequestedSchema: json.RawMessage(`{"type":"object","required":["color","coats"],"properties":{
		"color":{"type":"string","enum":["red","green"],"description":"of the wall"},
		"coats":{"type":"integer","minimum":1,"default":2},
		"serial":{"type":"integer"},
		"glossy":{"type":"boolean"}}}`)})
}

// link asks to open an address.
func link(_ context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return asking(r, &mcp.ElicitParams{Mode: "url", Message: "Pay there.", URL: "http://127.0.0.1:9/pay?a=1", ElicitationID: "1"})
}

// asking is a tool that asks one thing and gives back the answer.
func asking(r *mcp.CallToolRequest, question *mcp.ElicitParams) (*mcp.CallToolResult, error) {
	answer, there := r.Params.InputResponses["q"]
	if !there {
		return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"q": question}, RequestState: "sealed"}, nil
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}, StructuredContent: json.RawMessage(text)}, nil
}

// startUpstream starts the server without a door of the scripts.
func startUpstream(t *testing.T) (mcpURL string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "addr")
	upstream := exec.CommandContext(t.Context(), "protected", file)
	if err := upstream.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = upstream.Wait() // until the test's context ends it
	}()
	t.Cleanup(func() { <-exited })
	if mcpURL = awaitFile(file, exited); mcpURL == "" {
		t.Fatal("the upstream did not start")
	}
	return mcpURL
}
