package fly

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// write is one way to change something. prepare does what has to come before
// and returns the write itself.
type write struct {
	name      string
	operation string
	prepare   func(*testing.T, *sandbox.Platform, *FlyGo) func(context.Context) error
}

func writes() []write {
	const app = "shop-api"
	return []write{
		{"allocate", "graphql.allocateIpAddress", func(t *testing.T, _ *sandbox.Platform, c *FlyGo) func(context.Context) error {
			own := ownNetwork(t, c, app)
			grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: app, Target: own.Target()})
			return func(ctx context.Context) error { _, err := c.AllocateFlycast(ctx, grant, app, own); return err }
		}},
		{"release", "graphql.releaseIpAddress", func(t *testing.T, _ *sandbox.Platform, c *FlyGo) func(context.Context) error {
			return func(ctx context.Context) error { return release(t, ctx, c) }
		}},
		{"lease", "lease.acquire", func(t *testing.T, p *sandbox.Platform, c *FlyGo) func(context.Context) error {
			id := p.MachineIDs(app)[0]
			grant := grantFor(t, gate.Step{Verb: gate.LeaseMachine, App: app, Target: id})
			return func(ctx context.Context) error {
				_, err := c.LeaseMachine(ctx, grant, app, id, time.Minute)
				return err
			}
		}},
		{"refresh lease", "lease.acquire", func(t *testing.T, p *sandbox.Platform, c *FlyGo) func(context.Context) error {
			lease := leased(t, c, app, p.MachineIDs(app)[0])
			return func(ctx context.Context) error { return lease.Refresh(ctx, time.Minute) }
		}},
		{"release lease", "lease.release", func(t *testing.T, p *sandbox.Platform, c *FlyGo) func(context.Context) error {
			return leased(t, c, app, p.MachineIDs(app)[0]).Release
		}},
		{"update", "machine.update", func(t *testing.T, p *sandbox.Platform, c *FlyGo) func(context.Context) error {
			id := p.MachineIDs(app)[0]
			update := Update{ID: id, Config: p.MachineConfig(app, id), CurrentInstance: p.Machine(app, id).InstanceID, Lease: leased(t, c, app, id)}
			grant := grantFor(t, gate.Step{Verb: gate.UpdateMachine, App: app, Target: update.Target()})
			return func(ctx context.Context) error { _, err := c.UpdateMachine(ctx, grant, app, update); return err }
		}},
	}
}

