package fly

import (
	"slices"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

func TestApps(t *testing.T) {
	tests := []struct {
		apps Apps
		app  string
		want gate.Code
	}{
		{nil, "shop-api", ""},
		{nil, "Shop API", gate.InvalidInput},
		{nil, "", gate.InvalidInput},
		{Apps{"shop-api"}, "shop-api", ""},
		{Apps{"shop-api"}, "shop-ap", gate.Blocked},
		{Apps{"shop-api"}, "shop-api/../legacy-api", gate.InvalidInput},
		{Apps{"shop-api", "legacy-api"}, "legacy-api", ""},
	}
	for _, test := range tests {
		if got := CodeOf(test.apps.Check(test.app)); got != test.want {
			t.Errorf("%v, %q: got %q, want %q", test.apps, test.app, got, test.want)
		}
	}
}

// The transport knows an operation by the app that it names. One that names none
// is sent only if it is known to be harmless.
func TestOperationsThatNameNoApp(t *testing.T) {
	p := flysim.New(flysim.Options{})
	client := restrictedClient(t, p, "shop-api")
	for _, action := range []string{"", actionApps, "machines"} {
		op := client.reading(action, calm())
		if _, err := client.get(t.Context(), op, "/apps/legacy-api/machines"); CodeOf(err) != gate.Internal {
			t.Errorf("%q: got %v, want a refusal", action, err)
		}
	}
	if names, err := client.AppNames(t.Context()); err != nil || !slices.Equal(names, []string{"shop-api"}) {
		t.Errorf("the apps are %q, %v", names, err)
	}
	checkCalls(t, p)
}

// A caller who may not name an app is not told to get a token for it.
func TestForeignAppWithoutToken(t *testing.T) {
	p := flysim.New(flysim.Options{})
	client, _ := testClient(t, "http://127.0.0.1:9", func(o *Options) {
		o.Token, o.HTTP, o.Apps = NewToken(""), p.Transport(), Apps{"shop-api"}
	})
	_, err := client.Machines(t.Context(), "legacy-api")
	checkCode(t, err, gate.Blocked)
	_, err = client.Machines(t.Context(), "shop-api")
	checkCode(t, err, gate.Unauthorized)
	checkCalls(t, p)
}
