package flysim

import (
	"bytes"
	"encoding/base64"
	"testing"
	"time"

	"github.com/superfly/macaroon"
)

// FuzzPresent presents arbitrary macaroons to the platform.
func FuzzPresent(f *testing.F) {
	s := newState()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	t, err := s.mintMacaroon(s.organizations[0], Scope{Kind: TokenOrg, Org: "personal", Expires: now.Add(time.Hour)}, now)
	if err != nil {
		f.Fatal(err)
	}
	whole, err := macaroon.Parse(t.secret)
	if err != nil {
		f.Fatal(err)
	}
	if _, ok := s.present(t.secret); !ok {
		f.Fatal("the platform's own token is unknown")
	}
	f.Add(whole[0])
	f.Add([]byte("\x94\x93\xc4\x01a\xc4\x01b\xc2\xa1l\x92\x05\x92\x00\x01\xc4\x00"))
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, ok := s.present("fm2_" + base64.StdEncoding.EncodeToString(raw))
		if ok && (h.accessToken == nil || h.caveats == nil) {
			t.Errorf("%x is accepted as %+v", raw, h)
		}
		if ok && !bytes.Equal(raw, whole[0]) && len(h.caveats.Caveats) < 2 {
			t.Errorf("%x lacks a caveat", raw)
		}
	})
}
