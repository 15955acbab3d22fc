package scenario

import (
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
)

// TestFollow lets an agent that only follows next take every example app to its right end.
func TestFollow(t *testing.T) {
	for _, version := range []string{mcp.ProtocolVersion20251125, mcp.ProtocolVersion20260728} {
		for app, want := range map[string]ending{
			"shop-api":   advice, // the file keeps it awake: the user may want that
			"legacy-api": finished, "inner-circle": finished,
			"game-server": waiting, "tenant-7": waiting,
		} {
			t.Run(version+" "+app, func(t *testing.T) {
				w := newWorld(t, setup{version: version})
				w.begin(app)
				a := &agent{world: w}
				end, why := a.follow("list_ips", map[string]any{"app": app})
				t.Logf("%s: %s\n%s\nrequests %d, no route %s", end, why, a.story(), w.requests(), w.noRoute)
				if end != want {
					t.Errorf("ended %s (%s), want %s", end, why, want)
				}
				if end != waiting && !w.isPrivate(app) {
					t.Errorf("%s is not private: %v", app, w.publicAddresses(app))
				}
				if len(w.unasked) > 0 {
					t.Errorf("writes without a question: %v", w.unasked)
				}
			})
		}
	}
}

// TestFollowReleaseFirst lets the same agent begin with "close it now".
func TestFollowReleaseFirst(t *testing.T) {
	for _, version := range []string{mcp.ProtocolVersion20251125, mcp.ProtocolVersion20260728} {
		for app, want := range map[string]ending{
			"shop-api": advice, "legacy-api": finished, "inner-circle": finished, "game-server": waiting, "tenant-7": waiting,
		} {
			t.Run(version+" "+app, func(t *testing.T) {
				w := newWorld(t, setup{version: version})
				w.begin(app)
				a := &agent{world: w}
				end, why := a.follow("make_private", args{"app": app, "order": "release_first"})
				if end != want {
					t.Errorf("ended %s (%s), want %s\n%s", end, why, want, a.story())
				}
				if end != waiting && !w.isPrivate(app) {
					t.Errorf("%s is not private: %v", app, w.publicAddresses(app))
				}
				if end == waiting {
					w.wantNoWrite()
				}
			})
		}
	}
}
