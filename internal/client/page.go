package client

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html"
	"io"
	"log"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed result.css
var resultCSS string

// page is what the receiver shows in the browser.
type page struct {
	status      int
	good        bool
	title, text string // plain text; escaped when written
}

func successPage(name, host string) page {
	title := "You are signed in"
	if name != "" {
		title = "Signed in as " + PrintableLine(name)
	}
	return page{http.StatusOK, true, title, "mcpdiscord can use " + host + " now. You can close this tab and go back to the terminal."}
}

func failurePage(err error) page {
	message := "something went wrong"
	var own *Error
	if errors.As(err, &own) {
		message = own.Message
	}
	return page{http.StatusOK, false, "You are not signed in", capital(message) + ". You can close this tab; the terminal says more."}
}

func refusePage(status int, text string) page {
	return page{status, false, text, "If you are signing in with mcpdiscord, this did not disturb it."}
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[size:]
}

// headers are those of every answer of the receiver.
func headers(w http.ResponseWriter) {
	sum := sha256.Sum256([]byte(resultCSS))
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

func (p page) write(w http.ResponseWriter) {
	headers(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(p.status)
	class, mark := "bad", "!"
	if p.good {
		class, mark = "good", "✓"
	}
	_, _ = io.WriteString(w, strings.NewReplacer(
		"{css}", resultCSS, "{class}", class, "{mark}", mark,
		"{title}", html.EscapeString(p.title), "{text}", html.EscapeString(p.text),
	).Replace(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – mcpdiscord</title>
<style>{css}</style>
</head>
<body>
<main class="{class}">
<div class="mark" aria-hidden="true">{mark}</div>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
`))
}

// silent is the receiver's error log: what strangers send is not our user's
// concern.
func silent() *log.Logger { return log.New(io.Discard, "", 0) }
