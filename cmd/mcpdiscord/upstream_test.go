package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := writeAddrFile(os.Args[1], "http://"+listener.Addr().String()+"/mcp"); err != nil {
		return 1
	}
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{Stateless: true})
	fmt.Fprintln(os.Stderr, http.Serve(listener, handler))
	return 1
}
