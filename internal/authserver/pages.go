package authserver

import (
	"crypto/sha256"
	_ "embed" // the style sheet
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mcpdiscord/mcpdiscord/internal/markup"
)

//go:embed style.css
var style string

// pages are what people see of this server: no script, no remote asset, and
// one style sheet that the policy names by its hash.
type pages struct {
	policy string
	server string // its name
	host   string
}

func newPages(server, host string) *pages {
	sum := sha256.Sum256([]byte(style))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	return &pages{
		// No form-action: Chromium applies it to the redirect after the form too
		// and would drop it.
		policy: "default-src 'none'; style-src 'sha256-" + hash + "'; frame-ancestors 'none'; base-uri 'none'",
		server: server,
		host:   host,
	}
}

// headers go on every page and on every redirect through the browser.
func (p *pages) headers(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// write sends a page: what is in its frame. Under no-referrer a form's Origin is
// null, and a browser without Sec-Fetch-Site cannot say that it posts from here;
// so pages ask for same-origin.
func (p *pages) write(w http.ResponseWriter, status int, title string, content markup.HTML) {
	name := markup.Format(`%s`, p.server)
	if p.server != p.host {
		name = markup.Format(`%s · %s`, p.server, p.host)
	}
	page := markup.Format(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="referrer" content="same-origin">
<title>%s</title>
%s
</head>
<body>
<main>
%s</main>
<footer>
<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M2.5 3h11v4h-11zm0 6h11v4h-11zM5 5h.01M5 11h.01"/></svg>
<span>%s</span>
</footer>
</body>
</html>
`, title, markup.Style(style), content, name)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page.String())
}

// stopped is the beginning of a page that says why something did not happen.
func stopped(heading, text string) markup.HTML {
	return markup.Format(`<div class="pair" aria-hidden="true"><span class="mark stop"><svg viewBox="0 0 24 24"><path d="M12 6v7.5m0 4.5v.01"/></svg></span></div>
<h1>%s</h1>
<p class="lead">%s</p>
`, heading, text)
}

// traces is the end of such a page: the code of the error, and the id of the
// HTTP request that whoever serves the routes answers with, so that a person can
// quote it and an operator find the lines of the log.
func traces(w http.ResponseWriter, e *Error) markup.HTML {
	code := markup.Format(`<br><code>%s</code>`, e.Code)
	if id := w.Header().Get("X-Request-Id"); id != "" {
		return markup.Format(`%s<br>Request <code>%s</code>`, code, id)
	}
	return code
}

// failure says what went wrong where no client can be told.
func (p *pages) failure(w http.ResponseWriter, e *Error) {
	heading, advice := "This sign-in cannot go on", ""
	switch {
	case e.Status == http.StatusTooManyRequests:
		heading, advice = "One moment, please", "Nothing was sent to the app."
	case e.Status >= http.StatusInternalServerError:
		heading, advice = "This server has a problem", "Go back to your app and try again in a minute."
	case e.Status == http.StatusForbidden:
		heading, advice = "This sign-in was stopped", "If somebody sent you a link to this page, close it: they may have tried to sign in as you."
	}
	var note markup.HTML
	if advice != "" {
		note = markup.Format("<p class=\"note\">%s</p>\n", advice)
	}
	p.write(w, e.Status, heading, markup.Format(`%s%s<p class="small">You can close this page.%s</p>
`, stopped(heading, sentence(e.Description)), note, traces(w, e)))
}

// onward offers to take an error to a client whose redirect URI nobody vouches
// for.
func (p *pages) onward(w http.ResponseWriter, e *Error, target string) {
	const heading = "The app's request was refused"
	host := redirectHost(target)
	p.write(w, http.StatusBadRequest, heading, markup.Format(`%s
<section>
<h2>The app is waiting at</h2>
<div class="host"><p class="name">%s</p></div>
<p class="note">You were not signed in. Go there only if you came from there.</p>
</section>

<p class="actions"><a class="button" href="%s" rel="noreferrer">Go back to %s</a></p>
<p class="small">Or close this page.%s</p>
`, stopped(heading, sentence(e.Description)), host, markup.Link(target), host, traces(w, e)))
}

// refused says whom this server does not let in, and takes the news to the
// client, whose redirect URI was checked when it registered.
func (p *pages) refused(w http.ResponseWriter, e *Error, target string, r *refusal) {
	const heading = "This account may not use this server"
	p.write(w, http.StatusForbidden, heading, markup.Format(`%s
<section>
<h2>You signed in to Discord as</h2>
<div class="host"><p class="name">%s</p><p class="uri">%s</p></div>
<p class="note">If you have another Discord account, change to it at discord.com and sign in again.</p>
</section>

<p class="actions"><a class="button" href="%s" rel="noreferrer">Go back to %s</a></p>
<p class="small">You were not signed in, and the app was not told who you are.%s</p>
`, stopped(heading, refusedText(r.reason)), r.user.described(), r.user.ID, markup.Link(target), redirectHost(target), traces(w, e)))
}

// refusedText says why, and what might help. Which servers and roles are asked
// for is the operator's to tell.
func refusedText(reason string) string {
	switch reason {
	case reasonNotListed:
		return "Only accounts that its operator has listed may use it."
	case reasonScreening:
		return "You have joined a Discord server that it asks for, but not passed its membership screening yet. Do that first, then sign in again."
	case reasonNoRole:
		return "You are missing a role in a Discord server that it asks for. Ask the operator for it, then sign in again."
	}
	return "You are not a member of a Discord server that it asks for. Ask the operator for an invitation, then sign in again."
}

// sentence makes a description one.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return ""
	}
	s = string(unicode.ToUpper(first)) + s[size:]
	if strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
