package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// knock opens a session as a stranger does.
func (d *diagnosis) knock(ctx context.Context) {
	watch, err := d.stranger.once(ctx, d.stranger.signer.cfg.Timeout, nil)
	if err != nil && !errors.As(err, &d.challenge) {
		err = d.stranger.explain(ctx, err, watch)
		watch.mu.Lock()
		status := watch.status
		watch.mu.Unlock()
		var own *Error
		if errors.As(err, &own) && status >= 400 && !strings.Contains(own.Message, "HTTP status") {
			own.Message += fmt.Sprintf(" (HTTP status %d)", status)
		}
	}
	d.knocked = err
}

// lookAtEndpoint says how the MCP server took a stranger.
func (d *diagnosis) lookAtEndpoint(context.Context) Step {
	header, _, location := d.heard.answer()
	switch ch := d.challenge; {
	case d.knocked == nil:
		return ok("it lets everybody in, without a sign-in (MCP %s)", PrintableLine(d.stranger.Identity().ProtocolVersion))
	case ch == nil && errors.Is(d.knocked, errRedirect) && location != nil:
		step := failedStep(d.knocked)
		location.RawQuery, location.Fragment = "", ""
		to := location.Redacted()
		step.Message = fmt.Sprintf("it redirects to %s", brief(to))
		if _, err := parseServer(to); err == nil && typable(to) {
			step.Fix = "use that address, if you trust it: {program} doctor " + to
		}
		return step
	case ch == nil:
		return failedStep(d.knocked)
	case ch.status == http.StatusForbidden:
		return failed("ask its operator: it may be for certain networks alone, or want a --header", "it refuses strangers (403) instead of asking for a sign-in (401)")
	case len(header.Values("WWW-Authenticate")) == 0:
		return warning("tell the operator of the server", "it asks for a sign-in (401), but without WWW-Authenticate: the usual places are tried")
	case ch.metadata == "":
		return ok("it asks for a sign-in (401), and does not say where it is described: the usual places are tried")
	}
	return ok("it asks for a sign-in (401), and says where it is described")
}

// findResource looks for the protected resource metadata.
func (d *diagnosis) findResource(ctx context.Context) Step {
	key, err := d.mine.signer.key()
	if err == nil {
		d.knownIssuer = key.Issuer
	}
	ctx, cancel := d.patient(ctx)
	defer cancel()
	if d.resource, err = d.resourceMetadata(ctx, d.challenge); err != nil {
		return failedStep(err)
	}
	if d.resource == nil {
		return warning("its operator should publish /.well-known/oauth-protected-resource (RFC 9728)", "there is none: the sign-in is looked for at %s itself, as in MCP 2025-03-26", d.url.Host)
	}
	if d.issuer, err = d.issuerOf(d.resource, d.knownIssuer); err != nil {
		return failedStep(err)
	}
	return ok("%s: for %s, sign-in at %s", brief(d.resource.place), brief(d.resource.Resource), brief(d.issuer))
}

// findAuthorizationServer looks for the authorization server's metadata.
func (d *diagnosis) findAuthorizationServer(ctx context.Context) Step {
	ctx, cancel := d.patient(ctx)
	defer cancel()
	if d.resource == nil {
		return d.lookAtOrigin(ctx)
	}
	meta, err := d.serverMetadata(ctx, d.issuer)
	if err != nil {
		return failedStep(err)
	}
	if d.authority, err = d.endpoints(d.resource, meta); err != nil {
		return failedStep(err)
	}
	d.meta = meta
	seen := brief(meta.place)
	if d.authority.offlineAccess {
		seen += ", with offline_access"
	}
	if meta.RevocationEndpoint == "" {
		seen += "; it cannot be told of a logout (no revocation_endpoint)"
	}
	return ok("%s", seen)
}

// lookAtOrigin is findAuthorizationServer where there is no resource metadata.
func (d *diagnosis) lookAtOrigin(ctx context.Context) Step {
	a, err := d.undescribed(ctx, d.knownIssuer)
	if err != nil {
		return failedStep(err)
	}
	d.authority = a
	if !a.guessed {
		return ok("%s/.well-known/oauth-authorization-server", a.issuer)
	}
	there, err := d.exists(ctx, a.authorizationEndpoint)
	switch {
	case err != nil:
		return failedStep(err)
	case !there:
		return failedStep(d.nowhere())
	}
	return warning("its operator should publish /.well-known/oauth-authorization-server (RFC 8414)", "there is no metadata: %s is guessed", brief(a.authorizationEndpoint))
}

// exists reports whether there is anything at an endpoint.
func (d *diagnosis) exists(ctx context.Context, endpoint string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return false, d.misfit("has an authorization_endpoint that cannot be used")
	}
	client := *d.oauth
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := d.send(&client, req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxDocument)
	return resp.StatusCode != http.StatusNotFound, nil
}

// compareIssuers holds the metadata to the issuer that it was found under.
func (d *diagnosis) compareIssuers(context.Context) Step {
	switch {
	case d.authority.guessed:
		return skipped("there is no metadata that names one")
	case d.meta == nil:
		return ok("%s", d.authority.issuer)
	}
	if err := d.checkIssuer(d.meta, d.issuer); err != nil {
		step := failedStep(err)
		step.Fix = "tell the operator of the server: the two must be equal to the byte"
		return step
	}
	if d.meta.IssParameter {
		return ok("%s, and it says so when it sends the browser back (RFC 9207)", brief(d.issuer))
	}
	return ok("%s", brief(d.issuer))
}

