package gate

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestGrantSpend(t *testing.T) {
	steps := []Step{{ReleaseAddress, "shop", "137.66.1.1"}, {UpdateMachine, "shop", "148e1@aa"}}
	tests := []struct {
		name   string
		grant  *Grant
		verb   Verb
		app    string
		target string
		want   string // part of the refusal; empty: granted
	}{
		{"listed", newGrant(steps, Approval{}), ReleaseAddress, "shop", "137.66.1.1", ""},
		{"nil", nil, ReleaseAddress, "shop", "137.66.1.1", "no grant"},
		{"zero", &Grant{}, ReleaseAddress, "shop", "137.66.1.1", "not a step"},
		{"no steps", newGrant(nil, Approval{}), ReleaseAddress, "shop", "137.66.1.1", "not a step"},
		{"another app", newGrant(steps, Approval{}), ReleaseAddress, "shop2", "137.66.1.1", "not a step"},
		{"another verb", newGrant(steps, Approval{}), AllocateAddress, "shop", "137.66.1.1", "not a step"},
		{"another target", newGrant(steps, Approval{}), ReleaseAddress, "shop", "137.66.1.2", "not a step"},
		{"another configuration", newGrant(steps, Approval{}), UpdateMachine, "shop", "148e1@ab", "not a step"},
		{"a verb of one with the target of another", newGrant(steps, Approval{}), UpdateMachine, "shop",
			"137.66.1.1", "not a step"},
		{"empty", newGrant(steps, Approval{}), "", "", "", "not a step"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.grant.Spend(tt.verb, tt.app, tt.target)
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v, want it granted", err)
				}
				return
			}
			if !errors.Is(err, ErrNotGranted) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrNotGranted with %q", err, tt.want)
			}
		})
	}
}

// A step that stands in the plan twice may be done twice, and no third time.
func TestGrantEachStepOnce(t *testing.T) {
	step := Step{LeaseMachine, "shop", "148e1"}
	g := newGrant([]Step{step, step, {ReleaseAddress, "shop", "a"}}, Approval{})
	for i := range 2 {
		if err := g.Spend(step.Verb, step.App, step.Target); err != nil {
			t.Fatalf("spending %d: %v", i+1, err)
		}
	}
	err := g.Spend(step.Verb, step.App, step.Target)
	if !errors.Is(err, ErrNotGranted) || !strings.Contains(err.Error(), "already spent") {
		t.Errorf("third spending: got %v, want already spent", err)
	}
	if err := g.Spend(ReleaseAddress, "shop", "a"); err != nil {
		t.Errorf("the other step: %v", err)
	}
}

func TestGrantConcurrently(t *testing.T) {
	const n = 64
	g := newGrant([]Step{{ReleaseAddress, "shop", "137.66.1.1"}}, Approval{})
	var won atomic.Int32
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range n {
		wg.Go(func() {
			<-start
			if g.Spend(ReleaseAddress, "shop", "137.66.1.1") == nil {
				won.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of %d spent the one step, want 1", won.Load(), n)
	}
}

func TestGrantApproval(t *testing.T) {
	want := Approval{ChannelTerminal, "0011223344556677"}
	if got := newGrant(nil, want).Approval(); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := (*Grant)(nil).Approval(); got != (Approval{}) {
		t.Errorf("nil grant: got %v, want nobody", got)
	}
}

func TestCodesRetry(t *testing.T) {
	want := map[Code]Retry{
		Declined: RetryNever, NotConfirmed: RetryAfterPerson, NoAnswer: RetryAfterPerson, Unavailable: RetryAfterPerson,
		Expired: RetryNow, Replayed: RetryNow, Stale: RetryNow, Blocked: RetryNever, Precondition: RetryAfterFix,
		InvalidInput: RetryAfterFix, NotFound: RetryAfterPerson, Unauthorized: RetryAfterPerson, Busy: RetryAfterWait,
		RateLimited: RetryAfterWait, PlatformError: RetryNow, VerifyFailed: RetryAfterFix, Internal: RetryNever,
		"": "", "nonsense": "",
	}
	for code, retry := range want {
		if got := code.Retry(); got != retry {
			t.Errorf("%q: got %q, want %q", code, got, retry)
		}
	}
}

func TestParseMode(t *testing.T) {
	for _, s := range []string{"auto", "elicit", "terminal", "deny"} {
		if got, err := ParseMode(s); err != nil || string(got) != s {
			t.Errorf("%q: got %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "Auto", "none", "allow", " auto"} {
		if got, err := ParseMode(s); err == nil || got != "" {
			t.Errorf("%q: got %q, want it refused", s, got)
		}
	}
}

// TestGrantName: steps planned for something that had no name are spent under
// the name it got, once each, and under no other.
func TestGrantName(t *testing.T) {
	grant := newGrant([]Step{{DestroyMachine, "shop", "iad@aa"}, {StartMachine, "shop", "iad@aa"},
		{StartMachine, "shop", "m1"}}, Approval{})
	refused := func(verb Verb, app, target string) {
		t.Helper()
		if err := grant.Spend(verb, app, target); !errors.Is(err, ErrNotGranted) {
			t.Errorf("%s of %s in %s: got %v", verb, target, app, err)
		}
	}
	granted := func(verb Verb, target string) {
		t.Helper()
		if err := grant.Spend(verb, "shop", target); err != nil {
			t.Error(err)
		}
	}
	refused(DestroyMachine, "shop", "m1")
	grant.Name("shop", "iad@aa", "m1")
	refused(DestroyMachine, "shop", "m2")
	refused(DestroyMachine, "other", "m1")
	refused(StopMachine, "shop", "m1")
	granted(DestroyMachine, "m1")
	refused(DestroyMachine, "shop", "m1")
	granted(StartMachine, "m1") // its own
	granted(StartMachine, "m1") // the planned one
	refused(StartMachine, "shop", "m1")
	(*Grant)(nil).Name("shop", "iad@aa", "m1")
}
