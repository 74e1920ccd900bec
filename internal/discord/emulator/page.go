package emulator

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"unicode"
)

// applicationName is what the emulator calls the one application it knows.
const applicationName = "mcpdiscord (development)"

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// view is what page.html shows: a sign-in, or a problem.
type view struct {
	CSS     template.CSS
	Title   string
	Problem string

	Application string
	ReturnHost  string
	Scopes      []string
	Users       []userView
	Request     string
}

type userView struct {
	ID, Name, Username, Initial, Facts string
	Hue                                int
}

func (e *Emulator) signInPage(a *authorization, request string) view {
	v := view{
		Title:       "Sign in",
		Application: applicationName,
		ReturnHost:  a.redirect.Host,
		Request:     request,
	}
	for _, s := range a.scopes {
		v.Scopes = append(v.Scopes, scopeWords[s])
	}
	for i, u := range e.Users() {
		name := u.GlobalName
		if name == "" {
			name = u.Username
		}
		v.Users = append(v.Users, userView{
			ID: u.ID, Name: name, Username: u.Username, Initial: initial(name), Facts: facts(u), Hue: i % 6,
		})
	}
	return v
}

func problemPage(title, text string) view { return view{Title: title, Problem: text} }

// page writes v with the headers of a page that nobody may frame, and that
// runs and loads nothing. There is no form-action: browsers would apply it to
// the redirect that follows the form.
func (e *Emulator) page(w http.ResponseWriter, status int, v view) {
	v.CSS = template.CSS(pageCSS) //nolint:gosec // embedded, not foreign
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, v); err != nil {
		e.cfg.Logger.Error("emulator_page", "error", err)
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256([]byte(pageCSS))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+
		base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	// Not no-referrer: with it some browsers send Origin: null with the form.
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}

// initial is the first letter of a name, for the picture.
func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return strings.ToUpper(string(r))
		}
	}
	return "?"
}

// facts says what this account is good for in a test.
func facts(u User) string {
	email := "no email"
	switch {
	case u.Email != "" && u.Verified:
		email = "verified email"
	case u.Email != "":
		email = "unverified email"
	}
	servers := "no servers"
	switch len(u.Guilds) {
	case 0:
	case 1:
		servers = "1 server"
	default:
		servers = fmt.Sprintf("%d servers", len(u.Guilds))
	}
	return email + " · " + servers
}
