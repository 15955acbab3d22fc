package flysim

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// FuzzParseListen checks that accepted text parses to the same result once it is written out.
func FuzzParseListen(f *testing.F) {
	for _, text := range []string{"", "8080", ":8080", "0.0.0.0:8080", "[::]:1,tcp6://[::]:2",
		"localhost:80, fly-local-6pn:81", "udp://*:53", "1.2.3.4:0", "://", "[::1%lo]:80"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sockets, err := ParseListen(text)
		if err != nil {
			return
		}
		again, err := ParseListen(strings.Join(sockets, ","))
		if err != nil || !slices.Equal(again, sockets) {
			t.Errorf("%q: %q, then %q, %v", text, sockets, again, err)
		}
		for _, s := range sockets {
			if !parseSocket(s).valid() {
				t.Errorf("%q: nothing can listen on %q", text, s)
			}
		}
	})
}

// FuzzParseDuration checks the bounds of a duration in the API.
func FuzzParseDuration(f *testing.F) {
	for _, raw := range []string{``, `null`, `"5s"`, `"300"`, `5000000000`, `-1`, `"-9223372036"`,
		`"-18446744073"`, `"-9223372036854775808"`, `"x"`, `"1h30m"`, `{}`} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		d, err := parseDuration(json.RawMessage(raw))
		if err == nil && (d < 0 || d > maxKillTimeout) {
			t.Errorf("%s: %s", raw, d)
		}
		if err == nil && d > 0 && strings.HasPrefix(strings.Trim(raw, `"`), "-") {
			t.Errorf("%s, a negative one: %s", raw, d)
		}
	})
}
