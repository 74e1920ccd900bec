package tokencache

import (
	"bytes"
	"crypto/rand"
	"strconv"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed file is this line, a nonce, and the XChaCha20-Poly1305 ciphertext of
// a document. The id and the version are associated data: a file that was moved
// or copied to another session's place does not open.
const sealMagic = "mcpdiscord session "

const sealHeader = sealMagic + "1\n" // "1" is version

const maxSealed = 1 << 20 // bytes; a session is rarely above ten thousand

func associated(id string) []byte { return []byte(id + "|" + strconv.Itoa(version)) }

// newKey returns a random key.
func newKey() []byte {
	key := make([]byte, chacha20poly1305.KeySize)
	_, _ = rand.Read(key) // never fails
	return key
}

func seal(key, plain []byte, id string) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	out := append([]byte(sealHeader), nonce...)
	return aead.Seal(out, nonce, plain, associated(id)), nil
}

// open undoes seal. where names the file in errors.
func open(key, sealed []byte, id, where string) ([]byte, error) {
	rest, ours := bytes.CutPrefix(sealed, []byte(sealHeader))
	if !ours {
		if v, ok := bytes.CutPrefix(sealed, []byte(sealMagic)); ok && isNewer(v) {
			return nil, newer(where)
		}
		return nil, corrupt(where, errNotOurs)
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	if len(rest) < aead.NonceSize()+aead.Overhead() {
		return nil, corrupt(where, errNotOurs)
	}
	nonce, box := rest[:aead.NonceSize()], rest[aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, box, associated(id))
	if err != nil {
		return nil, corrupt(where, errDoesNotOpen)
	}
	return plain, nil
}

// isNewer tells whether what follows the magic is the line of a later version.
func isNewer(rest []byte) bool {
	line, _, found := bytes.Cut(rest, []byte("\n"))
	v, err := strconv.Atoi(string(line))
	return found && err == nil && v > version
}
