package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// maxSecret bounds a client's secret, in bytes.
const maxSecret = 4 << 10

// checkClient checks the clients that were configured.
func (cfg Config) checkClient() error {
	switch {
	case cfg.ClientCredentials && (cfg.ClientID == "" || cfg.ClientSecret == ""):
		return &Error{Kind: KindUsage, Message: "the grant client_credentials is for a client with a secret", Hint: "give --oauth-client-id and MCPDISCORD_OAUTH_CLIENT_SECRET"}
	case cfg.ClientID == "" && cfg.ClientSecret != "":
		return &Error{Kind: KindUsage, Message: "a client secret is given without its client ID", Hint: "give --oauth-client-id, or unset MCPDISCORD_OAUTH_CLIENT_SECRET"}
	case cfg.ClientID != "" && (!validToken(cfg.ClientID) || len(cfg.ClientID) > maxURL):
		return &Error{Kind: KindUsage, Message: "the given client ID is too long, or contains characters that none has"}
	case cfg.ClientSecret != "" && (!validToken(cfg.ClientSecret) || len(cfg.ClientSecret) > maxSecret):
		return &Error{Kind: KindUsage, Message: "the given client secret is too long, or contains characters that none has"}
	}
	if cfg.ClientMetadataURL == "" {
		return nil
	}
	if err := checkMetadataURL(cfg.ClientMetadataURL); err != nil {
		return &Error{
			Kind: KindUsage, Message: fmt.Sprintf("%q is not the address of a client metadata document: %v", brief(cfg.ClientMetadataURL), err),
			Hint: "it looks like https://example.com/client.json",
		}
	}
	return nil
}

// checkMetadataURL holds a client identifier URL to section 3 of the draft
// (draft-ietf-oauth-client-id-metadata-document-00).
func checkMetadataURL(raw string) error {
	u, err := strictURL(raw)
	switch {
	case err != nil:
		return err
	case u.Scheme != "https":
		return fmt.Errorf("it is not https")
	case u.Path == "" || u.Path == "/":
		return fmt.Errorf("it has no path")
	}
	for segment := range strings.SplitSeq(u.Path, "/") { // decoded: %2e is a dot
		if segment == "." || segment == ".." {
			return fmt.Errorf("its path contains %q", segment)
		}
	}
	return nil
}

// ours reports whether a saved sign-in may be used: one of another client than
// the one that was registered beforehand may not, nor a user's where the client
// itself is to be signed in.
func (s *signer) ours(session *tokencache.Session) bool {
	if s.cfg.ClientCredentials && session != nil && session.Grant != clientCredentials {
		return false
	}
	return s.cfg.ClientID == "" || session == nil || session.ClientID == "" || session.ClientID == s.cfg.ClientID
}

// otherClient is the error for a saved sign-in that is not ours.
func (s *signer) otherClient() *Error {
	hint := "run {program} connect " + s.server
	if typable(s.cfg.ClientID) {
		hint += " --oauth-client-id " + s.cfg.ClientID
	}
	message := "the saved sign-in to " + s.server + " is of another client ID"
	if s.cfg.ClientCredentials {
		message, hint = "the saved sign-in to "+s.server+" is not of this client itself", hint+" --grant client_credentials"
	}
	return &Error{Kind: KindAuth, Message: message, Hint: hint}
}

// refusedClient is the error for a configured client that the authorization
// server does not accept.
func (s *signer) refusedClient(refused *grantError) *Error {
	hint := "check --client-metadata-url, and that its document can be fetched from the Internet"
	switch {
	case s.cfg.ClientSecret != "":
		hint = "check --oauth-client-id and MCPDISCORD_OAUTH_CLIENT_SECRET"
	case s.cfg.ClientID != "":
		hint = "check --oauth-client-id; if that client has a secret, set MCPDISCORD_OAUTH_CLIENT_SECRET"
	}
	return &Error{Kind: KindAuth, Message: fmt.Sprintf("the sign-in of %s does not accept the given client: %s", s.server, refused.words()), Hint: hint, Err: refused}
}

// sameIssuer refuses to take a client that was registered beforehand to
// another authorization server than the one that it was used with: it would
// show its secret to a stranger.
func (s *signer) sameIssuer(ctx context.Context, known tokencache.Key, issuer string) error {
	if s.cfg.ClientID == "" || known.Issuer == "" || known.Issuer == issuer {
		return nil
	}
	old, err := s.read(ctx, known)
	if err != nil || old == nil || old.ClientID != s.cfg.ClientID {
		return err
	}
	return &Error{
		Kind: KindAuth, Message: fmt.Sprintf("%s now signs in at %s, but this client ID was used with %s", s.server, brief(issuer), brief(known.Issuer)),
		Hint: "if the operator confirms the change, run {program} logout " + s.server + " and connect anew",
	}
}

// register gives the client to sign in as, in the order of the MCP
// specification: the one registered beforehand, the one that a metadata
// document describes, a new registration for this redirect URI (RFC 7591).
func (s *signer) register(ctx context.Context, a *authority, redirect string) (*tokencache.Session, error) {
	session, err := s.beforehand(a, redirect)
	if err != nil || session.ClientID != "" {
		return session, err
	}
	session, err = s.registerAnew(ctx, a, session)
	return session, s.wrongGuess(a, err)
}

