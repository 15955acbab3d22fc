package private

import "testing"

func TestNamesAny(t *testing.T) {
	public := namesAny("", []string{"api.fly.dev", "api.example.com"})
	internal := namesAny(`(?:[a-z0-9_-]+\.)*`, []string{"api.internal"})
	for _, c := range []struct {
		value            string
		public, internal bool
	}{
		{"https://api.fly.dev", true, false},
		{"https://API.fly.dev:443/v1", true, false},
		{"postgres://user:secret@api.fly.dev/db", true, false},
		{"api.fly.dev.", true, false},
		{"a.example.com,api.example.com", true, false},
		{"https://shop-api.fly.dev", false, false}, // another app
		{"https://api.fly.development", false, false},
		{"https://api.fly.dev.example.org", false, false},
		{"https://v2.api.example.com", false, false}, // another hostname
		{"https://apixfly.dev", false, false},
		{"http://api.internal:8080", false, true},
		{"http://iad.api.internal:8080", false, true},
		{"http://top1.nearest.of.api.internal", false, true},
		{"http://shop-api.internal:8080", false, false}, // another app
		{"http://api.internal.example.com", false, false},
		{"http://api.flycast", false, false},
		{"", false, false},
	} {
		if got := public.MatchString(c.value); got != c.public {
			t.Errorf("%q names the public address: got %t, want %t", c.value, got, c.public)
		}
		if got := internal.MatchString(c.value); got != c.internal {
			t.Errorf("%q names the internal address: got %t, want %t", c.value, got, c.internal)
		}
	}
}
