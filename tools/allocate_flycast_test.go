package tools

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const toPartner = "[[rule]]\ntools = ['allocate_flycast']\ndecision = 'auto'\naccept = ['open_to_other_network']\n"

// allocations counts those the platform recorded.
func (w *seededServer) allocations() (n int) {
	for _, call := range w.Writes() {
		if call.Operation == "graphql.allocateIpAddress" {
			n++
		}
	}
	return n
}

func (w *seededServer) wantJournal(text string) {
	w.t.Helper()
	data, err := os.ReadFile(w.journal)
	if err != nil || !strings.Contains(string(data), text) {
		w.t.Errorf("the journal lacks %s (%v):\n%s", text, err, data)
	}
}

func TestAllocateComparesPublicAddresses(t *testing.T) {
	w := newSeededServer(t, "", flysim.Options{})
	var out address.AllocateResult
	w.call("allocate_flycast", map[string]any{"app": "tenant-7"}, &out)
	if want := "Its public addresses did not change."; out.Status != plan.Applied ||
		!strings.Contains(out.Summary, want) {
		t.Errorf("got %s: %s, want %q", out.Status, out.Summary, want)
	}
	w.wantJournal(`"verb":"allocate_address","target":"` + out.Address + `"`)

	added := ""
	w.Inject(flysim.Fault{Operation: "graphql.allocateIpAddress",
		Before: func(p *flysim.Platform) { added = p.AddAddress("shop-api", "v4", "", "") }})
	out = address.AllocateResult{}
	w.call("allocate_flycast", map[string]any{"app": "shop-api"}, &out)
	if want := added + " (dedicated IPv4) is new"; out.Status != plan.Applied ||
		!strings.Contains(out.Summary, want) || strings.Contains(out.Summary, "as they were") {
		t.Errorf("got %s: %s, want %q", out.Status, out.Summary, want)
	}

	w.Inject(flysim.Fault{Operation: "graphql.allocateIpAddress",
		Before: func(p *flysim.Platform) { p.RemoveAddress("legacy-api", "137.66.18.204") }})
	out = address.AllocateResult{}
	w.call("allocate_flycast", map[string]any{"app": "legacy-api"}, &out)
	if want := "137.66.18.204 (dedicated IPv4) is gone"; !strings.Contains(out.Summary, want) {
		t.Errorf("got %s, want %q", out.Summary, want)
	}
}

// The platform allocates a public address where a private one was asked for.
func TestAllocateGetsPublicAddress(t *testing.T) {
	w := newSeededServer(t, "", flysim.Options{})
	w.RemoveAddress("inner-circle", "fdaa:2:1c4f:0:1::2")
	w.OnRequest = func(_ string, body []byte) []byte {
		if bytes.Contains(body, []byte("allocateIpAddress(")) {
			return bytes.Replace(body, []byte(`"private_v6"`), []byte(`"v6"`), 1)
		}
		return body
	}
	var out address.AllocateResult
	w.call("allocate_flycast", map[string]any{"app": "inner-circle"}, &out)
	list := w.Platform.Addresses("inner-circle")
	if len(list) != 1 || list[0].Kind != "v6" {
		t.Fatalf("the platform holds %v", list)
	}
	ip := list[0].IP
	command := "fly ips release " + ip + " -a inner-circle"
	switch {
	case out.Status != plan.Failed, out.Code != gate.VerifyFailed, out.Address != ip,
		!strings.Contains(out.Summary, ip+", a PUBLIC address"):
		t.Errorf("got %s %s %s: %s", out.Status, out.Code, out.Address, out.Summary)
	case len(out.Steps) != 1 || out.Steps[0].State != plan.Done || out.Steps[0].Note != ip:
		t.Errorf("got steps %+v", out.Steps)
	case len(out.Undo) != 1 || out.Undo[0] != command:
		t.Errorf("got undo %q, want %q", out.Undo, command)
	case len(out.Next) != 1 || out.Next[0].Who != "person" || out.Next[0].Command != command:
		t.Errorf("got next %+v", out.Next)
	}
	w.wantJournal(`"verb":"allocate_address","target":"` + ip + `"`)
}

