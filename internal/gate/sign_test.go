package gate

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// cheap is a scrypt work factor for tests.
const cheap = 4

func newKey(t testing.TB) SigningKey {
	t.Helper()
	key, err := NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func someStatement() Statement {
	return Statement{
		Installation: "here", Digest: "0f0f", Tool: "deploy", App: "shop", Caller: "local",
		Nonce:   strings.Repeat("ab", nonceLen),
		Expires: time.Date(2026, 8, 3, 13, 30, 0, 0, time.UTC),
	}
}

// What is signed is every field, and its place.
func TestSignatureCoversTheStatement(t *testing.T) {
	key := newKey(t)
	sig := key.Sign(someStatement())
	if !key.Public().verify(someStatement(), sig.Sig) {
		t.Fatal("the signature does not fit its own statement")
	}
	changes := map[string]func(*Statement){
		"installation":    func(s *Statement) { s.Installation = "there" },
		"digest":          func(s *Statement) { s.Digest = "0f0e" },
		"tool":            func(s *Statement) { s.Tool = "release_public_ips" },
		"app":             func(s *Statement) { s.App = "shop2" },
		"caller":          func(s *Statement) { s.Caller = "" },
		"nonce":           func(s *Statement) { s.Nonce = strings.Repeat("ac", nonceLen) },
		"expiry, later":   func(s *Statement) { s.Expires = s.Expires.Add(time.Second) },
		"expiry, earlier": func(s *Statement) { s.Expires = s.Expires.Add(-time.Second) },
		"fields swapped":  func(s *Statement) { s.Tool, s.App = s.App, s.Tool },
		"border moved":    func(s *Statement) { s.Tool, s.App = "deploys", "hop" },
	}
	for name, change := range changes {
		st := someStatement()
		change(&st)
		if key.Public().verify(st, sig.Sig) {
			t.Errorf("%s: the signature still fits", name)
		}
	}
	if newKey(t).Public().verify(someStatement(), sig.Sig) {
		t.Error("it fits another key")
	}
	if (PublicKey{}).verify(someStatement(), sig.Sig) {
		t.Error("it fits the zero key")
	}
	for _, bad := range [][]byte{nil, {}, sig.Sig[:63], append(bytes.Clone(sig.Sig), 0), make([]byte, 64)} {
		if key.Public().verify(someStatement(), bad) {
			t.Errorf("a signature of %d bytes fits", len(bad))
		}
	}
}

func TestCodeRoundTrip(t *testing.T) {
	key := newKey(t)
	st := someStatement()
	st.Expires = st.Expires.Add(999 * time.Millisecond) // cut to the second
	want := key.Sign(st)
	code, err := want.Code()
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{code, "  " + code + "\n"} {
		got, err := ParseCode(typed)
		if err != nil {
			t.Fatal(err)
		}
		if got.KeyID != key.Public().ID() || got.Nonce != st.Nonce ||
			!got.Expires.Equal(someStatement().Expires) || !bytes.Equal(got.Sig, want.Sig) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if !key.Public().verify(someStatement(), got.Sig) {
			t.Error("the signature was lost on the way")
		}
	}
}

func TestCodeRefuses(t *testing.T) {
	good := newKey(t).Sign(someStatement())
	for name, change := range map[string]func(*Signature){
		"nonce not hex":       func(s *Signature) { s.Nonce = "zz" },
		"nonce too short":     func(s *Signature) { s.Nonce = "abab" },
		"no nonce":            func(s *Signature) { s.Nonce = "" },
		"key id too long":     func(s *Signature) { s.KeyID += "00" },
		"signature cut":       func(s *Signature) { s.Sig = s.Sig[:10] },
		"signature forgotten": func(s *Signature) { s.Sig = nil },
	} {
		sig := good
		change(&sig)
		if code, err := sig.Code(); err == nil || code != "" || strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: got %q, %v", name, code, err)
		}
	}
	code, err := good.Code()
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(code)
	raw[0] = 2
	for name, in := range map[string]string{
		"empty": "", "a ticket": "RK4M-7Q2P", "cut": code[:len(code)-4], "longer": code + "AAAA",
		"huge":      strings.Repeat("A", 1<<20),
		"no base64": strings.Repeat("?", len(code)), "another version": base64.RawURLEncoding.EncodeToString(raw),
	} {
		if _, err := ParseCode(in); !errors.Is(err, ErrBadCode) {
			t.Errorf("%s: got %v, want ErrBadCode", name, err)
		}
	}
}

