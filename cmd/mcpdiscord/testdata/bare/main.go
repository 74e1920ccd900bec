// Command bare sends what "mcpdiscord call get_user_info" sends, with nothing
// but net/http: what the comparison in docs/performance.md is made with. Usage:
// bare URL TOKENFILE.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bare","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`

func main() {
	token, err := os.ReadFile(os.Args[2])
	if err == nil {
		_, err = post(string(token), "server/discover", "", `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{`+meta+`}}`)
	}
	var answer string
	if err == nil {
		answer, err = post(string(token), "tools/call", "get_user_info", `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get_user_info","arguments":{},`+meta+`}}`)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(answer)
}

func post(token, method, name, body string) (string, error) {
	req, err := http.NewRequest(http.MethodPost, os.Args[1], strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	req.Header.Set("Mcp-Method", method)
	if name != "" {
		req.Header.Set("Mcp-Name", name)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return string(text), err
}