// The same, with the answer lost: what appeared is told.
func TestAllocateUnseenTellsPublicChanges(t *testing.T) {
	w := newSeededServer(t, "", flysim.Options{})
	added := ""
	w.Inject(flysim.Fault{Operation: "graphql.allocateIpAddress", Reset: flysim.ResetBefore,
		Before: func(p *flysim.Platform) { added = p.AddAddress("shop-api", "v4", "", "") }})
	out := w.allocate("shop-api", "")
	if want := "changed in the meantime: " + added; out.Status != plan.Failed ||
		!strings.Contains(out.Summary, want) || out.Next[len(out.Next)-1].Who != "person" {
		t.Errorf("got %s: %s, next %+v", out.Status, out.Summary, out.Next)
	}
}

func TestAllocateChecksForeignOrganization(t *testing.T) {
	organization := regexp.MustCompile(`,"organizationId":"[^"]*"`)
	forgotten := func(_ string, body []byte) []byte { // the platform takes the app's own organization
		if bytes.Contains(body, []byte("allocateIpAddress(")) {
			return organization.ReplaceAll(body, nil)
		}
		return body
	}
	inList := regexp.MustCompile(`"organization":\{"slug":"partner"\}`)
	tests := []struct {
		name            string
		request, answer func(path string, body []byte) []byte
		noMachines      bool
		status          plan.Status
		say             string // in the summary, or among the unknown
	}{
		{"as asked", nil, nil, false, plan.Applied, "has the Flycast address"},
		{"own network", forgotten, nil, false, plan.Failed, "is on the app's own network"},
		{"own organization, no Machine tells the network", forgotten, nil, true, plan.Failed,
			`of organization "personal", not of "partner"`},
		{"organization not told", nil, func(_ string, body []byte) []byte {
			return inList.ReplaceAll(body,
				[]byte(`"organization":null`))
		}, false, plan.Applied, "which organization's network"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSeededServer(t, toPartner, flysim.Options{})
			if tt.noMachines {
				for _, id := range w.MachineIDs("shop-api") {
					w.DestroyMachine("shop-api", id)
				}
			}
			w.OnRequest, w.OnAnswer = tt.request, tt.answer
			var out address.AllocateResult
			w.call("allocate_flycast", map[string]any{"app": "shop-api", "org": "partner"}, &out)
			if text := out.Summary + strings.Join(out.Unknown, "\n"); out.Status != tt.status ||
				!strings.Contains(text, tt.say) {
				t.Errorf("got %s: %s, want %s, %q", out.Status, text, tt.status, tt.say)
			}
			if out.Status == plan.Failed && (out.Code != gate.VerifyFailed || len(out.Undo) == 0 ||
				out.Next[0].Who != "person") {
				t.Errorf("got %s, undo %q, next %+v", out.Code, out.Undo, out.Next)
			}
			if tt.name == "as asked" { // again: it is there
				w.call("allocate_flycast", map[string]any{"app": "shop-api", "org": "partner"}, &out)
				if out.Status != plan.NothingToDo || w.allocations() != 1 {
					t.Errorf("again: got %s and %d allocations", out.Status, w.allocations())
				}
			}
		})
	}
}

// If an address of an unknown network exists, none is allocated.
func TestAllocateUnclearNetwork(t *testing.T) {
	w := newSeededServer(t, toPartner, flysim.Options{})
	for _, id := range w.MachineIDs("inner-circle") {
		w.DestroyMachine("inner-circle", id)
	}
	network := regexp.MustCompile(`"network":\{[^{}]*(\{[^{}]*\})?[^{}]*\}`)
	w.OnAnswer = func(_ string, body []byte) []byte { return network.ReplaceAll(body, []byte(`"network":null`)) }
	for _, arguments := range []map[string]any{{"app": "inner-circle"}, {"app": "inner-circle", "org": "partner"}} {
		var out address.AllocateResult
		w.call("allocate_flycast", arguments, &out)
		if out.Code != gate.Precondition || !strings.Contains(out.Summary, "fdaa:2:1c4f:0:1::2") {
			t.Errorf("%v: got %s: %s", arguments, out.Code, out.Summary)
		}
	}
	if n := w.allocations(); n != 0 {
		t.Errorf("%d allocations were sent", n)
	}
}

