package placeholder

import "testing"

// Which form a value has is tested by internal/fly, with the messages.
func TestIsUnexpanded(t *testing.T) {
	for value, want := range map[string]bool{
		"${FLY_APP}": true, `"$FLY_APP"`: true, "{{ app }}": true, "{env:FLY_APP}": true, "%FLY_APP%": true,
		"shop-api": false, "": false, "%": false, "your-app": false, "100%": false,
	} {
		if got := IsUnexpanded(value); got != want {
			t.Errorf("%q: got %t, want %t", value, got, want)
		}
	}
	for value, want := range map[string]bool{"${FLY_API_TOKEN}": true, "<token>": true, "fo1_abc": false, "": false} {
		if form, advice, got := Find(value); got != want || got != (form != "") || got != (advice != "") {
			t.Errorf("%q: got %q, %q, %t, want %t", value, form, advice, got, want)
		}
	}
}