func TestPublicKeyText(t *testing.T) {
	want := newKey(t).Public()
	got, err := ParsePublicKey("\n" + want.String() + "\n")
	if err != nil || got.ID() != want.ID() || got.String() != want.String() {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if len(want.ID()) != 16 || strings.Contains(want.String(), "\n") {
		t.Errorf("id %q, text %q", want.ID(), want)
	}
	for _, bad := range []string{"", "ssh-ed25519 AAAA", pubPrefix, pubPrefix + "AAAA", pubPrefix + "§",
		want.String() + want.String(), strings.TrimPrefix(want.String(), "flycast-")} {
		if _, err := ParsePublicKey(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestSigningKeyUnderPassphrase(t *testing.T) {
	key := newKey(t)
	var file bytes.Buffer
	if err := key.Encrypt(&file, "correct horse", cheap); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file.Bytes(), key.key.Seed()) ||
		bytes.Contains(file.Bytes(), []byte(base64.StdEncoding.EncodeToString(key.key.Seed()))) {
		t.Error("the file holds the key in the clear")
	}
	got, err := OpenSigningKey(file.Bytes(), "correct horse")
	if err != nil || got.Public().ID() != key.Public().ID() {
		t.Fatalf("got %v, %v", got.Public(), err)
	}
	if _, err := OpenSigningKey(file.Bytes(), "wrong horse"); !errors.Is(err, ErrWrongPassphrase) {
		t.Errorf("wrong passphrase: got %v", err)
	}
	if _, err := OpenSigningKey(file.Bytes(), ""); !errors.Is(err, ErrNoPassphrase) {
		t.Errorf("no passphrase: got %v", err)
	}
	var none bytes.Buffer
	if err := key.Encrypt(&none, "", cheap); !errors.Is(err, ErrNoPassphrase) || none.Len() != 0 {
		t.Errorf("encrypting without a passphrase: got %v and %d bytes", err, none.Len())
	}
	cut := file.Bytes()[:file.Len()/2]
	if _, err := OpenSigningKey(cut, "correct horse"); err == nil {
		t.Error("half a file was opened")
	}
	tampered := bytes.Replace(file.Bytes(), []byte("\n"), []byte("\nAAAA"), 3)
	if _, err := OpenSigningKey(tampered, "correct horse"); err == nil {
		t.Error("a tampered file was opened")
	}
}

// A key that any program could use is no person's.
func TestUnprotectedKeyRefused(t *testing.T) {
	key := newKey(t)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var toKey bytes.Buffer
	armored := armor.NewWriter(&toKey)
	w, err := age.Encrypt(armored, identity.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(key.key.Seed()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), armored.Close()); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"the bare seed":            key.key.Seed(),
		"base64":                   []byte(base64.StdEncoding.EncodeToString(key.key.Seed())),
		"PEM":                      []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
		"empty":                    nil,
		"encrypted to another key": toKey.Bytes(),
	} {
		if _, err := OpenSigningKey(file, "correct horse"); !errors.Is(err, ErrNoPassphrase) {
			t.Errorf("%s: got %v, want ErrNoPassphrase", name, err)
		}
	}
}

func TestOpenSigningKeyWantsASeed(t *testing.T) {
	recipient, err := age.NewScryptRecipient("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(cheap)
	for _, n := range []int{0, 31, 33, 4096} {
		var file bytes.Buffer
		armored := armor.NewWriter(&file)
		w, err := age.Encrypt(armored, recipient)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(make([]byte, n))
		if err := errors.Join(err, w.Close(), armored.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenSigningKey(file.Bytes(), "correct horse"); err == nil {
			t.Errorf("%d bytes were taken for a key", n)
		}
	}
}

func FuzzCode(f *testing.F) {
	code, err := newKey(f).Sign(someStatement()).Code()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(code)
	f.Add(" " + code + "\n")
	f.Add("")
	f.Add("AQ" + strings.Repeat("_", 128)) // an expiry of 2⁶⁴-1
	f.Fuzz(func(t *testing.T, in string) {
		sig, err := ParseCode(in)
		if err != nil {
			if !errors.Is(err, ErrBadCode) {
				t.Fatalf("got %v, want ErrBadCode", err)
			}
			return
		}
		code, err := sig.Code()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseCode(code)
		if err != nil || again.KeyID != sig.KeyID || again.Nonce != sig.Nonce ||
			again.Expires.Unix() != sig.Expires.Unix() || !bytes.Equal(again.Sig, sig.Sig) {
			t.Fatalf("got %+v, %v, want %+v", again, err, sig)
		}
	})
}
