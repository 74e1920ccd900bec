package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/oauth2"
)

// oauthSession is one sign-in of the scripts' own OAuth client: unlike
// mcpdiscord it keeps its code, repeats itself and steals.
type oauthSession struct {
	Server       string `json:"server"`
	ClientID     string `json:"client_id"`
	Verifier     string `json:"verifier"`
	Code         string `json:"code"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

const oauthRedirect = "http://127.0.0.1:9/callback" // nothing listens there

// runOAuth is the program oauth of the scripts:
//
//	oauth signin FILE [SCOPE]    signs in; the session goes into FILE
//	oauth redeem FILE            redeems the code again
//	oauth refresh FROM TO        refreshes FROM into TO
//	oauth call FILE [TOOL]       calls a tool
//	oauth revoke FILE            revokes the refresh token
//	oauth steal                  another browser brings an approval to the callback
//
// It prints the status, then the OAuth error or a fingerprint of the tokens.
func runOAuth() int {
	if err := oauthCommand(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oauth:", err)
		return 1
	}
	return 0
}

func oauthCommand(args []string) error {
	switch args[0] {
	case "signin":
		return oauthSignIn(args[1], strings.Join(args[2:], " "))
	case "steal":
		return oauthSteal()
	}
	s := &oauthSession{}
	text, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, s); err != nil {
		return err
	}
	switch args[0] {
	case "redeem":
		return s.token(url.Values{"grant_type": {"authorization_code"}, "code": {s.Code}, "code_verifier": {s.Verifier}, "redirect_uri": {oauthRedirect}}, os.DevNull)
	case "refresh":
		return s.token(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.RefreshToken}}, args[2])
	case "call":
		return s.call(append(args, "get_user_info")[2])
	case "revoke":
		response, err := http.PostForm(s.endpoint("/revoke"), url.Values{"token": {s.RefreshToken}, "client_id": {s.ClientID}})
		if err != nil {
			return err
		}
		fmt.Println(response.StatusCode)
		return response.Body.Close()
	}
	return errors.New("no such command")
}

func (s *oauthSession) endpoint(path string) string {
	return strings.TrimSuffix(s.Server, "/mcp") + path
}

// authorize registers and returns the URL of an authorization request.
func (s *oauthSession) authorize(scope string) (string, error) {
	s.Server, s.Verifier = os.Getenv("MCPDISCORD_SERVER"), oauth2.GenerateVerifier()
	body, err := json.Marshal(map[string]any{"client_name": "script", "redirect_uris": []string{oauthRedirect}})
	if err != nil {
		return "", err
	}
	response, err := http.Post(s.endpoint("/register"), "application/json", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(s); err != nil {
		return "", err
	}
	query := url.Values{
		"response_type": {"code"}, "client_id": {s.ClientID}, "redirect_uri": {oauthRedirect}, "state": {rand.Text()},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(s.Verifier)}, "code_challenge_method": {"S256"}, "resource": {s.Server},
	}
	if scope != "" {
		query.Set("scope", scope)
	}
	return s.endpoint("/authorize") + "?" + query.Encode(), nil
}

// errStopped ends a walk before an address is visited.
var errStopped = errors.New("stopped")

// walkUntil lets a person approve everything and returns the first address
// with this prefix, unvisited.
func walkUntil(address, prefix string) (stoppedAt *url.URL, err error) {
	visitor := newPerson(false, demoUser, http.DefaultTransport)
	visitor.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), prefix) {
			stoppedAt = r.URL
			return errStopped
		}
		return nil
	}
	if err := visitor.visit(context.Background(), address); !errors.Is(err, errStopped) {
		return nil, fmt.Errorf("the walk ended elsewhere: %w", err)
	}
	return stoppedAt, nil
}

func oauthSignIn(file, scope string) error {
	s := &oauthSession{}
	address, err := s.authorize(scope)
	if err != nil {
		return err
	}
	callback, err := walkUntil(address, oauthRedirect)
	if err != nil {
		return err
	}
	if s.Code = callback.Query().Get("code"); s.Code == "" {
		return fmt.Errorf("the client got the error %q", callback.Query().Get("error"))
	}
	return s.token(url.Values{"grant_type": {"authorization_code"}, "code": {s.Code}, "code_verifier": {s.Verifier}, "redirect_uri": {oauthRedirect}}, file)
}

// oauthSteal lets one browser approve and another one come back from Discord.
func oauthSteal() error {
	s := &oauthSession{}
	address, err := s.authorize("")
	if err != nil {
		return err
	}
	captured, err := walkUntil(address, s.endpoint("/auth/callback"))
	if err != nil {
		return err
	}
	victim := newPerson(false, demoUser, http.DefaultTransport)
	response, err := victim.client.Get(captured.String())
	if err != nil {
		return err
	}
	fmt.Println(response.StatusCode)
	return response.Body.Close()
}

// token asks the token endpoint and keeps the session with its answer in file.
func (s *oauthSession) token(form url.Values, file string) error {
	form.Set("client_id", s.ClientID)
	form.Set("resource", s.Server)
	response, err := http.PostForm(s.endpoint("/token"), form)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		*oauthSession
		Error string `json:"error"`
	}{oauthSession: s}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		fmt.Println(response.StatusCode, answer.Error)
		return nil
	}
	sum := sha256.Sum256([]byte(s.RefreshToken))
	fmt.Println(response.StatusCode, base64.RawURLEncoding.EncodeToString(sum[:6]))
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

// call calls a tool and prints the status and the result's text.
func (s *oauthSession) call(tool string) error {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":{}}}`, tool)
	request, err := http.NewRequest(http.MethodPost, s.Server, strings.NewReader(body))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + s.AccessToken, "Content-Type": "application/json",
		"Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": "2025-11-25",
	} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	fmt.Println(response.StatusCode, response.Header.Get("WWW-Authenticate"), strings.Join(strings.Fields(string(text)), " "))
	return nil
}
