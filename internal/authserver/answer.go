package authserver

import (
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// handler is one step of the protocol. It writes its answer and returns nil,
// or returns an error and has written nothing. One adaptor for each form of
// answer (s.json, s.page) makes an http.Handler of it, writes its errors and
// logs their causes, once.
type handler func(w http.ResponseWriter, r *http.Request) error

// maxForm bounds a form that is posted to us, in bytes.
const maxForm = 64 << 10

// json answers errors as JSON (RFC 6749 §5.2), and nothing may be cached.
func (s *Server) json(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Pragma", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		err := h(w, r)
		if err == nil {
			return
		}
		e := s.protocolError(r, err)
		setRetryAfter(w, e)
		writeJSON(w, e.Status, errorBody{Error: e.Code, Description: e.Description})
	})
}

// page answers errors as a page, or takes them to the client through the
// browser. Nothing may be cached, framed, or tell where it came from.
func (s *Server) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.pages.headers(w.Header())
		err := opened(r)
		if err == nil {
			err = h(w, r)
		}
		if err == nil {
			return
		}
		e := s.protocolError(r, err)
		ce, proven := errors.AsType[*clientError](err)
		if !proven {
			setRetryAfter(w, e)
			s.pages.failure(w, e)
			return
		}
		target := s.authorizationResponse(ce.redirectURI, ce.state, url.Values{
			"error":             {e.Code},
			"error_description": {e.Description},
		})
		if ce.refused != nil {
			s.pages.refused(w, e, target, ce.refused)
			return
		}
		if !ce.asked && !s.mayRedirectErrors(ce.redirectURI) {
			s.pages.onward(w, e, target)
			return
		}
		w.Header().Set("Location", target)
		w.WriteHeader(http.StatusSeeOther)
	})
}

// opened refuses what is fetched as a part of another website's page, where the
// browser says so: no person sees it, and it must not use up what the address
// of that page's visitors may ask for.
func opened(r *http.Request) error {
	site, dest := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Dest")
	if (site == "cross-site" || site == "same-site") && dest != "" && dest != "document" {
		return errForbidden("This page is not for being shown inside of another one.", nil)
	}
	return nil
}

type errorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// protocolError turns any error into what the caller is told, and logs its
// cause.
func (s *Server) protocolError(r *http.Request, err error) *Error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Status: http.StatusInternalServerError, Code: "server_error", Description: "something went wrong on this server", Err: err}
	}
	level := slog.LevelInfo
	switch {
	case e.Status >= http.StatusInternalServerError:
		level = slog.LevelError
	case e.Status == http.StatusTooManyRequests: // a flood must not flood the log
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("path", r.URL.Path),
		slog.Int("status", e.Status),
		slog.String("error", e.Code),
		slog.String("description", e.Description),
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("cause", e.Err.Error()))
	}
	s.log.LogAttrs(r.Context(), level, "request refused", attrs...)
	return e
}

func setRetryAfter(w http.ResponseWriter, e *Error) {
	if e.RetryAfter > 0 {
		seconds := int64((e.RetryAfter + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
}

// writeJSON writes v. A client that is gone is nobody's error.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// postForm reads a posted form of at most maxForm bytes. Of the parameters
// that we know none may be there twice (RFC 6749 §3.1, §3.2), and an empty one
// counts as absent.
func postForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, errInvalidRequest("the body must be application/x-www-form-urlencoded")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			return nil, errInvalidRequest("the body is too long") // RFC 6749 §5.2: 400
		}
		return nil, errInvalidRequest("the form cannot be read")
	}
	return single(r.PostForm)
}

// parameters are all that any endpoint here reads.
var parameters = []string{
	"client_id", "client_secret", "redirect_uri", "state", "scope", "resource",
	"response_type", "response_mode", "code_challenge", "code_challenge_method",
	"request", "decision", "grant_type", "code", "code_verifier", "refresh_token",
	"token", "token_type_hint", "client_assertion", "client_assertion_type",
}

// single drops empty parameters and refuses repeated ones of ours. Those that
// we do not know are ignored, however often they come.
func single(form url.Values) (url.Values, error) {
	for _, name := range parameters {
		switch values := form[name]; {
		case len(values) > 1:
			return nil, errInvalidRequest("a parameter is there more than once")
		case len(values) == 1 && values[0] == "":
			delete(form, name)
		}
	}
	return form, nil
}

func errInvalidRequest(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_request", Description: description}
}
