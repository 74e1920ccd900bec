package tokencache

// Keyring is a keychain: one secret string for each service and user. Get and
// Delete return ErrNotFound where there is none; Set returns ErrTooBig for what
// it cannot hold. Its calls may hang: the cache bounds them.
type Keyring interface {
	Get(service, user string) (string, error)
	Set(service, user, value string) error
	Delete(service, user string) error
}
