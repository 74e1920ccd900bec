package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// redacted stands where a secret was.
const redacted = "[redacted]"

const (
	// minSecret is the length, in bytes, from which a value is a secret
	// wherever it is. A shorter one is only hidden under its name.
	minSecret = 6
	// maxSecrets bounds the values that are remembered; a stranger can make us
	// meet many.
	maxSecrets = 4096
)

// secrets knows what must not be shown: by name, and by value what was met
// under such a name. Its zero value knows no values.
type secrets struct {
	mu     sync.Mutex
	values []string // the longest first, so that none is found within another
}

// add remembers values, and how they look in a URL.
func (s *secrets) add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, value := range values {
		for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value)} {
			if len(form) < minSecret || len(s.values) >= maxSecrets || slices.Contains(s.values, form) {
				continue
			}
			at, _ := slices.BinarySearchFunc(s.values, form, func(a, b string) int { return len(b) - len(a) })
			s.values = slices.Insert(s.values, at, form)
		}
	}
}

// secretName reports whether a member of a form, a query or a JSON object is
// a secret by its name.
func secretName(name string) bool {
	name = strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(name))
	switch name {
	case "code", "state", "requeststate", "devicecode", "usercode", "dpop", "authorization", "cookie", "credentials", "bearer":
		return true
	}
	for _, ending := range []string{"token", "secret", "password", "passwd", "verifier", "assertion", "apikey", "sessionid", "privatekey"} {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}

// secretHeader reports whether a header is a secret by its name.
func secretHeader(name string) bool {
	switch name = strings.ToLower(name); name {
	case "authorization", "proxy-authorization", "cookie", "set-cookie", "dpop", "mcp-session-id", "authentication-info":
		return true
	}
	return secretName(name)
}

// fromHeader remembers the secrets of a header: of a request's also what the
// user gave himself.
func (s *secrets) fromHeader(h http.Header, request bool) {
	for name, values := range h {
		for _, value := range values {
			switch strings.ToLower(name) {
			case "authorization", "proxy-authorization":
				_, credentials, _ := strings.Cut(value, " ")
				s.add(credentials)
				if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil {
					_, password, _ := strings.Cut(string(plain), ":")
					decoded, _ := url.QueryUnescape(password) // RFC 6749, section 2.3.1
					s.add(password, decoded)
				}
			case "cookie", "set-cookie":
				for part := range strings.SplitSeq(value, ";") {
					if _, cookie, found := strings.Cut(part, "="); found && !cookieAttribute(part) {
						s.add(strings.Trim(cookie, `" `))
					}
				}
			case "location":
				if u, err := url.Parse(value); err == nil {
					s.fromURL(u)
				}
			default:
				if secretHeader(name) || request && userHeader(name) {
					s.add(append(strings.Fields(value), value)...)
				}
			}
		}
	}
}

// userHeader reports whether a header of a request may be the user's own, with
// a key in it.
func userHeader(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return !slices.Contains(ours, name) && !strings.HasPrefix(name, "Mcp-Param-")
}

func cookieAttribute(part string) bool {
	name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(part)), "=")
	return slices.Contains([]string{"path", "domain", "expires", "max-age", "samesite"}, name)
}

// fromURL remembers the secrets in the query and the fragment of a URL.
func (s *secrets) fromURL(u *url.URL) {
	for _, part := range []string{u.RawQuery, u.Fragment} {
		values, _ := url.ParseQuery(part)
		for name, list := range values {
			if secretName(name) {
				s.add(list...)
			}
		}
	}
	if password, there := u.User.Password(); there {
		s.add(password)
	}
}

const formType = "application/x-www-form-urlencoded"

// fromBody remembers the secrets of a body.
func (s *secrets) fromBody(kind string, body []byte) {
	if kind == formType {
		s.fromURL(&url.URL{RawQuery: string(body)})
		return
	}
	_ = rewriteJSON(body, io.Discard, func(name, value string) string {
		if secretName(name) {
			s.add(value)
		}
		return value
	})
}

// body is a body without its secrets.
func (s *secrets) body(kind string, body []byte) string {
	if kind == formType {
		return s.query(string(body))
	}
	var compact, pretty bytes.Buffer
	err := rewriteJSON(body, &compact, func(name, value string) string {
		if secretName(name) {
			return redacted
		}
		return s.redact(value)
	})
	if err != nil || json.Indent(&pretty, compact.Bytes(), "", "  ") != nil {
		return s.redact(unescaped(string(body)))
	}
	return pretty.String()
}

