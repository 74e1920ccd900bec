package authserver

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed style.css
var style string

// pages are what people see of this server: no script, no remote asset, and
// one style sheet that the policy names by its hash.
type pages struct {
	templates *template.Template
	policy    string
	server    string // its name
	host      string
}

func newPages(server, host string) (*pages, error) {
	templates, err := template.ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the pages: %w", err)
	}
	sum := sha256.Sum256([]byte(style))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	return &pages{
		templates: templates,
		// No form-action: Chromium applies it to the redirect after the form too
		// and would drop it.
		policy: "default-src 'none'; style-src 'sha256-" + hash + "'; frame-ancestors 'none'; base-uri 'none'",
		server: server,
		host:   host,
	}, nil
}

// headers go on every page and on every redirect through the browser.
func (p *pages) headers(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}

// frame is what every page has.
type frame struct {
	Title  string
	Server string
	Site   string // its host
	Style  template.CSS
}

func (p *pages) frame(title string) frame {
	return frame{Title: title, Server: p.server, Site: p.host, Style: template.CSS(style)} // #nosec G203 -- embedded
}

// write renders before it writes, so that half a page is never sent.
func (p *pages) write(w http.ResponseWriter, status int, name string, data any) error {
	var page bytes.Buffer
	if err := p.templates.ExecuteTemplate(&page, name, data); err != nil {
		return fmt.Errorf("rendering %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
	return nil
}

// consentPage asks for the user's consent.
type consentPage struct {
	frame
	Client      string // "" where it has no name
	Publisher   string // the host of the document that describes it; "" where there is none
	Initial     string
	Scopes      []scopeText
	Checks      *scopeText // what this server itself looks at, for no app
	RedirectURI string
	Host        string // of the redirect URI
	Loopback    bool   // the redirect URI is on this computer
	App         bool   // or opens an app
	Request     string // sealed
}

func (p *pages) consent(w http.ResponseWriter, c *Client, req *pendingRequest, sealed string, checks *scopeText) error {
	data := consentPage{
		frame:       p.frame("Sign in to " + p.server),
		Client:      c.Name,
		Publisher:   publisher(c.ID),
		Initial:     initial(c.Name),
		RedirectURI: req.RedirectURI,
		Host:        redirectHost(req.RedirectURI),
		Loopback:    isLoopbackRedirect(req.RedirectURI),
		Checks:      checks,
		Request:     sealed,
	}
	if u, err := url.Parse(req.RedirectURI); err == nil {
		data.App = u.Scheme != "http" && u.Scheme != "https"
	}
	for _, scope := range req.Scopes {
		data.Scopes = append(data.Scopes, describeScope(scope))
	}
	// Who you are first, what it may do last.
	slices.SortStableFunc(data.Scopes, func(a, b scopeText) int { return cmp.Compare(a.rank(), b.rank()) })
	return p.write(w, http.StatusOK, "consent.html", data)
}

// publisher is the host that answers for a client, whose name is only what it
// says of itself.
func publisher(clientID string) string {
	if !isClientURL(clientID) {
		return ""
	}
	return redirectHost(clientID)
}

// failurePage says what went wrong where no client can be told.
type failurePage struct {
	frame
	Heading string
	Text    string
	Advice  string
	Code    string
	Request string // the id of the HTTP request, to be quoted; "" for none
}

// requestID is what whoever serves the routes answers with, so that a person
// can quote it and an operator find the lines of the log.
func requestID(w http.ResponseWriter) string { return w.Header().Get("X-Request-Id") }

func (p *pages) failure(w http.ResponseWriter, e *Error) {
	data := failurePage{Heading: "This sign-in cannot go on", Text: sentence(e.Description), Code: e.Code, Request: requestID(w)}
	switch {
	case e.Status == http.StatusTooManyRequests:
		data.Heading, data.Advice = "One moment, please", "Nothing was sent to the app."
	case e.Status >= http.StatusInternalServerError:
		data.Heading, data.Advice = "This server has a problem", "Go back to your app and try again in a minute."
	case e.Status == http.StatusForbidden:
		data.Heading, data.Advice = "This sign-in was stopped", "If somebody sent you a link to this page, close it: they may have tried to sign in as you."
	}
	data.frame = p.frame(data.Heading)
	if err := p.write(w, e.Status, "failure.html", data); err != nil {
		http.Error(w, data.Text, e.Status)
	}
}

// onwardPage offers to take an error to a client whose redirect URI nobody
// vouches for.
type onwardPage struct {
	failurePage
	Host   string
	Target string
}

func (p *pages) onward(w http.ResponseWriter, e *Error, target string) {
	data := onwardPage{
		failurePage: failurePage{Heading: "The app's request was refused", Text: sentence(e.Description), Code: e.Code, Request: requestID(w)},
		Host:        redirectHost(target),
		Target:      target,
	}
	data.frame = p.frame(data.Heading)
	if err := p.write(w, http.StatusBadRequest, "onward.html", data); err != nil {
		http.Error(w, data.Text, http.StatusBadRequest)
	}
}

// refusedPage says whom this server does not let in, and takes the news to the
// client.
type refusedPage struct {
	onwardPage
	Back    template.URL // Target: of a client that is registered here, so that its scheme may be an app's
	Account string
	ID      string
}

func (p *pages) refused(w http.ResponseWriter, e *Error, target string, r *refusal) {
	data := refusedPage{
		onwardPage: onwardPage{
			failurePage: failurePage{Heading: "This account may not use this server", Text: refusedText(r.reason), Code: e.Code, Request: requestID(w)},
			Host:        redirectHost(target),
			Target:      target,
		},
		Back:    template.URL(target), // #nosec G203 -- made from a redirect URI that was checked at registration
		Account: r.user.described(),
		ID:      r.user.ID,
	}
	data.frame = p.frame(data.Heading)
	if err := p.write(w, http.StatusForbidden, "refused.html", data); err != nil {
		http.Error(w, data.Text, http.StatusForbidden)
	}
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

// scopeText is a scope in words.
type scopeText struct {
	Name   string
	Title  string
	Detail string
	Grave  bool // it lets the app do something, not only look
}

func describeScope(scope string) scopeText {
	text := scopeText{Name: scope}
	switch scope {
	case scopeIdentify:
		text.Title, text.Detail = "See who you are on Discord", "Your user name, display name, avatar and language"
	case scopeEmail:
		text.Title, text.Detail = "See your email address", "The one of your Discord account, and whether it is verified"
	case scopeGuilds:
		text.Title, text.Detail = "See the servers that you are in", "Their names and icons, and your permissions there"
	case scopeGuildsJoin:
		text.Title, text.Detail, text.Grave = "Add you to Discord servers", "It can make you a member without asking you again", true
	case "guilds.members.read":
		text.Title, text.Detail = "See your membership in servers", "Your nickname, your roles and when you joined"
	case "connections":
		text.Title, text.Detail = "See your connected accounts", "Those that you linked with Discord, such as games and streams"
	default:
		text.Title, text.Detail = "Use another Discord permission", "Discord describes it on its own page"
	}
	return text
}

func (t scopeText) rank() int {
	switch {
	case t.Name == scopeIdentify:
		return 0
	case t.Grave:
		return 2
	}
	return 1
}

// initial is the letter that stands for a client.
func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(unicode.ToUpper(r))
		}
	}
	return "?"
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
