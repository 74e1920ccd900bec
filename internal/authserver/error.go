package authserver

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"
)

// Error is a protocol error: handlers return it, one adaptor writes it as
// JSON, as a page, or as a redirect to the client. Its cause is logged once and
// never shown.
type Error struct {
	Status      int           // of HTTP, where the answer is no redirect
	Code        string        // RFC 6749 §4.1.2.1, §5.2; RFC 7591 §3.2.2; RFC 8707 §2
	Description string        // for people; no secret, nothing that was sent to us
	RetryAfter  time.Duration // with 429 and 503
	Err         error         // the cause
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Description, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Description)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func fingerprint(key []byte) string {
	sum := sha256.Sum256(key)
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}