func (d *diagnosis) lookAtPKCE(context.Context) Step {
	switch {
	case d.authority.guessed:
		return skipped("there is no metadata that says so; it is used all the same")
	case d.meta == nil:
		return ok("S256") // undescribed made sure
	}
	if err := d.checkPKCE(d.meta); err != nil {
		return failedStep(err)
	}
	if !slices.Contains(d.meta.ChallengeMethods, "S256") {
		return skipped("not needed: the client signs in as itself")
	}
	return ok("S256")
}

// lookAtRegistration says as which client a sign-in would be. Nothing is
// registered to find out: that would stay.
func (d *diagnosis) lookAtRegistration(context.Context) Step {
	session, err := d.beforehand(d.authority, "")
	switch {
	case err != nil:
		return failedStep(err)
	case session.ClientID == "":
		return ok("not tried: connect would register at %s", brief(d.authority.registrationEndpoint))
	case session.ClientID == d.cfg.ClientID:
		return ok("not needed: the client ID is given")
	}
	return ok("not needed: %s describes the client", brief(session.ClientID))
}

// bindCallback listens where the browser would be sent back to.
func (d *diagnosis) bindCallback(ctx context.Context) Step {
	receiver, err := d.listen(ctx, nil)
	if err != nil {
		step := failedStep(err)
		if d.cfg.CallbackPort == 0 {
			step.Fix = "let this program listen on 127.0.0.1: a firewall or a sandbox forbids it"
		}
		return step
	}
	receiver.close()
	if d.cfg.CallbackPort == 0 {
		return ok("the browser can come back to 127.0.0.1")
	}
	return ok("the browser can come back to 127.0.0.1:%d", d.cfg.CallbackPort)
}

// lookAtSignIn looks at what is saved.
func (d *diagnosis) lookAtSignIn(ctx context.Context) Step {
	s := d.mine.signer
	if s.cfg.given() {
		d.signedIn = true
		return s.lookAtGiven()
	}
	ctx, cancel := d.patient(ctx)
	defer cancel()
	if err := s.load(ctx); err != nil {
		return failedStep(err)
	}
	session := s.current()
	switch {
	case session == nil && s.foreign:
		return failedStep(s.otherClient())
	case session == nil && d.open():
		return skipped("not needed: the server wants no sign-in")
	case session == nil:
		step := skipped("nobody is signed in here")
		if !slices.Contains(slices.Collect(maps.Values(d.lost)), true) { // else connect fails
			step.Fix = "run {program} connect " + s.server
		}
		return step
	case session.AccessToken == "" && !renewable(session), !s.alive(session) && !renewable(session):
		return failedStep(s.signedOut(session))
	}
	d.signedIn = true
	if d.authority != nil && session.Issuer != tokencache.Given && session.Issuer != d.authority.issuer {
		return warning("run {program} logout "+s.server+" and connect anew", "it is of another authorization server, %s", brief(session.Issuer))
	}
	return ok("%s", s.lifeOf(session))
}

// lookAtGiven looks at what the caller brings instead of a sign-in.
func (s *signer) lookAtGiven() Step {
	if s.cfg.AccessToken == "" {
		return ok("the given Authorization header is used instead of one")
	}
	if expiry := jwtExpiry(s.cfg.AccessToken); !expiry.IsZero() && expiry.Before(s.cfg.Now()) {
		return failed("get a new one, or unset MCPDISCORD_TOKEN", "the given access token ended on %s", expiry.UTC().Format(time.DateTime))
	}
	return ok("the given access token is used instead of one")
}

// lifeOf says who is signed in, and for how long.
func (s *signer) lifeOf(session *tokencache.Session) string {
	who := "there is one"
	if name := first(session.User.GlobalName, session.User.Username); name != "" {
		who += ", of " + brief(name)
	}
	left := session.Expiry.Sub(s.cfg.Now()).Round(time.Second)
	switch {
	case session.Expiry.IsZero():
		return who
	case renewable(session) && left <= 0:
		return who + ", whose token has ended and is renewed now"
	case renewable(session):
		return fmt.Sprintf("%s, whose token is renewed in %s", who, left)
	}
	return fmt.Sprintf("%s, which ends in %s and cannot be renewed", who, left)
}

// listTools asks for the tools with what there is.
func (d *diagnosis) listTools(ctx context.Context) Step {
	conn := d.mine
	switch {
	case !d.signedIn && !d.open():
		return skipped("it needs a sign-in")
	case !d.signedIn:
		conn = d.stranger
	}
	conn.signer.cfg.ClientCredentials = false // to renew is all that is allowed here
	if err := conn.run(ctx, nil); err != nil {
		return failedStep(err)
	}
	began := time.Now()
	tools, err := conn.Tools(ctx)
	if err != nil {
		return failedStep(err)
	}
	took, what := time.Since(began).Round(time.Millisecond), "tools"
	if len(tools) == 1 {
		what = "tool"
	}
	return ok("%d %s in %s (MCP %s)", len(tools), what, max(took, time.Millisecond), PrintableLine(conn.Identity().ProtocolVersion))
}