func ownNetwork(t *testing.T, c *FlyGo, app string) Network {
	t.Helper()
	record, err := c.App(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	return Network{Organization: record.Organization, Name: record.Network}
}

func TestWritesAreSentOnce(t *testing.T) {
	const ambiguous = gate.Code("ambiguous")
	tests := []struct {
		name  string
		fault sandbox.Fault
		want  gate.Code
	}{
		{"fine", sandbox.Fault{Operation: "nothing"}, ""},
		{"500", sandbox.Fault{Status: 500}, ambiguous},
		{"502", sandbox.Fault{Status: 502}, ambiguous},
		{"503", sandbox.Fault{Status: 503, RetryAfter: time.Second}, ambiguous},
		{"504", sandbox.Fault{Status: 504}, ambiguous},
		{"408", sandbox.Fault{Status: 408}, ambiguous},
		{"done, then 502", sandbox.Fault{Status: 502, EffectThenStatus: true}, ambiguous},
		{"reset before", sandbox.Fault{Reset: sandbox.ResetBefore}, ambiguous},
		{"reset after", sandbox.Fault{Reset: sandbox.ResetAfter}, ambiguous},
		{"half an answer", sandbox.Fault{Malformed: true}, ambiguous},
		{"401", sandbox.Fault{Status: 401}, gate.Unauthorized},
		{"403", sandbox.Fault{Status: 403}, gate.Unauthorized},
		{"404", sandbox.Fault{Status: 404}, gate.NotFound},
		{"422", sandbox.Fault{Status: 422}, gate.InvalidInput},
		{"429", sandbox.Fault{Status: 429, RetryAfter: 7 * time.Second}, gate.RateLimited},
	}
	// What the answer of these says is not needed, or means the same as success.
	exceptions := map[string]gate.Code{
		"refresh lease/half an answer": "",
		"release lease/half an answer": "",
		"release lease/404":            "",
	}
	for _, w := range writes() {
		for _, test := range tests {
			name := w.name + "/" + test.name
			t.Run(name, func(t *testing.T) {
				p, client := sandboxClient(t, sandbox.Options{})
				do := w.prepare(t, p, client)
				p.ResetCalls()
				test.fault.Times = -1
				p.Inject(test.fault)
				err := do(t.Context())

				want, excepted := exceptions[name]
				if !excepted {
					want = test.want
				}
				var unknown *Ambiguous
				var coded *Error
				switch {
				case want == ambiguous:
					if !errors.As(err, &unknown) || errors.As(err, &coded) {
						t.Errorf("got %v, want *Ambiguous", err)
					} else if unknown.Status != test.fault.Status {
						t.Errorf("status %d, want %d", unknown.Status, test.fault.Status)
					}
				case errors.As(err, &unknown):
					t.Errorf("got %v, want code %q", err, want)
				default:
					checkCode(t, err, want)
				}
				if errors.As(err, &coded) && coded.RetryAfter != test.fault.RetryAfter {
					t.Errorf("retry after %v, want %v", coded.RetryAfter, test.fault.RetryAfter)
				}
				if errors.As(err, &coded) && (coded.RequestID == "" || !strings.HasSuffix(coded.Message, "; nothing was changed")) {
					t.Errorf("error %+v lacks the request id, or what did not happen", coded)
				}
				if got := operations(p.Calls()); !slices.Equal(got, []string{w.operation}) {
					t.Errorf("calls %q, want one %s", got, w.operation)
				}
			})
		}
	}
}

func TestGraphQLRefusalsOfWrites(t *testing.T) {
	tests := []struct {
		name, body string
		ambiguous  bool
		code       gate.Code
	}{
		{"not found", `{"errors":[{"message":"Could not find App","extensions":{"code":"NOT_FOUND"}}]}`, false, gate.NotFound},
		{"unprocessable", `{"errors":[{"message":"no","extensions":{"code":"UNPROCESSABLE"}}]}`, false, gate.InvalidInput},
		{"unauthorized", `{"errors":[{"message":"no","extensions":{"code":"UNAUTHORIZED"}}]}`, false, gate.Unauthorized},
		{"no code", `{"errors":[{"message":"no"}]}`, false, gate.PlatformError},
		{"server error", `{"errors":[{"message":"no","extensions":{"code":"SERVER_ERROR"}}]}`, true, ""},
		{"no data", `{"data":null}`, true, ""},
		{"another shape", `{"data":{"releaseIpAddress":null}}`, true, ""},
		{"not JSON", `<html>`, true, ""},
		{"empty", ` `, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, client := sandboxClient(t, sandbox.Options{})
			p.Inject(sandbox.Fault{Status: 200, Body: test.body})
			err := release(t, t.Context(), client)
			var ambiguous *Ambiguous
			if errors.As(err, &ambiguous) != test.ambiguous {
				t.Errorf("got %v, ambiguous %v", err, !test.ambiguous)
			}
			if !test.ambiguous {
				checkCode(t, err, test.code)
			}
		})
	}
}