// A list that lags more than is waited for: the repeated call sends nothing.
func TestAllocateUnsettled(t *testing.T) {
	const lag = 16 // readings: more than an allocation waits for
	w := newSeededServer(t, toPartner, flysim.Options{ListLag: lag})
	if out := w.allocate("shop-api", ""); out.Status != plan.Failed || out.Code != gate.PlatformError {
		t.Fatalf("got %s %s: %s", out.Status, out.Code, out.Summary)
	}
	w.wantJournal(`"verb":"allocate_address","target":"personal/default"`)
	out := w.allocate("shop-api", "")
	if out.Code != gate.Busy || out.Retry != gate.RetryAfterWait || out.RetryAfterS <= 0 ||
		out.RetryAfterS > 600 || out.Next[0].Tool != "list_ips" {
		t.Errorf("repeated: got %s %s %d, next %+v", out.Code, out.Retry, out.RetryAfterS, out.Next)
	}
	if n := w.allocations(); n != 1 {
		t.Errorf("%d allocations were sent, want 1", n)
	}
	// Another app and another network are others.
	w.allocate("tenant-7", "")
	w.allocate("shop-api", "partner")
	if n := w.allocations(); n != 3 {
		t.Errorf("%d allocations were sent, want 3", n)
	}
	// The list shows it at last: there is nothing left to do.
	for range lag {
		if _, err := w.toolset.fly.Addresses(t.Context(), "shop-api"); err != nil {
			t.Fatal(err)
		}
	}
	if out := w.allocate("shop-api", ""); out.Status != plan.NothingToDo || out.Address == "" {
		t.Errorf("listed: got %s: %s", out.Status, out.Summary)
	}
}

// An allocation whose outcome is known does not stand in the way of another.
func TestAllocateSettled(t *testing.T) {
	w := newSeededServer(t, toPartner, flysim.Options{})
	out := w.allocate("shop-api", "")
	w.RemoveAddress("shop-api", out.Address)
	if out := w.allocate("shop-api", ""); out.Status != plan.Applied {
		t.Errorf("after a release: got %s: %s", out.Status, out.Summary)
	}
	w.Inject(flysim.Fault{Operation: "graphql.allocateIpAddress", Status: 403})
	if out := w.allocate("legacy-api", ""); out.Status != plan.Failed {
		t.Fatalf("got %s: %s", out.Status, out.Summary)
	}
	if out := w.allocate("legacy-api", ""); out.Status != plan.Applied {
		t.Errorf("after a refusal: got %s: %s", out.Status, out.Summary)
	}
	// One that never reached the platform is sent again after ten minutes.
	w.Inject(flysim.Fault{Operation: "graphql.allocateIpAddress", Reset: flysim.ResetBefore})
	if out := w.allocate("game-server", ""); out.Code != gate.PlatformError {
		t.Fatalf("got %s: %s", out.Code, out.Summary)
	}
	if out := w.allocate("game-server", ""); out.Code != gate.Busy {
		t.Errorf("got %s: %s", out.Code, out.Summary)
	}
	w.Clock().Advance(10 * time.Minute)
	if out := w.allocate("game-server", ""); out.Status != plan.Applied {
		t.Errorf("after ten minutes: got %s: %s", out.Status, out.Summary)
	}
}

func (w *seededServer) allocate(app, org string) (out address.AllocateResult) {
	w.t.Helper()
	arguments := map[string]any{"app": app}
	if org != "" {
		arguments["org"] = org
	}
	w.call("allocate_flycast", arguments, &out)
	return out
}
