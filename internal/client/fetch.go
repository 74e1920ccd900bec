package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// fetch reads a bounded JSON document. A 4xx means that there is none.
func (s *signer) fetch(ctx context.Context, client *http.Client, place string, doc any) (found bool, err error) {
	u, err := s.reach.check(place)
	if err != nil {
		return false, s.misfit("is described at an address that cannot be used: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, s.misfit("is described at an address that cannot be used")
	}
	req.Header.Set("Accept", "application/json")
	resp, err := s.send(client, req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return false, s.unavailable(fmt.Sprintf("%s answered %d", u.Host, resp.StatusCode), nil)
	case resp.StatusCode >= 400:
		return false, nil
	case resp.StatusCode != http.StatusOK:
		return false, s.misfit("is described at %s, which answered %d", u.Host, resp.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "text/html") {
		return false, nil // a site that answers every path with a page
	}
	body, err := readBounded(resp.Body)
	if err != nil {
		return false, s.unreadable(u, err)
	}
	if err := json.Unmarshal(body, doc); err != nil {
		return false, s.misfit("is described at %s by something that is not JSON", u.Host)
	}
	return true, nil
}

var errTooLarge = errors.New("the answer is too large")

// readBounded reads an OAuth answer whole.
func readBounded(body io.Reader) ([]byte, error) {
	read, err := io.ReadAll(io.LimitReader(body, maxDocument+1))
	if err == nil && len(read) > maxDocument {
		err = errTooLarge
	}
	return read, err
}

// unreadable is the error for an answer that broke off or does not end.
func (s *signer) unreadable(from *url.URL, err error) error {
	if errors.Is(err, errTooLarge) {
		return s.misfit("leads to %s, whose answer does not end", from.Host)
	}
	return s.unavailable(from.Host+" broke off", err)
}

// send does one OAuth request and puts its failure into words. The words hold
// the host alone: paths and queries may be secrets.
func (s *signer) send(client *http.Client, req *http.Request) (*http.Response, error) {
	req.Header.Set("User-Agent", userAgent(s.cfg.Version))
	resp, err := client.Do(req)
	if err == nil {
		s.log.Debug("oauth request", "method", req.Method, "host", req.URL.Host, "path", req.URL.Path, "status", resp.StatusCode)
		return resp, nil
	}
	var refused *refusedURL
	switch {
	case errors.As(err, &refused):
		return nil, s.misfit("leads to an address that cannot be used: %v", refused.why)
	case errors.Is(err, errRedirect):
		return nil, s.misfit("leads from %s to somewhere else, too often or with what is meant for it alone", req.URL.Host)
	}
	return nil, s.unavailable("cannot reach "+req.URL.Host, err)
}

func userAgent(version string) string { return "mcpdiscord/" + version }