func TestAllocateAndRelease(t *testing.T) {
	p, client := sandboxClient(t, sandbox.Options{})
	const app = "tenant-7"
	own := ownNetwork(t, client, app)
	if own.Target() != "personal/tenant-7" {
		t.Fatalf("the app's network is %s", own.Target())
	}
	p.ResetCalls()
	grant := grantFor(t,
		gate.Step{Verb: gate.AllocateAddress, App: app, Target: own.Target()},
		gate.Step{Verb: gate.ReleaseAddress, App: app, Target: "66.241.125.87"})
	address, err := client.AllocateFlycast(t.Context(), grant, app, own)
	if err != nil {
		t.Fatal(err)
	}
	id := p.MachineIDs(app)[0]
	if address.Kind != Flycast || address.Network != "tenant-7" || address.Org != "personal" ||
		NetworkID(address.IP) != NetworkID(netip.MustParseAddr(p.Machine(app, id).PrivateIP)) {
		t.Errorf("got %+v, want an address of the app's own network", address)
	}
	var sent struct {
		Variables struct {
			Input map[string]string `json:"input"`
		} `json:"variables"`
	}
	if err := json.Unmarshal(p.Calls()[0].Body, &sent); err != nil {
		t.Fatal(err)
	}
	input := sent.Variables.Input
	if input["appId"] != app || input["type"] != "private_v6" || input["organizationId"] != own.Organization.ID || input["network"] != "tenant-7" {
		t.Errorf("sent %v", input)
	}
	if err := client.ReleaseAddress(t.Context(), grant, app, netip.MustParseAddr("66.241.125.87")); err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, a := range p.Addresses(app) {
		left = append(left, a.Kind)
	}
	slices.Sort(left)
	if want := []string{"private_v6", "v6"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
	checkCalls(t, p, "graphql.allocateIpAddress", "graphql.releaseIpAddress")

	again := grantFor(t, gate.Step{Verb: gate.ReleaseAddress, App: app, Target: "66.241.125.87"})
	checkCode(t, client.ReleaseAddress(t.Context(), again, app, netip.MustParseAddr("66.241.125.87")), gate.NotFound)
}

func TestAllocateLooksUpTheOrganization(t *testing.T) {
	p, client := sandboxClient(t, sandbox.Options{})
	foreign := Network{Organization: Organization{Slug: "partner"}}
	grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: "shop-api", Target: "partner/"})
	address, err := client.AllocateFlycast(t.Context(), grant, "shop-api", foreign)
	if err != nil || address.Org != "partner" {
		t.Errorf("got %+v, %v, want an address for partner", address, err)
	}
	checkCalls(t, p, "graphql.organization", "graphql.allocateIpAddress")

	p.ResetCalls()
	for _, slug := range []string{"nobody", ""} {
		grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: "shop-api", Target: slug + "/"})
		if _, err := client.AllocateFlycast(t.Context(), grant, "shop-api", Network{Organization: Organization{Slug: slug}}); err == nil {
			t.Errorf("allocated for the organization %q", slug)
		}
	}
	if writes := p.Writes(); len(writes) != 0 {
		t.Errorf("sent %v", operations(writes))
	}
}

func TestAllocationOfPublicAddressIsNoticed(t *testing.T) {
	p, client := sandboxClient(t, sandbox.Options{})
	own := ownNetwork(t, client, "shop-api")
	p.Inject(sandbox.Fault{Status: 200, Body: `{"data":{"allocateIpAddress":{"ipAddress":{"address":"2a09:8280:1::1","type":"v6"}}}}`})
	grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: "shop-api", Target: own.Target()})
	address, err := client.AllocateFlycast(t.Context(), grant, "shop-api", own)
	checkCode(t, err, gate.VerifyFailed)
	if address.IP.String() != "2a09:8280:1::1" || strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("got %+v, %v", address, err)
	}
}

