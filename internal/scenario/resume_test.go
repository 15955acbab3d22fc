package scenario

import (
	"net/http"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestMakePrivateResumes lets each writing operation fail once, before and after it took effect. The
// same call, in the same server or in one that was started again, does what is left: one address,
// nothing twice, and the app ends private.
func TestMakePrivateResumes(t *testing.T) {
	operations := []string{"graphql.allocateIpAddress", "release.create", "lease.acquire", "machine.update",
		"graphql.addWireGuardPeer", "graphql.removeWireGuardPeer", "graphql.releaseIpAddress"}
	for _, operation := range operations {
		for _, hasEffect := range []bool{false, true} {
			for _, restart := range []bool{false, true} {
				name := operation + map[bool]string{true: ", answer lost"}[hasEffect] + map[bool]string{true: ", restarted"}[restart]
				t.Run(name, func(t *testing.T) {
					w := newWorld(t, setup{})
					w.Inject(flysim.Fault{Operation: operation, Status: http.StatusInternalServerError, EffectThenStatus: hasEffect})
					w.exampleFile("shop-api")
					w.begin("shop-api")
					arguments := args{"app": "shop-api", "path": "fly.toml"}
					got := w.call("make_private", arguments)
					for range 4 {
						if got.Status == plan.Applied || got.Status == plan.NothingToDo {
							break
						}
						if len(got.Next) == 0 {
							t.Errorf("no next after %s: %s", got.Status, got.Summary)
						}
						if restart {
							w.start(setup{})
						}
						w.Clock().Advance(journeyPause)
						got = w.call("make_private", arguments)
					}
					if !w.isPrivate("shop-api") {
						t.Errorf("not private: %s\n%s", got.Status, got.text)
					}
					if n := w.duplicates("shop-api"); n > 0 {
						t.Errorf("%d Flycast addresses too many", n)
					}
					if w.noRoute > 0 {
						t.Errorf("no route for %v", w.noRoute)
					}
					if len(w.unasked) > 0 {
						t.Errorf("writes that nobody approved: %v", w.unasked)
					}
					if left := w.Peers(); len(left) > 0 && !strings.Contains(got.text, "fly wireguard remove") {
						t.Errorf("peers %v are left, and the answer does not say so:\n%s", left, got.text)
					}
				})
			}
		}
	}
}

// journeyPause is longer than an operation whose outcome is unknown keeps another one from being sent.
const journeyPause = 11 * 60 * 1e9

// TestLeftoverPeer checks that a peer that a killed server added is removed by the next check, and
// that peers of others are not touched.
func TestLeftoverPeer(t *testing.T) {
	w := newWorld(t, setup{})
	const ours, other = "interactive-flycast-mcp-00000000-abc", "interactive-flycast-mcp-ffffffff-abc"
	w.addPeer(ours)
	w.addPeer(other)
	book := journaltest.Open(t, w.state, w.Clock().Now)
	if err := book.Append(journal.Entry{Event: journal.Step, App: "inner-circle", Verb: string(gate.AddPeer), Target: ours}); err != nil {
		t.Fatal(err)
	}
	w.begin("inner-circle")
	w.call("verify_private", args{"app": "inner-circle"}).wantStatus(t, plan.Applied)
	peers := w.Peers()
	if len(peers) != 1 || peers[0].Name != other {
		t.Errorf("peers %v, want only %s", peers, other)
	}
}
