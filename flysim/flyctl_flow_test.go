package flysim_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"
	"github.com/superfly/fly-go/tokens"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// flyctlAgent is the User-Agent of flyctl.
const flyctlAgent = "flyctl/2026.11.22-dev.1795330579 (interactive=false; parent=shell)"

// flyctl sends to a platform what the official client sends: through fly-go where that has the
// call, or else the raw request. The platform listens on a real socket, has rate limits, and takes
// time for changes as `flysim` does.
type flyctl struct {
	t    *testing.T
	p    *flysim.Platform
	app  string
	gql  *fly.Client
	rest *flaps.Client

	leases map[string]string // nonces of a deploy's leases, by Machine
	stale  time.Duration     // time since they were refreshed
}

// newFlyctl has a platform whose clock runs ten times as fast as real time.
func newFlyctl(t *testing.T, app string) *flyctl {
	t.Helper()
	clock := flysim.NewClock(time.Now)
	clock.SetSpeed(10)
	p := seeded(t, flysim.Options{Clock: clock, RateLimits: true, StartDelay: 400 * time.Millisecond,
		CheckDelay: 300 * time.Millisecond})
	server := listening(t, p)
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	credentials := tokens.Parse(p.Token())
	rest, err := flaps.NewWithOptions(t.Context(), flaps.NewClientOpts{UserAgent: flyctlAgent,
		Tokens: credentials, Transport: redirect{to}})
	if err != nil {
		t.Fatal(err)
	}
	name, version, _ := strings.Cut(flyctlAgent, "/")
	gql := fly.NewClientFromOptions(fly.ClientOptions{Tokens: credentials, Name: name, Version: version,
		BaseURL: server.URL})
	p.ResetCalls()
	return &flyctl{t: t, p: p, app: app, gql: gql, rest: rest}
}

// ask sends a request that must succeed.
func (f *flyctl) ask(method, target, body string) reply {
	f.t.Helper()
	got := ask(f.t, f.p, method, target, body, "User-Agent", flyctlAgent)
	if got.status >= http.StatusBadRequest {
		f.t.Fatalf("%s %s: %d %s", method, target, got.status, got.body)
	}
	return got
}

// query sends a GraphQL request that must succeed.
func (f *flyctl) query(text string, variables map[string]any) reply {
	f.t.Helper()
	got := graphQuery(f.t, f.p, text, variables, "User-Agent", flyctlAgent)
	if errs := got.get(f.t, "errors"); got.status != http.StatusOK || errs != "null" {
		f.t.Fatalf("%s: %d %s", text, got.status, got.body)
	}
	return got
}

func (f *flyctl) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// sleep lets time pass, as flyctl does between two looks. Meanwhile it refreshes the leases of a
// deploy every four seconds, as flyctl does in the background.
func (f *flyctl) sleep(d time.Duration) {
	f.t.Helper()
	const every = 4 * time.Second
	for d > 0 {
		step := min(d, every-f.stale)
		f.p.Clock().Advance(step)
		d, f.stale = d-step, f.stale+step
		if f.stale == every {
			f.stale = 0
			f.refresh()
		}
	}
}

// refresh refreshes the leases of a deploy.
func (f *flyctl) refresh() {
	f.t.Helper()
	for id, nonce := range f.leases {
		_, err := f.rest.RefreshLease(f.t.Context(), f.app, id, new(13), nonce)
		f.must(err)
	}
}

// parallel calls do for each element, all at once, and returns the errors.
func parallel[T any](list []T, do func(T) error) error {
	errs := make([]error, len(list))
	var running sync.WaitGroup
	for i, item := range list {
		running.Go(func() { errs[i] = do(item) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// wait waits as flyctl does: it repeats the request until the state is reached.
func (f *flyctl) wait(ctx context.Context, id, state string) error {
	var err error
	for range 5 {
		if err = f.rest.Wait(ctx, f.app, id, flaps.WithWaitStates(state), flaps.WithWaitTimeout(time.Minute)); err == nil {
			return nil
		}
		f.sleep(time.Second)
	}
	return err
}

// smoke looks at a Machine until its last start is ten seconds ago, for at most ten seconds.
func (f *flyctl) smoke(id string) error {
	pause := 500 * time.Millisecond
	for left := 10 * time.Second; left > 0; left -= pause {
		m, err := f.rest.Get(f.t.Context(), f.app, id)
		if err != nil {
			return err
		}
		for _, e := range m.Events {
			if e.Type == "exit" && (e.Request == nil || e.Request.ExitEvent == nil) {
				return errors.New("an exit event without a request: flyctl would panic")
			}
		}
		if start := m.GetLatestEventOfTypeAfterType("start", "launch"); start != nil &&
			f.p.Clock().Now().Sub(start.Time()) > 10*time.Second {
			return nil
		}
		f.sleep(pause)
		pause = min(2*pause, 2*time.Second)
	}
	return nil
}

// healthy looks at a Machine until want of its checks pass.
func (f *flyctl) healthy(id string, want int) error {
	for range 20 {
		m, err := f.rest.Get(f.t.Context(), f.app, id)
		if err != nil {
			return err
		}
		health := m.AllHealthChecks()
		if health.Total == want && health.AllPassing() {
			return nil
		}
		f.sleep(time.Second)
	}
	return errors.New("never healthy: " + id)
}

// deployedMachines returns the app's Machines that flyctl's deploy manages.
func (f *flyctl) deployedMachines() []*fly.Machine {
	f.t.Helper()
	machines, _, err := f.rest.ListFlyAppsMachines(f.t.Context(), f.app)
	f.must(err)
	return machines
}

// check reports refused calls, except the expected ones, which are given as "operation status".
func (f *flyctl) check(expected ...string) {
	f.t.Helper()
calls:
	for _, c := range f.p.Calls() {
		if c.Status < http.StatusBadRequest && c.Status != 0 {
			continue
		}
		for _, e := range expected {
			if operation, status, _ := strings.Cut(e, " "); c.Operation == operation && status == http.StatusText(c.Status) {
				continue calls
			}
		}
		f.t.Errorf("%s %s (%s): %d", c.Method, c.Path, c.Operation, c.Status)
	}
}

// machineConfig parses a configuration into fly-go's type.
func machineConfig(t testing.TB, text string) *fly.MachineConfig {
	t.Helper()
	config := new(fly.MachineConfig)
	if err := json.Unmarshal([]byte(text), config); err != nil {
		t.Fatal(err)
	}
	return config
}