func TestLeaseAndUpdate(t *testing.T) {
	p, client := sandboxClient(t, sandbox.Options{})
	const app = "shop-api"
	id := p.MachineIDs(app)[0]

	// A platform newer than this program: fields it does not know, at every level.
	invented, err := machine.ParseConfig([]byte(strings.Replace(string(mustJSON(t, p.MachineConfig(app, id))), `{`,
		`{"invented":{"deep":[1,2.50,{"x":null}]},"big":12345678901234567890,`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	var services []map[string]json.RawMessage
	if err := json.Unmarshal(invented.Raw("services"), &services); err != nil {
		t.Fatal(err)
	}
	services[0]["new_in_service"] = json.RawMessage(`{"a":"<b>"}`)
	if invented, err = invented.With("services", services); err != nil {
		t.Fatal(err)
	}
	p.SetMachineConfig(app, id, invented)

	m, err := client.Machine(t.Context(), app, id)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := m.Config.With("env", map[string]string{"LOG_LEVEL": "debug"})
	if err != nil {
		t.Fatal(err)
	}
	p.ResetCalls()
	lease := leased(t, client, app, id)
	if lease.App != app || lease.MachineID != id || lease.Owner == "" || p.Machine(app, id).LeaseOwner != lease.Owner {
		t.Errorf("lease %+v, platform says %q", lease, p.Machine(app, id).LeaseOwner)
	}
	if err := lease.Refresh(t.Context(), 2*time.Minute); err != nil {
		t.Error(err)
	}
	update := Update{ID: id, Config: changed, CurrentInstance: m.InstanceID, Lease: lease}
	back := Update{ID: id, Config: m.Config, Lease: lease, PutBack: true}
	grant := grantFor(t,
		gate.Step{Verb: gate.UpdateMachine, App: app, Target: update.Target()},
		gate.Step{Verb: gate.PutBackMachine, App: app, Target: back.Target()})
	after, err := client.UpdateMachine(t.Context(), grant, app, update)
	if err != nil {
		t.Fatal(err)
	}
	if after.InstanceID == m.InstanceID || after.InstanceID != p.Machine(app, id).InstanceID {
		t.Errorf("instance %s after %s", after.InstanceID, m.InstanceID)
	}
	var sent struct {
		Config         map[string]json.RawMessage `json:"config"`
		CurrentVersion string                     `json:"current_version"`
	}
	calls := p.Calls()
	if err := json.Unmarshal(calls[len(calls)-1].Body, &sent); err != nil {
		t.Fatal(err)
	}
	if sent.CurrentVersion != m.InstanceID {
		t.Errorf("current_version %q, want %q", sent.CurrentVersion, m.InstanceID)
	}
	if got, want := string(sent.Config["big"]), "12345678901234567890"; got != want {
		t.Errorf("big number %s, want %s", got, want)
	}
	if changes := machine.Diff(p.MachineConfig(app, id), changed); len(changes) != 0 {
		t.Errorf("the platform's configuration differs from what was meant: %v", changes)
	}

	if _, err := client.UpdateMachine(t.Context(), grant, app, back); CodeOf(err) != gate.Internal {
		t.Errorf("without an instance: %v", err)
	}
	back.CurrentInstance = after.InstanceID
	grant = grantFor(t, gate.Step{Verb: gate.PutBackMachine, App: app, Target: back.Target()})
	if _, err := client.UpdateMachine(t.Context(), grant, app, back); err != nil {
		t.Fatal(err)
	}
	if changes := machine.Diff(p.MachineConfig(app, id), invented); len(changes) != 0 {
		t.Errorf("after putting back: %v", changes)
	}
	for range 2 { // the second finds no lease
		if err := lease.Release(t.Context()); err != nil {
			t.Errorf("releasing: %v", err)
		}
	}
	if owner := p.Machine(app, id).LeaseOwner; owner != "" {
		t.Errorf("%s still holds the lease", owner)
	}
}

func TestUpdateSkipsTheLaunch(t *testing.T) {
	p, client := sandboxClient(t, sandbox.Options{})
	const app = "inner-circle"
	id := p.MachineIDs(app)[1]
	m, err := client.Machine(t.Context(), app, id)
	if err != nil || m.State != "stopped" {
		t.Fatalf("%s, %v", m.State, err)
	}
	update := Update{ID: id, Config: m.Config, CurrentInstance: m.InstanceID, Lease: leased(t, client, app, id), SkipLaunch: true}
	grant := grantFor(t, gate.Step{Verb: gate.UpdateMachine, App: app, Target: update.Target()})
	if _, err := client.UpdateMachine(t.Context(), grant, app, update); err != nil {
		t.Fatal(err)
	}
	if state := p.Machine(app, id).State; state != "stopped" {
		t.Errorf("the Machine is %s, want stopped", state)
	}
}

func TestOthersGetInTheWay(t *testing.T) {
	const app, other = "shop-api", "mallory@example.com"
	p, client := sandboxClient(t, sandbox.Options{})
	id := p.MachineIDs(app)[0]
	m, err := client.Machine(t.Context(), app, id)
	if err != nil {
		t.Fatal(err)
	}
	update := func(lease *Lease, instance string) error {
		u := Update{ID: id, Config: m.Config, CurrentInstance: instance, Lease: lease}
		_, err := client.UpdateMachine(t.Context(), grantFor(t, gate.Step{Verb: gate.UpdateMachine, App: app, Target: u.Target()}), app, u)
		return err
	}
	p.HoldLease(app, id, other, time.Hour)
	_, err = client.LeaseMachine(t.Context(), grantFor(t, gate.Step{Verb: gate.LeaseMachine, App: app, Target: id}), app, id, time.Minute)
	checkCode(t, err, gate.Busy)
	if err == nil || !strings.Contains(err.Error(), other) {
		t.Errorf("%v does not name the owner", err)
	}
	p.DropLease(app, id)

	lease := leased(t, client, app, id)
	p.DropLease(app, id)
	p.HoldLease(app, id, other, time.Hour)
	checkCode(t, update(lease, m.InstanceID), gate.Busy)
	checkCode(t, lease.Refresh(t.Context(), time.Minute), gate.Busy)
	if err := lease.Release(t.Context()); err != nil {
		t.Errorf("releasing a lease that is gone: %v", err)
	}
	if owner := p.Machine(app, id).LeaseOwner; owner != other {
		t.Errorf("the other's lease is held by %q", owner)
	}
	p.DropLease(app, id)

	lease = leased(t, client, app, id)
	checkCode(t, update(lease, "01AN0THER1NSTANCE"), gate.Stale)
	for name, wrong := range map[string]*Lease{
		"none": nil, "empty": {}, "another Machine's": leased(t, client, app, p.MachineIDs(app)[1]),
	} {
		p.ResetCalls()
		if err := update(wrong, m.InstanceID); CodeOf(err) != gate.Internal {
			t.Errorf("lease %s: %v", name, err)
		}
		checkCalls(t, p)
	}
}

// TestSecretsStayOut lets a platform repeat what it was sent in its errors.
func TestSecretsStayOut(t *testing.T) {
	const secret = "correct horse battery"
	for _, status := range []int{400, 401, 403, 404, 409, 412, 418, 422, 429, 500, 503} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/lease") {
				_, _ = io.WriteString(w, `{"data":{"nonce":"nonce-of-the-lease"}}`)
				return
			}
			var body struct {
				Config struct {
					Env map[string]string `json:"env"`
				} `json:"config"`
			}
			_ = json.NewDecoder(r.Body).Decode(&body)
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": strings.Join([]string{
				r.Header.Get("Authorization"), body.Config.Env["PASSWORD"], r.Header.Get("Fly-Machine-Lease-Nonce"),
				"\x1b[31mred\u202e\u200b\n\"quoted\"", strings.Repeat("x", 500)}, " ")})
		}))
		client, _ := testClient(t, server.URL)
		config, err := machine.ParseConfig([]byte(`{"env":{"PASSWORD":"` + secret + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		update := Update{ID: "0a", Config: config, CurrentInstance: "i", Lease: leased(t, client, "shop-api", "0a")}
		grant := grantFor(t, gate.Step{Verb: gate.UpdateMachine, App: "shop-api", Target: update.Target()})
		_, updated := client.UpdateMachine(t.Context(), grant, "shop-api", update)
		_, read := client.Machines(t.Context(), "shop-api")
		_, asked := client.App(t.Context(), "shop-api")
		for _, err := range []error{updated, read, asked} {
			if err == nil {
				t.Fatalf("%d is no error", status)
			}
			text := err.Error()
			for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
				text += cause.Error()
			}
			for _, hush := range []string{testToken, secret, "nonce-of-the-lease", "\x1b", "\u202e", "\u200b", "\n"} {
				if strings.Contains(text, hush) {
					t.Errorf("%d: %q is in %q", status, hush, text)
				}
			}
			if len(text) > 400 {
				t.Errorf("%d: %d characters", status, len(text))
			}
		}
		server.Close()
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
