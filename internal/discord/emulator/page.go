package emulator

import (
	"cmp"
	"crypto/sha256"
	_ "embed" // the style sheet
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/mcpdiscord/mcpdiscord/internal/markup"
)

// applicationName is what the emulator calls the one application it knows.
const applicationName = "mcpdiscord (development)"

//go:embed page.css
var pageCSS string

func (e *Emulator) signInPage(w http.ResponseWriter, a *authorization, request string) {
	var scopes, users []markup.HTML
	for _, s := range a.scopes {
		scopes = append(scopes, markup.Format("<li>%s</li>\n", scopeWords[s]))
	}
	for i, u := range e.Users() {
		users = append(users, userButton(u, i%6))
	}
	e.page(w, http.StatusOK, "Sign in", markup.Format(`<h1>Who do you want to be?</h1>
<p class="lead"><b>%s</b> asks to sign you in. Choose a test user to allow it to:</p>
<ul class="scopes">
%s</ul>
<form method="post" action="/oauth2/authorize">
<input type="hidden" name="request" value="%s">
<div class="users">
%s</div>
<button class="deny" name="user" value="">Deny</button>
</form>
<p class="foot">You return to <b>%s</b> either way.</p>
`, applicationName, markup.Join(scopes), request, markup.Join(users), a.redirect.Host))
}

func userButton(u User, hue int) markup.HTML {
	name := cmp.Or(u.GlobalName, u.Username)
	return markup.Format(`<button class="user" name="user" value="%s">
<span class="picture hue-%s" aria-hidden="true">%s</span>
<span class="who"><span class="name"><bdi>%s</bdi></span> <span class="handle">@<bdi>%s</bdi></span></span>
<span class="facts">%s</span>
</button>
`, u.ID, hue, initial(name), name, u.Username, facts(u))
}

func (e *Emulator) problemPage(w http.ResponseWriter, status int, title, text string) {
	e.page(w, status, title, markup.Format(`<h1>%s</h1>
<p class="lead">%s</p>
`, title, text))
}

// page writes a page with the headers of one that nobody may frame, and that
// runs and loads nothing. There is no form-action: browsers would apply it to
// the redirect that follows the form.
func (e *Emulator) page(w http.ResponseWriter, status int, title string, content markup.HTML) {
	page := markup.Format(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%s · Discord emulator</title>
%s
</head>
<body>
<header>
<p class="badge"><b>Emulator</b> <span>This is not Discord.</span> <span>No password, no real account.</span></p>
</header>
<main>
%s</main>
</body>
</html>
`, title, markup.Style(pageCSS), content)
	sum := sha256.Sum256([]byte(pageCSS))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+
		base64.StdEncoding.EncodeToString(sum[:])+"'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Frame-Options", "DENY")
	// Not no-referrer: with it some browsers send Origin: null with the form.
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, page.String()) //nolint:gosec // escaped: see markup
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
