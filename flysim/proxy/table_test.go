package proxy

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// TestTableOfOthers checks that an app's table is made again when the app changes, and not when
// other apps change.
func TestTableOfOthers(t *testing.T) {
	platform := flysim.New(flysim.Options{})
	machines := make(map[string]string)
	for _, app := range []string{"shop-api", "other"} {
		platform.AddApp(app, "personal", "")
		machines[app] = platform.AddMachine(app, "iad", spec.Config{})
	}
	p := New(Options{Platform: platform})
	look := func() *routingTable {
		t.Helper()
		now, err := p.table("shop-api")
		if err != nil {
			t.Fatal(err)
		}
		if !now.isCurrent(platform.Revision(), platform.Clock().Now()) {
			t.Error("the table was made again without a change")
		}
		return now
	}
	before := look()
	platform.StopMachine("other", machines["other"])
	if look() != before {
		t.Error("another app changed, and the table was made again")
	}
	platform.StopMachine("shop-api", machines["shop-api"])
	after := look()
	if after == before || after.site.Machines[0].State != "stopped" {
		t.Errorf("the app changed, and its table says %s", after.site.Machines[0].State)
	}
}
