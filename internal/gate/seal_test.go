package gate

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func fixedSealer(t testing.TB, b byte) *Sealer {
	t.Helper()
	s, err := NewSealer(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func someState() state {
	at := time.Date(2026, 8, 3, 9, 30, 0, 5, time.UTC)
	return state{
		Version: 1, Tool: "deploy", App: "shop", Caller: "local", Digest: "d0d0", Nonce: newNonce(), Issued: at,
		Expires: at.Add(time.Minute),
		Reasked: true, Facts: sumFacts([]Fact{{"address/1.2.3.4", "shared_v4"}}),
	}
}

func TestSealRoundTrip(t *testing.T) {
	want := someState()
	sealed, err := fixedSealer(t, 1).seal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fixedSealer(t, 1).open(sealed) // another Sealer, the same key
	if err != nil {
		t.Fatal(err)
	}
	if marshal(t, got) != marshal(t, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, word := range []string{"shop", "d0d0", want.Nonce} {
		raw, _ := base64.RawURLEncoding.DecodeString(sealed)
		if strings.Contains(sealed, word) || bytes.Contains(raw, []byte(word)) {
			t.Errorf("the sealed state shows %q", word)
		}
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestOpenRefuses(t *testing.T) {
	s := fixedSealer(t, 1)
	sealed, err := s.seal(someState())
	if err != nil {
		t.Fatal(err)
	}
	old := someState()
	old.Version = 2
	otherVersion, err := s.seal(old)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(sealed)
	sealRaw := func(plain, domain string) string {
		nonce := make([]byte, s.aead.NonceSize())
		return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, []byte(plain), []byte(domain)))
	}
	foreign, err := fixedSealer(t, 2).seal(someState())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"empty":              "",
		"not base64":         "§§§",
		"padded":             base64.URLEncoding.EncodeToString(append(raw, 0)),
		"too short":          base64.RawURLEncoding.EncodeToString(raw[:5]),
		"nonce only":         base64.RawURLEncoding.EncodeToString(raw[:12]),
		"truncated":          sealed[:len(sealed)-4],
		"lengthened":         sealed + "AAAA",
		"twice":              sealed + sealed,
		"foreign key":        foreign,
		"another version":    otherVersion,
		"another domain":     sealRaw(`{"v":1}`, "something else"),
		"no JSON":            sealRaw(`v=1`, sealDomain),
		"huge":               strings.Repeat("A", maxState+1),
		"the plain document": base64.RawURLEncoding.EncodeToString([]byte(marshal(t, someState()))),
	}
	for name, in := range tests {
		if st, err := s.open(in); !errors.Is(err, ErrBadState) || st.Nonce != "" {
			t.Errorf("%s: got %+v, %v, want ErrBadState", name, st, err)
		}
	}
	for i := range raw { // no bit of it may be touched
		bad := bytes.Clone(raw)
		bad[i] ^= 1 << (i % 8)
		if _, err := s.open(base64.RawURLEncoding.EncodeToString(bad)); !errors.Is(err, ErrBadState) {
			t.Fatalf("byte %d flipped: got %v, want ErrBadState", i, err)
		}
	}
}

func TestNewSealerKeySize(t *testing.T) {
	for _, n := range []int{0, 16, 24, 31, 33, 64} {
		if _, err := NewSealer(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was accepted", n)
		}
	}
}

// FuzzState opens what a client sent back, and what somebody sealed who has the
// key but not our format.
func FuzzState(f *testing.F) {
	s := fixedSealer(f, 1)
	sealed, err := s.seal(someState())
	if err != nil {
		f.Fatal(err)
	}
	plain, err := json.Marshal(someState())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, plain)
	f.Add("", []byte(`{"v":1,"i":"2026-08-03T09:30:00+14:00"}`))
	f.Add("", []byte(`{"v":1,"i":"2026-08-03T09:30:00+24:00"}`))
	f.Add("AAAA", []byte(`{"v":1,"f":[null,{}]}`))
	f.Add("====", []byte(`null`))
	f.Fuzz(func(t *testing.T, sealed string, plain []byte) {
		if len(plain) > maxState/2 {
			return
		}
		nonce := make([]byte, s.aead.NonceSize())
		for _, in := range []string{sealed, base64.RawURLEncoding.EncodeToString(s.aead.Seal(nonce, nonce, plain,
			[]byte(sealDomain)))} {
			st, err := s.open(in)
			if err != nil {
				if !errors.Is(err, ErrBadState) {
					t.Fatalf("got %v, want ErrBadState", err)
				}
				continue
			}
			if _, err := json.Marshal(st); err != nil {
				continue // a time zone of 24 hours is read by encoding/json, and not written
			}
			again, err := s.seal(st)
			if err != nil {
				t.Fatal(err)
			}
			back, err := s.open(again)
			if err != nil || marshal(t, back) != marshal(t, st) {
				t.Fatalf("got %+v, %v, want %+v", back, err, st)
			}
		}
	})
}
