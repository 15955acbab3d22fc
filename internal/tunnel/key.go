package tunnel

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
)

// Key is the private key of a peer. It lives in memory only and prints as a mask.
type Key struct{ private *ecdh.PrivateKey }

// NewKey returns a new key.
func NewKey() (Key, error) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	return Key{private}, err
}

// Public returns the public key, in base64, as the API takes it.
func (k Key) Public() string { return base64.StdEncoding.EncodeToString(k.private.PublicKey().Bytes()) }

// String returns a mask.
func (Key) String() string { return "<private key>" }

// GoString returns a mask.
func (Key) GoString() string { return "<private key>" }

// hex returns the private key as a device takes it.
func (k Key) hex() string { return hex.EncodeToString(k.private.Bytes()) }
