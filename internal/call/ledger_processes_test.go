package call_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
)

// openLedger opens a state folder's journal as another process would.
func openLedger(t *testing.T, state string, now func() time.Time) call.Ledger {
	t.Helper()
	return call.Ledger{Journal: journaltest.Open(t, state, now)}
}

// A cap is a cap among all processes that share a state folder: counting and
// using are one act.
func TestCapAmongProcesses(t *testing.T) {
	const rounds, most, each = 30, 2, 4
	now := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	state := t.TempDir()
	ledgers := []call.Ledger{openLedger(t, state, now), openLedger(t, state, now)}
	for round := range rounds {
		rule := fmt.Sprintf("rule %d", round)
		var all sync.WaitGroup
		granted := make(chan struct{}, 2*each)
		for i := range 2 * each {
			all.Go(func() {
				err := ledgers[i%2].Burn(gate.Use{
					Nonce: fmt.Sprintf("%d-%d", round, i), Expires: now().Add(time.Hour), Asked: now(), Limit: most,
					Tool: "deploy", App: "shop-api", Digest: "d", Approval: gate.Approval{Channel: gate.ChannelPolicy, By: rule},
				})
				switch {
				case err == nil:
					granted <- struct{}{}
				case !errors.Is(err, gate.ErrCapReached):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(granted); n != most {
			t.Errorf("round %d: %d approved, want %d", round, n, most)
		}
		if n, err := ledgers[0].CountUses(rule, now().Add(-time.Hour)); n != most || err != nil {
			t.Errorf("round %d: %d recorded, %v", round, n, err)
		}
	}
}

// One nonce counts once among all processes.
func TestNonceAmongProcesses(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	state := t.TempDir()
	ledgers := []call.Ledger{openLedger(t, state, now), openLedger(t, state, now)}
	for round := range 20 {
		var all sync.WaitGroup
		granted := make(chan struct{}, 4)
		for i := range 4 {
			all.Go(func() {
				err := ledgers[i%2].Burn(gate.Use{Nonce: fmt.Sprint(round), Expires: now().Add(time.Hour),
					Asked: now(), Tool: "deploy", App: "shop-api"})
				if err == nil {
					granted <- struct{}{}
				} else if !errors.Is(err, gate.ErrReplayed) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := len(granted); n != 1 {
			t.Errorf("round %d: used %d times", round, n)
		}
	}
}

// A no holds for every process, and after a restart; it is of one plan, and of what
// was asked for before it.
func TestNoAmongProcesses(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	state := t.TempDir()
	one, two := openLedger(t, state, now), openLedger(t, state, now)
	if err := one.Deny(gate.Denial{Tool: "deploy", App: "shop-api", Digest: "d", Caller: "local",
		Reason: "not on a Friday"}); err != nil {
		t.Fatal(err)
	}
	use := func(nonce, digest string, asked time.Time) gate.Use {
		return gate.Use{Nonce: nonce, Expires: at.Add(time.Hour), Asked: asked, Tool: "deploy",
			App: "shop-api", Digest: digest}
	}
	for name, l := range map[string]call.Ledger{"this": one, "another": two, "a new": openLedger(t, state, now)} {
		no, ok, err := l.LastDenial("deploy", "shop-api", "d")
		if err != nil || !ok || no.Caller != "local" || no.Reason != "not on a Friday" || !no.At.Equal(at) {
			t.Errorf("%s process: got %+v, %v, %v", name, no, ok, err)
		}
		if err := l.Burn(use(name, "d", at)); !errors.Is(err, gate.ErrWithdrawn) {
			t.Errorf("%s process: got %v, want ErrWithdrawn", name, err)
		}
		if err := l.Burn(use(name, "other", at)); err != nil {
			t.Errorf("%s process, another plan: %v", name, err)
		}
		if err := l.Burn(use(name+" later", "d", at.Add(time.Second))); err != nil {
			t.Errorf("%s process, asked after the no: %v", name, err)
		}
	}
	at = at.Add(gate.DenialLife)
	if _, ok, err := two.LastDenial("deploy", "shop-api", "d"); !ok || err != nil {
		t.Errorf("forgotten while an approval from before it could be used: %v, %v", ok, err)
	}
}
