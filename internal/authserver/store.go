package authserver

import (
	"context"
	"errors"
	"time"
)

// Kind names a family of records in the [Store]. Every kind has its own id
// space.
type Kind string

// The kinds of records, in the order in which a sign-in leaves them.
const (
	KindMeta          Kind = "meta"          // what this store belongs to (see bind.go)
	KindClient        Kind = "client"        // [Client], by client id, or by a hash of one that is a URL
	KindAuthorization Kind = "authorization" // [AuthorizationRequest], by the hash of Discord's state
	KindCode          Kind = "code"          // [AuthorizationCode], by the hash of the code
	KindGrant         Kind = "grant"         // [Grant], by grant id
	KindUpstream      Kind = "upstream"      // [Upstream], by Discord user id
	KindAssertion     Kind = "assertion"     // nothing but that it was shown, by the hash of client id and jti
	KindAccess        Kind = "access"        // what Discord last said about a user's right to come in, by user and rule
)

// Errors of a [Store]. Anything else that a Store returns means that it could
// not do its work; callers treat that, and ErrSealed, as unavailable, never as
// a miss.
var (
	ErrNotFound = errors.New("record not found")
	ErrExists   = errors.New("record exists already")

	// ErrSealed means that a record is there but does not open: it was sealed
	// with another key, moved, or changed. The store is there, and the record is
	// not missing.
	ErrSealed = errors.New("record does not open with this key")
)

// Record is one stored value and the time after which it is gone.
type Record struct {
	Value   []byte
	Expires time.Time // zero: never
}

// Entry is a record with its id, as List returns it. Err is ErrSealed where the
// record is there and does not open; Value is nil then.
type Entry struct {
	ID string
	Record
	Err error
}

// Store keeps the records of the authorization server. Every method is atomic
// and safe for concurrent use. An expired record is absent to every method.
// Values that are passed in or out are copies: neither side changes the
// other's.
//
// Implementations are in internal/store; store/storetest holds what they must
// do.
type Store interface {
	// Get returns the record, or ErrNotFound.
	Get(ctx context.Context, kind Kind, id string) (Record, error)

	// Create stores a record that does not exist yet, or returns ErrExists.
	Create(ctx context.Context, kind Kind, id string, rec Record) error

	// Update replaces a record by what fn makes of it. fn gets nil where there
	// is no record, and returns nil to delete it. An error of fn leaves the
	// record as it is and is returned as it is. fn is pure: it does no I/O and
	// may run several times; only its last run counts.
	Update(ctx context.Context, kind Kind, id string, fn func(old *Record) (*Record, error)) error

	// Take returns the record and deletes it: of several callers one gets it,
	// the others get ErrNotFound.
	Take(ctx context.Context, kind Kind, id string) (Record, error)

	// Delete removes the record. Deleting what is absent is not an error.
	Delete(ctx context.Context, kind Kind, id string) error

	// List returns some of the records of a kind, by id, and the cursor of the
	// next page: "" starts, and "" ends. A record that does not open is an entry
	// with an error, and keeps nobody from the others.
	List(ctx context.Context, kind Kind, cursor string) (page []Entry, next string, err error)

	// Incr counts one more event under key and returns the count of the
	// current window; the window starts with its first event.
	Incr(ctx context.Context, key string, window time.Duration) (int64, error)

	// Watch calls ready once, and changed after each change of a record from
	// then on, of this process or another, until ctx ends (it returns ctx.Err())
	// or changes can have been missed (any other error). Both must return
	// quickly.
	Watch(ctx context.Context, ready func(), changed func(kind Kind, id string)) error

	// Shared says that other processes may change the records, too: Watch then
	// tells of a change some time after it was made, and may lose one in silence.
	// Where it is false, Watch tells before the change returns to who made it.
	Shared() bool

	// Close releases what the store holds. No other call may follow.
	Close() error
}
