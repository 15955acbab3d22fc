package attack

import (
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// TestInstantAnswers: an answer that comes at once is a program's, however long
// it then takes until the gate decides: here the platform is slow, and the clock
// runs on between the answer's arrival and the decision. Nothing is changed, and an
// instant no is not a person's.
func TestInstantAnswers(t *testing.T) {
	for _, wire := range wires() {
		t.Run(wire.name, func(t *testing.T) {
			for _, action := range []mcp.ElicitationResponseAction{"accept", "decline", "cancel"} {
				s := newSingleServer(t, 3*time.Second)
				c := s.open(t, wire.transport, wire.version,
					func(mcp.ElicitationRequest) *mcp.ElicitationResult { return asks(action) })
				got := release(t, c)
				if got.Status != "needs_approval" || got.Code != "unavailable" || got.Approval.Ticket == "" ||
					got.Approval.Command != "approve "+got.Approval.Ticket {
					t.Errorf("an instant %s: %v", action, got)
				}
				if n := s.releases(); n != 0 {
					t.Fatalf("an instant %s: %d addresses released", action, n)
				}
				asked := 0
				person := s.open(t, wire.transport, wire.version, func(mcp.ElicitationRequest) *mcp.ElicitationResult {
					asked++
					s.clock.Advance(3 * time.Second)
					return asks("accept")
				})
				if got := release(t, person); got.Status != "needs_approval" || got.Approval.Ticket == "" || asked != 0 {
					t.Errorf("after an instant %s a form is shown %d times: %v; want the ticket at once", action, asked, got)
				}
			}
		})
	}
}

// TestPeoplesAnswers: what arrives after two seconds is a person's, at once.
func TestPeoplesAnswers(t *testing.T) {
	for _, wire := range wires() {
		t.Run(wire.name, func(t *testing.T) {
			for action, want := range map[mcp.ElicitationResponseAction]string{"accept": "applied ",
				"decline": "refused declined", "cancel": "needs_approval no_answer"} {
				s := newSingleServer(t, 0)
				c := s.open(t, wire.transport, wire.version, func(mcp.ElicitationRequest) *mcp.ElicitationResult {
					s.clock.Advance(2*time.Second + 100*time.Millisecond)
					return asks(action)
				})
				if got := release(t, c); got.Status+" "+got.Code != want {
					t.Errorf("%s: got %v, want %s", action, got, want)
				}
				if n := s.releases(); n != map[bool]int{true: 1}[action == "accept"] {
					t.Errorf("%s: %d addresses released", action, n)
				}
			}
		})
	}
}

// TestLimitIsJudgedByArrival: a yes that arrived in time counts, however slow the
// platform is then, up to as long as a form's yes counts.
func TestLimitIsJudgedByArrival(t *testing.T) {
	for _, wire := range wires() {
		t.Run(wire.name, func(t *testing.T) {
			s := newSingleServer(t, 0)
			c := s.open(t, wire.transport, wire.version, func(mcp.ElicitationRequest) *mcp.ElicitationResult {
				s.clock.Advance(answerWithin - time.Second)
				s.pause = 5 * time.Second
				return asks("accept")
			})
			if got := release(t, c); got.Status != "applied" {
				t.Errorf("in time: %v", got)
			}
			s = newSingleServer(t, 0)
			c = s.open(t, wire.transport, wire.version, func(mcp.ElicitationRequest) *mcp.ElicitationResult {
				s.clock.Advance(answerWithin + time.Second)
				return asks("accept")
			})
			if got := release(t, c); got.Code != "expired" || s.releases() != 0 {
				t.Errorf("too late: %v, %d released", got, s.releases())
			}
		})
	}
}

// TestManyReadsBesideARelease: calls that use up the limiter beside the plan that
// an answer is compared with delay it, and make no program's answer a person's.
func TestManyReadsBesideARelease(t *testing.T) {
	for _, wire := range wires() {
		t.Run(wire.name, func(t *testing.T) {
			s := newSingleServer(t, 600*time.Millisecond)
			other := s.open(t, wire.transport, wire.version, nil)
			var beside sync.WaitGroup
			c := s.open(t, wire.transport, wire.version, func(mcp.ElicitationRequest) *mcp.ElicitationResult {
				var once sync.Once
				s.each(func(string) { // from the first request of the second plan
					once.Do(func() {
						for range 45 {
							beside.Go(func() { callTool(t, other, "list_ips", map[string]any{"app": firstApp}) })
						}
					})
				})
				return asks("accept")
			})
			got := release(t, c)
			beside.Wait()
			if got.Code != "unavailable" || s.releases() != 0 {
				t.Errorf("got %v, %d released", got, s.releases())
			}
		})
	}
}
