package authserver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// storeRetry is what a caller is told to wait when the store does not work.
const storeRetry = 5 * time.Second

// storeTimeout bounds one call of the store: a store that hangs must not hold
// those who ask.
const storeTimeout = 5 * time.Second

// hashID is the record id of a secret: stores hold hashes, never the secrets.
func hashID(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// load returns the record as a T. What it returns besides ErrNotFound is a 503
// *Error: a record that cannot be read is never taken for a missing one.
func load[T any](ctx context.Context, s *Server, kind Kind, id string) (*T, error) {
	if err := s.storeAway("reading", kind); err != nil {
		return nil, err
	}
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	rec, err := s.cfg.Store.Get(call, kind, id)
	if errors.Is(err, ErrNotFound) {
		err = cmp.Or(s.still(call), err)
	}
	if err != nil {
		return nil, s.storeFailed(ctx, "reading", kind, err)
	}
	return decode[T](kind, rec.Value)
}

// create stores v under an id that is free, or returns ErrExists. A zero
// expires keeps the record for good.
func create[T any](ctx context.Context, s *Server, kind Kind, id string, v *T, expires time.Time) error {
	if err := s.storeAway("creating", kind); err != nil {
		return err
	}
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding %s record: %w", kind, err)
	}
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err = s.cfg.Store.Create(call, kind, id, Record{Value: value, Expires: expires})
	return s.storeFailed(ctx, "creating", kind, err)
}

// update replaces the record by what fn makes of it. fn gets nil where there
// is none, and returns nil to delete it. An error of fn leaves the record as
// it is and is returned as it is; everything else is a 503 *Error. As with
// [Store] fn does no I/O and may run several times.
func update[T any](ctx context.Context, s *Server, kind Kind, id string, fn func(old *T) (*T, time.Time, error)) error {
	if err := s.storeAway("updating", kind); err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	var (
		fnErr   error
		missing bool
	)
	err := s.cfg.Store.Update(call, kind, id, func(rec *Record) (*Record, error) {
		fnErr, missing = nil, rec == nil
		var old *T
		if rec != nil {
			v, err := decode[T](kind, rec.Value)
			if err != nil {
				return nil, err
			}
			old = v
		}
		v, expires, err := fn(old)
		if err != nil {
			fnErr = err
			return nil, err
		}
		if v == nil {
			return nil, nil
		}
		value, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("encoding %s record: %w", kind, err)
		}
		return &Record{Value: value, Expires: expires}, nil
	})
	if fnErr != nil && missing {
		if err := s.still(call); err != nil {
			return s.storeFailed(ctx, "updating", kind, err)
		}
	}
	if fnErr != nil {
		return fnErr
	}
	return s.storeFailed(ctx, "updating", kind, err)
}

func decode[T any](kind Kind, value []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(value, v); err != nil {
		return nil, storeError("decoding", kind, err)
	}
	return v, nil
}

// entryOf reads an entry of a list.
func entryOf[T any](kind Kind, e Entry) (*T, error) {
	if e.Err != nil {
		return nil, storeError("listing", kind, e.Err)
	}
	return decode[T](kind, e.Value)
}

// storeError lets the two answers of a working store pass and makes everything
// else a 503, so that a broken store is never taken for a missing record.
func storeError(doing string, kind Kind, err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) {
		return err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{
		Status:      http.StatusServiceUnavailable,
		Code:        "temporarily_unavailable",
		Description: "the server cannot reach its records; try again",
		RetryAfter:  storeRetry,
		Err:         fmt.Errorf("%s %s record: %w", doing, kind, err),
	}
}
