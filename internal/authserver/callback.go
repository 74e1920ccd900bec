package authserver

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

const (
	// codeRecordTTL is how long a code's record outlives its issue, so that a
	// replay is told from garbage.
	codeRecordTTL = 10 * time.Minute

	// signInTimeout bounds everything between Discord's code and ours. It goes
	// on when the browser gives up: Discord's tokens exist by then.
	signInTimeout = 70 * time.Second
)

// serveCallback takes the browser back from Discord and sends it on to the
// client with a code. This browser's cookie comes before everything else, so
// that made-up states cost neither a read nor a call. After it every failure
// is told to the client.
func (s *Server) serveCallback(w http.ResponseWriter, r *http.Request) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errInvalidRequest("The address cannot be read.")
	}
	state := query.Get("state")
	if len(query["state"]) != 1 || len(state) != encodedSecret || !s.hasState(r, state) {
		if err := s.countAddress(r.Context(), limitCallback); err != nil {
			return err
		}
		return errForbidden("This sign-in was not started in this browser, or it is over. Go back to your app and sign in again.", nil)
	}
	// Before the request is taken: the browser may come again with it.
	if err := s.countAddress(r.Context(), limitSignIn); err != nil {
		return err
	}
	req, again, err := s.takeRequest(r.Context(), state)
	if errors.Is(err, ErrNotFound) {
		s.dropState(w, r, state)
		return &Error{Status: http.StatusBadRequest, Code: "invalid_request", Description: "This sign-in took too long. Go back to your app and start it again."}
	}
	if err != nil {
		return err
	}
	s.dropState(w, r, state)
	toClient := func(e *Error) error {
		return &clientError{err: e, redirectURI: req.RedirectURI, state: req.State, asked: true}
	}
	if again {
		return toClient(errInvalidRequest("this sign-in was used already"))
	}
	if e := discordRefused(query); e != nil {
		s.notSignedIn(r.Context(), req, e)
		return toClient(e)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), signInTimeout)
	defer cancel()
	code, err := s.signIn(ctx, req, query.Get("code"))
	if err != nil {
		e := signInError(err)
		refused, known := errors.AsType[*refusal](err)
		if known {
			s.event(ctx, Event{Type: EventSignInFailed, UserID: refused.user.ID, ClientID: req.ClientID, Reason: "access: " + refused.reason})
		} else {
			s.notSignedIn(ctx, req, e)
		}
		return &clientError{err: e, redirectURI: req.RedirectURI, state: req.State, asked: true, refused: refused}
	}
	w.Header().Set("Location", s.authorizationResponse(req.RedirectURI, req.State, url.Values{"code": {code}}))
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// notSignedIn writes why nobody got in after the consent. No at Discord is the
// person's answer, anything else a failure.
func (s *Server) notSignedIn(ctx context.Context, req *AuthorizationRequest, e *Error) {
	kind := EventSignInFailed
	if e.Code == "access_denied" && e.Err == nil {
		kind = EventDenied
	}
	s.event(ctx, Event{Type: kind, ClientID: req.ClientID, Reason: e.Description})
}

// takeRequest marks the request as used. Of several callbacks with one state
// only one gets it fresh; again says that this is another.
func (s *Server) takeRequest(ctx context.Context, state string) (req *AuthorizationRequest, again bool, err error) {
	expires := s.now().Add(requestTTL)
	err = update(ctx, s, KindAuthorization, hashID(state), func(old *AuthorizationRequest) (*AuthorizationRequest, time.Time, error) {
		if old == nil || old.Denied {
			return nil, time.Time{}, ErrNotFound
		}
		again = old.Taken
		taken := *old
		taken.Taken = true
		req = old
		return &taken, expires, nil
	})
	return req, again, err
}

// discordRefused reads an error that Discord sends instead of a code.
func discordRefused(query url.Values) *Error {
	switch refused := query.Get("error"); {
	case refused == "access_denied":
		return errForbidden("the user denied the sign-in at Discord", nil)
	case refused == "temporarily_unavailable":
		return &Error{Status: http.StatusServiceUnavailable, Code: refused, Description: "Discord is not available"}
	case refused != "":
		return &Error{Status: http.StatusInternalServerError, Code: "server_error", Description: "Discord refused the sign-in"}
	case len(query["code"]) != 1 || query.Get("code") == "":
		return &Error{Status: http.StatusInternalServerError, Code: "server_error", Description: "Discord sent no code"}
	}
	return nil
}