// beforehand is a sign-in as the client that needs no registration. Without a
// client ID it needs one, and can have it.
func (s *signer) beforehand(a *authority, redirect string) (*tokencache.Session, error) {
	session := a.session(redirect)
	switch {
	case s.cfg.ClientID != "":
		session.ClientID, session.ClientSecret = s.cfg.ClientID, s.cfg.ClientSecret
		method, err := s.authMethod(a)
		if err != nil {
			return nil, err
		}
		if session.AuthMethod = method; method == authNone {
			session.ClientSecret = "" // of no use, so not kept
		}
		return session, nil
	case s.cfg.ClientMetadataURL != "" && a.metadataDocuments:
		session.ClientID = s.cfg.ClientMetadataURL
		return session, nil
	case a.registrationEndpoint == "":
		hint := "register one with its operator, and give its ID with --oauth-client-id"
		if a.metadataDocuments {
			hint += "; or publish a metadata document, and give its address with --client-metadata-url"
		}
		return nil, &Error{Kind: KindAuth, Message: s.server + " wants a client that was registered beforehand", Hint: hint}
	}
	return session, nil
}

// session is a sign-in at the authority that has just begun.
func (a *authority) session(redirect string) *tokencache.Session {
	return &tokencache.Session{
		Resource: a.resource, Issuer: a.issuer, RedirectURI: redirect, AuthMethod: authNone,
		AuthorizationEndpoint: a.authorizationEndpoint, TokenEndpoint: a.tokenEndpoint,
		RevocationEndpoint: a.revocationEndpoint, RegistrationEndpoint: a.registrationEndpoint,
	}
}

// authMethod is how the client that was registered beforehand authenticates.
func (s *signer) authMethod(a *authority) (string, error) {
	if s.cfg.ClientSecret == "" {
		return authNone, nil
	}
	methods := a.authMethods
	if len(methods) == 0 {
		methods = []string{authBasic} // the default of RFC 8414, section 2
	}
	for _, method := range []string{authBasic, authPost, authNone} {
		if slices.Contains(methods, method) && (method != authNone || !s.cfg.ClientCredentials) {
			return method, nil
		}
	}
	return "", s.misfit("takes no client secrets, only %s", brief(strings.Join(methods, ", ")))
}

// registerAnew makes a new registration.
func (s *signer) registerAnew(ctx context.Context, a *authority, session *tokencache.Session) (*tokencache.Session, error) {
	request, err := json.Marshal(map[string]any{
		"client_name":                "mcpdiscord",
		"application_type":           "native",
		"redirect_uris":              []string{session.RedirectURI},
		"grant_types":                []string{"authorization_code", "refresh_token"},
		"response_types":             []string{"code"},
		"token_endpoint_auth_method": authNone,
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		AuthMethod   string `json:"token_endpoint_auth_method"`
	}
	if err := s.registration(ctx, a.registrationEndpoint, string(request), &answer); err != nil {
		return nil, err
	}
	if !validToken(answer.ClientID) || len(answer.ClientID) > maxURL || answer.ClientSecret != "" && !validToken(answer.ClientSecret) {
		return nil, s.misfit("gave a registration that cannot be used")
	}
	session.ClientID = answer.ClientID
	if answer.ClientSecret != "" {
		session.ClientSecret = answer.ClientSecret
		session.AuthMethod = first(answer.AuthMethod, authBasic) // the default of RFC 7591, section 2
	}
	switch session.AuthMethod {
	case authNone, authBasic, authPost:
	default:
		return nil, s.misfit("registered this client with an authentication that it does not have, %q", brief(answer.AuthMethod))
	}
	s.log.Info("registered as a client", "issuer", a.issuer, "client_id", session.ClientID)
	s.tell(Event{Kind: EventRegistered})
	return session, nil
}

// registration posts the JSON of RFC 7591 and reads its answer.
func (s *signer) registration(ctx context.Context, endpoint, request string, answer any) error {
	at, err := s.reach.check(endpoint)
	if err != nil {
		return s.misfit("leads to an address that cannot be used: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(request))
	if err != nil {
		return s.misfit("leads to an address that cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := s.send(s.oauth, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := readBounded(resp.Body)
	switch {
	case err != nil:
		return s.unreadable(at, err)
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return s.unavailable(fmt.Sprintf("%s answered %d", at.Host, resp.StatusCode), nil)
	case resp.StatusCode == http.StatusCreated || resp.StatusCode == http.StatusOK:
		if err := json.Unmarshal(body, answer); err != nil {
			return s.misfit("answered the registration with something that is not JSON")
		}
		return nil
	}
	var refusal grantError
	var doc struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &doc) == nil && doc.Error != "" {
		refusal.code, refusal.description = doc.Error, doc.Description
	} else {
		refusal.code = strconv.Itoa(resp.StatusCode)
	}
	return &Error{
		Kind: KindAuth, Message: fmt.Sprintf("%s does not accept this program as a client: %s", at.Host, refusal.words()),
		Hint: "ask its operator to allow it", Err: &refusal,
	}
}
