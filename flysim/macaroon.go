package flysim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/superfly/macaroon"
	"github.com/superfly/macaroon/flyio"
	"github.com/superfly/macaroon/resset"
)

// mintMacaroon makes a token that its holders can narrow by themselves, for one organization or one
// existing app. From such tokens flyctl makes those that only read, run commands or add peers.
func (s *platformState) mintMacaroon(org *organization, scope Scope, now time.Time) (*accessToken, error) {
	t := &accessToken{id: s.ids.opaque("token id", "tok_", 16), scope: scope, created: now}
	seed := s.ids.opaque("token", "", 64)
	key, err := hex.DecodeString(seed)
	if err != nil {
		return nil, err
	}
	m, err := macaroon.New([]byte(t.id), flyio.LocationPermission, macaroon.SigningKey(key))
	if err != nil {
		return nil, err
	}
	salt := sha256.Sum256([]byte(seed))
	m.Nonce.Rnd = salt[:len(m.Nonce.Rnd)] // random numbers depend only on what was requested before
	mac := hmac.New(sha256.New, key)
	mac.Write(m.Nonce.MustEncode())
	m.Tail = mac.Sum(nil)
	if err := m.Add(s.caveats(org, scope, now)...); err != nil {
		return nil, err
	}
	if t.secret, err = m.String(); err != nil {
		return nil, err
	}
	t.key = key
	s.keep(t, now)
	return t, nil
}

// caveats returns the caveats of a new token, which say what it may do. A token of an app may also
// add peers and use builders, because deploys need both (Fly docs, "Access tokens").
func (s *platformState) caveats(org *organization, scope Scope, now time.Time) []macaroon.Caveat {
	list := []macaroon.Caveat{&flyio.Organization{ID: uint64(org.number), Mask: resset.ActionAll}}
	if a := s.apps[scope.App]; a != nil {
		list = append(list, &resset.IfPresent{
			Ifs: macaroon.NewCaveatSet(
				&flyio.Apps{Apps: resset.New(resset.ActionAll, uint64(a.number))},
				&flyio.FeatureSet{Features: resset.New(resset.ActionAll, flyio.FeatureWireGuard, flyio.FeatureRemoteBuilders)},
			),
			Else: resset.ActionRead,
		})
	}
	if !scope.Expires.IsZero() {
		list = append(list, &macaroon.ValidityWindow{NotBefore: now.Unix(), NotAfter: scope.Expires.Unix()})
	}
	return list
}

// maxMacaroon is the size of the largest macaroon that is examined, in bytes.
const maxMacaroon = 16 << 10

// present finds the token that a secret is, or was derived from. It checks signatures, but not
// caveats.
func (s *platformState) present(secret string) (presentedToken, bool) {
	if !strings.HasPrefix(secret, "fm2_") {
		i := slices.IndexFunc(s.tokens, func(t *accessToken) bool { return t.key == nil && t.secret == secret })
		if i < 0 {
			return presentedToken{}, false
		}
		return presentedToken{accessToken: s.tokens[i]}, true
	}
	raws, err := macaroon.Parse(secret)
	if err != nil || len(raws[0]) > maxMacaroon || !lengthsFit(raws[0]) {
		return presentedToken{}, false
	}
	m, err := macaroon.Decode(raws[0])
	if err != nil {
		return presentedToken{}, false
	}
	i := slices.IndexFunc(s.tokens, func(t *accessToken) bool { return t.key != nil && t.id == string(m.Nonce.KID) })
	if i < 0 {
		return presentedToken{}, false
	}
	caveats, err := m.Verify(macaroon.SigningKey(s.tokens[i].key), nil, nil)
	if err != nil {
		return presentedToken{}, false
	}
	return presentedToken{s.tokens[i], caveats}, true
}

// maxNesting is how deep the values of a macaroon may be nested.
const maxNesting = 32

// lengthsFit reports whether every length in a MessagePack document fits into the document. The decoder
// of macaroons allocates what a length says before it reads on.
func lengthsFit(raw []byte) bool {
	open := []uint64{1} // how many values are still to come, for each enclosing value
	for len(open) > 0 {
		last := len(open) - 1
		if open[last] == 0 {
			open = open[:last]
			continue
		}
		open[last]--
		if len(raw) == 0 {
			return false
		}
		head := raw[0]
		raw = raw[1:]
		number := func(width int) uint64 {
			if len(raw) < width {
				raw = nil
				return 1 << 32 // more than there is
			}
			n := binary.BigEndian.Uint64(append(make([]byte, 8-width), raw[:width]...))
			raw = raw[width:]
			return n
		}
		var skip, values uint64
		switch {
		case head < 0x80 || head >= 0xe0 || head == 0xc0 || head == 0xc2 || head == 0xc3:
		case head < 0x90:
			values = 2 * uint64(head&0x0f)
		case head < 0xa0:
			values = uint64(head & 0x0f)
		case head < 0xc0:
			skip = uint64(head & 0x1f)
		case head >= 0xc4 && head <= 0xc6:
			skip = number(1 << (head - 0xc4))
		case head >= 0xc7 && head <= 0xc9:
			skip = number(1<<(head-0xc7)) + 1
		case head == 0xca || head == 0xcb:
			skip = 4 << (head - 0xca)
		case head >= 0xcc && head <= 0xcf:
			skip = 1 << (head - 0xcc)
		case head >= 0xd0 && head <= 0xd3:
			skip = 1 << (head - 0xd0)
		case head >= 0xd4 && head <= 0xd8:
			skip = 1<<(head-0xd4) + 1
		case head >= 0xd9 && head <= 0xdb:
			skip = number(1 << (head - 0xd9))
		case head == 0xdc || head == 0xdd:
			values = number(2 << (head - 0xdc))
		case head == 0xde || head == 0xdf:
			values = 2 * number(2<<(head-0xde))
		default:
			return false
		}
		if skip > uint64(len(raw)) || values > uint64(len(raw)) {
			return false
		}
		raw = raw[skip:]
		if values > 0 {
			if len(open) == maxNesting {
				return false
			}
			open = append(open, values)
		}
	}
	return len(raw) == 0
}