// signIn redeems Discord's code, looks who it is, keeps Discord's tokens and
// issues our code.
func (s *Server) signIn(ctx context.Context, req *AuthorizationRequest, discordCode string) (string, error) {
	ctx = discord.ForSignIn(ctx)
	tok, err := s.cfg.Discord.Exchange(ctx, discordCode, req.Verifier)
	if err != nil {
		return "", err
	}
	user, granted, err := s.whoSignedIn(ctx, tok, req.Scopes)
	if err != nil {
		return "", err
	}
	if err := s.letInNew(ctx, user, tok, granted); err != nil {
		return "", err
	}
	tok.Scopes = granted
	if err := s.saveSignIn(ctx, user, tok); err != nil {
		return "", err
	}
	now := s.now()
	code := s.keys.newCode()
	if err := create(ctx, s, KindCode, hashID(code), &AuthorizationCode{
		ClientID:      req.ClientID,
		RedirectURI:   req.RedirectURI,
		CodeChallenge: req.CodeChallenge,
		Resource:      req.Resource,
		Scopes:        intersect(req.Scopes, granted),
		User:          user,
		IssuedAt:      now,
		Status:        CodeIssued,
	}, now.Add(codeRecordTTL)); err != nil {
		return "", err
	}
	if err := s.keepClient(ctx, req.ClientID, now.Add(s.cfg.GrantTTL)); err != nil {
		return "", err
	}
	s.event(ctx, Event{Type: EventSignedIn, UserID: user.ID, ClientID: req.ClientID, Scopes: intersect(req.Scopes, granted)})
	return code, nil
}

// whoSignedIn asks Discord whom a new token is of and what it may do: the token
// must be our application's, and have every required scope.
func (s *Server) whoSignedIn(ctx context.Context, tok *discord.Token, asked []string) (User, []string, error) {
	auth, err := s.cfg.Discord.CurrentAuthorization(ctx, tok.AccessToken)
	if err != nil {
		return User{}, nil, err
	}
	if auth.ApplicationID != s.cfg.ApplicationID {
		return User{}, nil, &Error{Status: http.StatusInternalServerError, Code: "server_error", Description: "Discord's answer is for another application"}
	}
	granted := union(auth.Scopes, nil)
	if !covers(granted, s.cfg.Scopes) {
		return User{}, nil, errForbidden("a scope that this server requires was not granted at Discord", nil)
	}
	if auth.User == nil || auth.User.ID == "" {
		return User{}, nil, &Error{Status: http.StatusInternalServerError, Code: "server_error", Description: "Discord did not say who signed in"}
	}
	user := User{
		ID:         auth.User.ID,
		Username:   auth.User.Username,
		GlobalName: auth.User.GlobalName,
		Avatar:     auth.User.Avatar,
		At:         s.now(),
	}
	if slices.Contains(intersect(asked, granted), scopeEmail) {
		full, err := s.cfg.Discord.CurrentUser(ctx, tok.AccessToken)
		if err != nil {
			return User{}, nil, err
		}
		if full.ID != user.ID {
			return User{}, nil, &Error{Status: http.StatusInternalServerError, Code: "server_error", Description: "Discord named two users"}
		}
		user.Email, user.Verified = full.Email, full.Verified
	}
	return user, granted, nil
}

// signInError says how a failed sign-in is told to the client.
func signInError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Status: http.StatusInternalServerError, Code: "server_error", Description: "the sign-in failed on this server", Err: err}
	switch {
	case errors.Is(err, discord.ErrUnavailable):
		e.Status, e.Code, e.Description = http.StatusServiceUnavailable, "temporarily_unavailable", "Discord is not available; try again"
	case errors.Is(err, discord.ErrInvalidClient): // an alarm: nobody can sign in
		e.Status, e.Code, e.Description = http.StatusServiceUnavailable, "temporarily_unavailable", "this server's Discord application is not set up correctly"
	case errors.Is(err, discord.ErrInvalidGrant):
		e.Status, e.Code, e.Description = http.StatusForbidden, "access_denied", "Discord did not accept the sign-in"
	}
	return e
}
