package flysim

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
)

// idSource makes the platform's identifiers. They look like Fly's and depend only on what was
// requested before, so that two platforms with the same requests have the same ids.
type idSource struct{ count map[string]int }

func (g *idSource) next(kind string) (int, [sha256.Size]byte) {
	g.count[kind]++
	n := g.count[kind]
	return n, sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, n))
}

// crockford is the alphabet of ULIDs.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// machine returns a Machine id: 14 hexadecimal digits.
func (g *idSource) machine() string {
	_, sum := g.next("machine")
	return "3d8" + hex.EncodeToString(sum[:])[:11]
}

// instance returns the id of a Machine's version: 26 digits like a ULID. Later ones sort after
// earlier ones and after those of the fixture.
func (g *idSource) instance() string {
	n, sum := g.next("instance")
	return fmt.Sprintf("01S%07d", n) + crockford.EncodeToString(sum[:10])
}

// ulid returns any other ULID-like id.
func (g *idSource) ulid(kind string) string {
	n, sum := g.next(kind)
	return fmt.Sprintf("01J%07d", n) + crockford.EncodeToString(sum[:10])
}

// opaque returns a lower-case id with a prefix.
func (g *idSource) opaque(kind, prefix string, digits int) string {
	_, sum := g.next(kind)
	return prefix + hex.EncodeToString(sum[:])[:digits]
}

// number returns the next number of a count that starts at base.
func (g *idSource) number(kind string, base int) int {
	n, _ := g.next(kind)
	return base + n
}

// name returns a Machine name such as quiet-river-4821.
func (g *idSource) name() string {
	n, sum := g.next("name")
	first := []string{"quiet", "dry", "autumn", "silent", "bold", "morning", "small", "winter"}
	second := []string{"river", "star", "field", "snow", "forest", "hill", "moon", "rain"}
	return fmt.Sprintf("%s-%s-%d", first[int(sum[0])%len(first)], second[int(sum[1])%len(second)], 1000+n)
}
