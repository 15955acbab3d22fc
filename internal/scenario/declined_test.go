package scenario

import (
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestDeclined checks what a person's no leaves behind: the answer names it with its undo, and
// list_ips remembers the no for a while.
func TestDeclined(t *testing.T) {
	w := newWorld(t, setup{answer: func(string) mcp.ElicitationResponseAction { return mcp.ElicitationResponseActionDecline }})
	w.begin("shop-api")
	address := w.call("allocate_flycast", args{"app": "shop-api"}).wantStatus(t, plan.Applied)
	draft := w.call("patch_services", args{"app": "shop-api"}).Draft
	got := w.call("deploy", args{"app": "shop-api", "draft": draft}).wantStatus(t, plan.Refused)
	if len(got.Left) == 0 || !strings.Contains(got.Left[0], "fly ips release") {
		t.Errorf("left %q, want the address with its undo (%s)", got.Left, address.Summary)
	}
	w.Clock().Advance(5 * time.Minute)
	w.call("list_ips", args{"app": "shop-api"}).wantText(t, "a person declined deploy 5 minutes ago")
	w.Clock().Advance(2 * time.Hour)
	if got := w.call("list_ips", args{"app": "shop-api"}); strings.Contains(got.text, "declined") {
		t.Errorf("a no of two hours ago is still told:\n%s", got.text)
	}
}

// TestUnreachableGoesOn checks the answer to a release that leaves the app unreachable: it says so,
// and names what to do next.
func TestUnreachableGoesOn(t *testing.T) {
	w := newWorld(t, setup{})
	w.begin("shop-api")
	w.call("allocate_flycast", args{"app": "shop-api"}).wantStatus(t, plan.Applied)
	got := w.call("release_public_ips", args{"app": "shop-api", "allow_unreachable": true}).wantStatus(t, plan.Applied)
	got.wantText(t, "NOTHING REACHES IT NOW", "reach: nothing")
	if len(got.Next) == 0 || got.Next[0].Tool == "" {
		t.Errorf("next %s, want the call that goes on", mustJSON(got.Next))
	}
}
