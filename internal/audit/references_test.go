package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

func TestReferences(t *testing.T) {
	for value, want := range map[string]string{
		"https://other.flycast":                          "other.flycast true",
		"http://other.flycast:8080/x":                    "other.flycast false",
		"postgres://u:p@top1.nearest.of.db.internal:543": "db.internal false",
		"https://user:pass@other.fly.dev/":               "other.fly.dev true",
		"HTTPS://Other.Fly.Dev":                          "other.fly.dev true",
		"own.internal":                                   "",
		"_api.internal":                                  "",
		"https://example.com/other.flycastle":            "",
		"global.vip.instances._internal":                 "",
		"a.flycast,b.flycast":                            "a.flycast false;b.flycast false",
	} {
		var got []string
		for _, r := range references("own", map[string]string{"URL": value}) {
			got = append(got, fmt.Sprintf("%s %t", r.host(), r.https))
		}
		slices.Sort(got)
		if strings.Join(got, ";") != want {
			t.Errorf("%q names %q, want %q", value, got, want)
		}
	}
}

// FuzzReferences holds that nothing of a value is kept but the names of other apps.
func FuzzReferences(f *testing.F) {
	f.Add("https://user:secret@other.flycast:80/path?x=y", "own")
	f.Add("iad.a.b.internal \x00 .fly.dev", "a")
	f.Fuzz(func(t *testing.T, value, own string) {
		for _, r := range references(own, map[string]string{"URL": value}) {
			if !fly.ValidAppName(r.app) || r.app == own || !slices.Contains([]string{"fly.dev", "flycast", "internal"}, r.domain) {
				t.Errorf("%q: %+v", value, r)
			}
		}
	})
}