// escape is a character of ASCII as JSON may write it: a secret that is
// written so in what is no JSON is to be found all the same.
var escape = lazily(`\\u00[0-7][0-9a-fA-F]`)

// lazily compiles an expression at its first use: most commands need none, and
// every command would wait for it.
func lazily(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

func unescaped(text string) string {
	return escape().ReplaceAllStringFunc(text, func(found string) string {
		code, _ := strconv.ParseUint(found[2:], 16, 8) // the expression allows nothing else
		return string(rune(code))
	})
}

// url is a URL, absolute or not, without its secrets.
func (s *secrets) url(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return s.redact(raw)
	}
	if u.User != nil {
		u.User = url.User("redacted")
	}
	u.RawQuery, u.Fragment, u.RawFragment = s.query(u.RawQuery), "", ""
	fragment := ""
	if _, after, found := strings.Cut(raw, "#"); found {
		fragment = "#" + s.query(after)
	}
	return s.redact(u.String()) + fragment
}

// query is a query or a form without its secrets.
func (s *secrets) query(raw string) string {
	pairs := strings.Split(raw, "&")
	for i, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		decoded, _ := url.QueryUnescape(value)
		switch {
		case !found:
			pairs[i] = s.redact(pair)
		case err != nil || secretName(plain) || s.redact(decoded) != decoded:
			pairs[i] = s.redact(name) + "=" + redacted
		}
	}
	return s.redact(strings.Join(pairs, "&"))
}

var (
	// shapes are secrets that nobody told us of: JWTs, and what follows a
	// scheme of HTTP authentication.
	shapes = lazily(`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\b(?i:bearer|basic|dpop) +[A-Za-z0-9._~+/-]{16,}=*`)
	// parameters are of a challenge (RFC 6750 §3, RFC 9728 §5.1), and no tokens.
	parameters = lazily(`(?i) +(?:resource_metadata|error_description)=$`)
	// assigned is a secret in text that is neither a form nor JSON.
	assigned = lazily(`(?i)\b((?:[\w-]*(?:token|secret|password|verifier|assertion|apikey|api_key)|code|state)["']?=|[\w-]*(?:token|secret|password|verifier|api_?key)["']\s*:\s*)(["']?)[^\s"'&,;<>]+`)
)

// redact takes what is known to be secret out of a text.
func (s *secrets) redact(text string) string {
	s.mu.Lock()
	for _, value := range s.values {
		text = strings.ReplaceAll(text, value, redacted)
	}
	s.mu.Unlock()
	text = shapes().ReplaceAllStringFunc(text, func(found string) string {
		if parameters().MatchString(found) {
			return found
		}
		return redacted
	})
	return assigned().ReplaceAllString(text, "${1}${2}"+redacted)
}

// rewriteJSON writes one JSON text again, compact and in its order, with every
// string replaced. replace gets the name of the member that a string is in,
// also through arrays, and "" for names themselves.
func rewriteJSON(text []byte, w io.Writer, replace func(name, value string) string) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var b bytes.Buffer
	if err := rewriteValue(dec, &b, "", maxDepth, replace); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// maxDepth bounds how deep a JSON text is that is rewritten.
const maxDepth = 1000

// rewriteValue is rewriteJSON for the next value.
func rewriteValue(dec *json.Decoder, b *bytes.Buffer, name string, depth int, replace func(name, value string) string) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if depth == 0 {
		return errors.New("too deep")
	}
	switch value := token.(type) {
	case json.Delim:
		b.WriteByte(byte(value))
		for n := 0; dec.More(); n++ {
			if n > 0 {
				b.WriteByte(',')
			}
			inner := name
			if value == '{' {
				key, err := dec.Token()
				if err != nil {
					return err
				}
				inner, _ = key.(string)
				writeString(b, replace("", inner))
				b.WriteByte(':')
			}
			if err := rewriteValue(dec, b, inner, depth-1, replace); err != nil {
				return err
			}
		}
		closing, err := dec.Token()
		if err != nil {
			return err
		}
		b.WriteByte(byte(closing.(json.Delim)))
	case string:
		writeString(b, replace(name, value))
	case json.Number:
		b.WriteString(value.String())
	case bool:
		b.WriteString(strconv.FormatBool(value))
	default:
		b.WriteString("null")
	}
	return nil
}

// writeString writes a JSON string without escapes for HTML.
func writeString(b *bytes.Buffer, value string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // a string: it cannot fail
	b.Truncate(b.Len() - 1)
}
