package gate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrBadState means that a requestState was not made by this server for this
// call. The MCP specification (2026-07-28, multi round-trip requests) treats the
// state as attacker-controlled: answer with a protocol error, not a new question.
var ErrBadState = errors.New("requestState was not issued by this server for this call")

// state is what a question carries, sealed.
type state struct {
	Version int       `json:"v"`
	Gate    string    `json:"g,omitempty"` // the gate that sealed it
	Tool    string    `json:"t"`
	App     string    `json:"a"`
	Caller  string    `json:"c"`
	Digest  string    `json:"d"`
	Nonce   string    `json:"n"`
	Issued  time.Time `json:"i"`
	Expires time.Time `json:"e"`
	Seen    time.Time `json:"-"` // when a person could read it; see Gate.withTimes
	Reasked bool      `json:"r,omitempty"`
	Facts   []factSum `json:"f,omitempty"`
}

// Sealer encrypts and authenticates the state of a question (AES-256-GCM).
type Sealer struct {
	aead cipher.AEAD
}

// NewSealer returns a Sealer for a 32-byte key. Replicas that share the key accept
// each other's states.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("sealing key: %d bytes, want 32", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return &Sealer{aead}, nil
}

// NewRandomSealer returns a Sealer with a random key.
func NewRandomSealer() *Sealer {
	key := make([]byte, 32)
	rand.Read(key) // never fails, crypto/rand
	s, err := NewSealer(key)
	if err != nil {
		panic(err) // 32 bytes always make a key
	}
	return s
}

// sealDomain separates these values from anything else that is sealed with the key.
const sealDomain = "flycast-mcp requestState v1"

func (s *Sealer) seal(st state) (string, error) {
	plain, err := json.Marshal(st)
	if err != nil {
		return "", fmt.Errorf("seal state: %w", err)
	}
	nonce := make([]byte, s.aead.NonceSize())
	rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain, []byte(sealDomain))), nil
}

// maxState limits what is decoded; a state holds a few hundred facts at most.
const maxState = 256 << 10

func (s *Sealer) open(sealed string) (state, error) {
	if len(sealed) > maxState {
		return state{}, ErrBadState
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < s.aead.NonceSize() {
		return state{}, ErrBadState
	}
	n := s.aead.NonceSize()
	plain, err := s.aead.Open(nil, raw[:n], raw[n:], []byte(sealDomain))
	if err != nil {
		return state{}, ErrBadState
	}
	var st state
	if err := json.Unmarshal(plain, &st); err != nil || st.Version != 1 {
		return state{}, ErrBadState
	}
	return st, nil
}
