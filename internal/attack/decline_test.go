package attack

import (
	"sync"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// sign approves a ticket as the terminal does.
func (s *singleServer) sign(t *testing.T, ticket string) {
	t.Helper()
	req, err := s.requests.Load(ticket)
	if err != nil {
		t.Fatal(err)
	}
	code, err := s.key.Sign(req.Statement(req.Digest)).Code()
	if err == nil {
		err = s.requests.Answer(ticket, gate.ApprovalAnswer{Approved: true, Code: code, At: s.clock.Now()})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestReplyBeatsASignature: while a person reads the form, somebody signs the same
// plan in a terminal. Whatever comes back from the form is the answer of that call;
// a no ends the signature, too.
func TestReplyBeatsASignature(t *testing.T) {
	wrong := mcp.ElicitationResponse{Action: "accept", Content: map[string]any{"app": "another", "confirm": false}}
	for _, wire := range wires() {
		t.Run(wire.name, func(t *testing.T) {
			for name, tt := range map[string]struct {
				reply mcp.ElicitationResponse
				takes time.Duration
				code  string
				then  string // status of the next identical call, by a client that cannot ask
			}{
				"no": {reply: mcp.ElicitationResponse{Action: "decline"}, takes: 5 * time.Second,
					code: "declined", then: "refused"},
				"late no": {reply: mcp.ElicitationResponse{Action: "decline"}, takes: answerWithin + time.Minute,
					code: "declined", then: "refused"},
				"instant no": {reply: mcp.ElicitationResponse{Action: "decline"}, code: "unavailable", then: "applied"},
				"cancel": {reply: mcp.ElicitationResponse{Action: "cancel"}, takes: 5 * time.Second,
					code: "no_answer", then: "applied"},
				"unconfirmed": {reply: wrong, takes: 5 * time.Second, code: "not_confirmed", then: "applied"},
				"late yes": {reply: asks("accept").ElicitationResponse, takes: answerWithin + time.Minute,
					code: "expired", then: "applied"},
			} {
				s := newSingleServer(t, 0)
				var once sync.Once
				plain := s.openPlain(t, wire.transport, wire.version)
				c := s.open(t, wire.transport, wire.version, func(mcp.ElicitationRequest) *mcp.ElicitationResult {
					once.Do(func() { s.sign(t, release(t, plain).Approval.Ticket) })
					s.clock.Advance(tt.takes)
					return &mcp.ElicitationResult{ElicitationResponse: tt.reply}
				})
				if got := release(t, c); got.Code != tt.code || s.releases() != 0 {
					t.Errorf("%s: got %v, %d released", name, got, s.releases())
				}
				if got := release(t, plain); got.Status != tt.then || s.releases() != map[string]int{"applied": 1}[tt.then] {
					t.Errorf("%s, and then: got %v, %d released", name, got, s.releases())
				}
				if tt.then != "refused" {
					continue
				}
				s.clock.Advance(9 * time.Minute)
				if got := release(t, plain); got.Code != "declined" {
					t.Errorf("%s, nine minutes later: %v", name, got)
				}
				s.clock.Advance(time.Minute)
				if got := release(t, plain); got.Status != "needs_approval" || s.releases() != 0 {
					t.Errorf("%s, ten minutes later: %v", name, got)
				}
			}
		})
	}
}

// openPlain is a client that cannot be asked.
func (s *singleServer) openPlain(t *testing.T, via, version string) *mcpclient.Client {
	t.Helper()
	return s.start(t, mcpclient.NewClient(s.connect[via](t), mcpclient.WithProtocolVersion(version)), version)
}
