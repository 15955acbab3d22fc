package flysim

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// secrets are an app's secrets. The platform keeps digests and never a value, because no program
// here reads one.
type secrets struct {
	version uint64 // of all secrets together; every change increases it
	byName  map[string]*appSecret
	keys    map[string]*appKey
}

// appKey is a key that the platform keeps for the app's programs. It is only a record: there is no
// key material here, and nothing is signed or encrypted.
type appKey struct {
	kind   string
	public string // of a key pair
}

type appSecret struct {
	digest           string
	created, updated time.Time
}

// secretDigest returns a digest that shows whether a secret changed, but not its value.
func secretDigest(app *appState, name, value string) string {
	sum := sha256.Sum256([]byte(app.id + "\x00" + name + "\x00" + value))
	return hex.EncodeToString(sum[:8])
}

// setSecrets sets secrets of the app and returns the new version of its secrets.
func (s *platformState) setSecrets(a *appState, values map[string]string, now time.Time) uint64 {
	if a.secrets.byName == nil {
		a.secrets.byName = make(map[string]*appSecret)
	}
	for name, value := range values {
		known := a.secrets.byName[name]
		if known == nil {
			known = &appSecret{created: now}
			a.secrets.byName[name] = known
		}
		known.digest, known.updated = secretDigest(a, name, value), now
	}
	return a.secrets.next(len(values) > 0)
}

// unsetSecrets removes those of the named secrets that the app has, and returns the version of the
// rest.
func (s *platformState) unsetSecrets(a *appState, names []string) uint64 {
	before := len(a.secrets.byName)
	for _, name := range names {
		delete(a.secrets.byName, name)
	}
	return a.secrets.next(len(a.secrets.byName) != before)
}

func (s *secrets) next(changed bool) uint64 {
	if changed {
		s.version++
	}
	return s.version
}

// names returns the names of the secrets, sorted.
func (s *secrets) names() []string { return slices.Sorted(maps.Keys(s.byName)) }

// validSecretName reports whether a secret of that name can be given to a program.
func validSecretName(name string) bool {
	return name != "" && len(name) <= 255 && !strings.ContainsAny(name, "=\x00 \t\r\n/")
}
