package gate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Statement is what a person's signature covers: one plan, at one installation,
// for one caller, once, until a time. The terminal builds it from what it showed,
// the server from the live state; a signature is valid only if both are the same.
type Statement struct {
	Installation string
	Digest       string
	Tool         string
	App          string
	Caller       string
	Nonce        string
	Expires      time.Time // to the second
}

// bytes returns the canonical form: a domain line, then each field with its length.
func (s Statement) bytes() []byte {
	var buf bytes.Buffer
	buf.WriteString("flycast-mcp approval v2\n")
	for _, field := range []string{s.Installation, s.Digest, s.Tool, s.App, s.Caller, s.Nonce} {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(field)))
		buf.Write(n[:])
		buf.WriteString(field)
	}
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(s.Expires.Unix()))
	buf.Write(at[:])
	return buf.Bytes()
}

// Signature is a person's approval of a [Statement].
type Signature struct {
	KeyID   string
	Nonce   string
	Expires time.Time
	Sig     []byte
}

// The layout of a code: version, key id, nonce, expiry, signature.
const (
	codeVersion = 1
	nonceLen    = 16
	keyIDLen    = 8
	codeLen     = 1 + keyIDLen + nonceLen + 8 + ed25519.SignatureSize
)

// Code returns the signature as one word that a person can paste into a call.
func (s Signature) Code() (string, error) {
	keyID, err1 := hex.DecodeString(s.KeyID)
	nonce, err2 := hex.DecodeString(s.Nonce)
	if errors.Join(err1, err2) != nil || len(keyID) != keyIDLen || len(nonce) != nonceLen ||
		len(s.Sig) != ed25519.SignatureSize {
		return "", errors.New("approval code: malformed key id, nonce or signature")
	}
	raw := append([]byte{codeVersion}, keyID...)
	raw = append(raw, nonce...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(s.Expires.Unix()))
	raw = append(raw, s.Sig...)
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// ErrBadCode means that a text is not an approval code.
var ErrBadCode = errors.New("not an approval code")

// ParseCode reads what [Signature.Code] wrote. It does not verify the signature.
func ParseCode(code string) (Signature, error) {
	if len(code) > 2*codeLen {
		return Signature{}, ErrBadCode
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(code))
	if err != nil || len(raw) != codeLen || raw[0] != codeVersion {
		return Signature{}, ErrBadCode
	}
	raw = raw[1:]
	sig := Signature{KeyID: hex.EncodeToString(raw[:keyIDLen])}
	raw = raw[keyIDLen:]
	sig.Nonce = hex.EncodeToString(raw[:nonceLen])
	raw = raw[nonceLen:]
	sig.Expires = time.Unix(int64(binary.BigEndian.Uint64(raw)), 0).UTC()
	sig.Sig = raw[8:]
	return sig, nil
}

// PublicKey verifies approvals. The server has public keys only.
type PublicKey struct {
	key ed25519.PublicKey
}

// pubPrefix begins the line of a public key file.
const pubPrefix = "flycast-mcp-approver-1 "

// ParsePublicKey reads the line that `approve --init` wrote.
func ParsePublicKey(text string) (PublicKey, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(text), pubPrefix)
	if !ok {
		return PublicKey{}, errors.New("not an approver's public key")
	}
	raw, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return PublicKey{}, errors.New("malformed approver's public key")
	}
	return PublicKey{raw}, nil
}

// String returns the key as [ParsePublicKey] reads it.
func (k PublicKey) String() string { return pubPrefix + base64.StdEncoding.EncodeToString(k.key) }

// ID returns the key's name in results and in the journal: 16 hex digits.
func (k PublicKey) ID() string {
	sum := sha256.Sum256(k.key)
	return hex.EncodeToString(sum[:keyIDLen])
}

func (k PublicKey) verify(st Statement, sig []byte) bool {
	return len(k.key) == ed25519.PublicKeySize && ed25519.Verify(k.key, st.bytes(), sig)
}

// SigningKey signs approvals. It is in memory only while a person approves.
type SigningKey struct {
	key ed25519.PrivateKey
}

// NewSigningKey makes a random key.
func NewSigningKey() (SigningKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return SigningKey{}, fmt.Errorf("make signing key: %w", err)
	}
	return SigningKey{key}, nil
}

// Public returns the key's public half.
func (k SigningKey) Public() PublicKey {
	public, _ := k.key.Public().(ed25519.PublicKey)
	return PublicKey{public}
}

// Sign signs a statement, with its expiry truncated to the second.
func (k SigningKey) Sign(st Statement) Signature {
	return Signature{
		KeyID: k.Public().ID(), Nonce: st.Nonce, Expires: st.Expires.Truncate(time.Second),
		Sig: ed25519.Sign(k.key, st.bytes()),
	}
}

// ErrNoPassphrase means that a key is not protected by a passphrase: anybody who
// can read the file could use it.
var ErrNoPassphrase = errors.New("an approver's key must be protected by a passphrase")

// Encrypt writes the key as an armored age file, encrypted with a passphrase.
// workFactor is age's scrypt work factor as a power of two; 0 means age's default.
func (k SigningKey) Encrypt(w io.Writer, passphrase string, workFactor int) error {
	if passphrase == "" {
		return ErrNoPassphrase
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return fmt.Errorf("encrypt signing key: %w", err)
	}
	if workFactor > 0 {
		recipient.SetWorkFactor(workFactor)
	}
	armored := armor.NewWriter(w)
	enc, err := age.Encrypt(armored, recipient)
	if err != nil {
		return fmt.Errorf("encrypt signing key: %w", err)
	}
	_, err = enc.Write(k.key.Seed())
	if err := errors.Join(err, enc.Close(), armored.Close()); err != nil {
		return fmt.Errorf("encrypt signing key: %w", err)
	}
	return nil
}

// Protected returns nil if a key file is encrypted with a passphrase, and
// [ErrNoPassphrase] if the key is plain or encrypted to another key, which a
// program could open by itself.
func Protected(data []byte) error {
	header, err := age.ExtractHeader(armor.NewReader(bytes.NewReader(data)))
	if err != nil || !bytes.HasPrefix(header, []byte("age-encryption.org/v1\n-> scrypt ")) {
		return ErrNoPassphrase
	}
	return nil
}

// ErrWrongPassphrase means that the passphrase does not open the key.
var ErrWrongPassphrase = errors.New("wrong passphrase")

// OpenSigningKey reads what [SigningKey.Encrypt] wrote. The error is
// [ErrNoPassphrase] for a file that is not encrypted with a passphrase.
func OpenSigningKey(data []byte, passphrase string) (SigningKey, error) {
	if passphrase == "" {
		return SigningKey{}, ErrNoPassphrase
	}
	if err := Protected(data); err != nil {
		return SigningKey{}, err
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return SigningKey{}, fmt.Errorf("open signing key: %w", err)
	}
	plain, err := age.Decrypt(armor.NewReader(bytes.NewReader(data)), identity)
	if err != nil {
		var noMatch *age.NoIdentityMatchError
		if errors.As(err, &noMatch) {
			return SigningKey{}, ErrWrongPassphrase
		}
		return SigningKey{}, fmt.Errorf("open signing key: %w", err)
	}
	seed, err := io.ReadAll(io.LimitReader(plain, ed25519.SeedSize+1))
	if err != nil || len(seed) != ed25519.SeedSize {
		return SigningKey{}, errors.New("open signing key: not an approver's key")
	}
	return SigningKey{ed25519.NewKeyFromSeed(seed)}, nil
}
