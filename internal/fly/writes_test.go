package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// write is one way to change something. prepare does what has to come before
// and returns the write itself.
type writeCase struct {
	name      string
	operation string
	prepare   func(*testing.T, *flysim.Platform, *Client) func(context.Context) error
}

func addressAndLeaseWrites() []writeCase {
	const app = "shop-api"
	return []writeCase{
		{"allocate", "graphql.allocateIpAddress",
			func(t *testing.T, _ *flysim.Platform, c *Client) func(context.Context) error {
				own := ownNetwork(t, c, app)
				grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: app, Target: own.Target()})
				return func(ctx context.Context) error { _, err := c.AllocateFlycast(ctx, grant, app, own); return err }
			}},
		{"release", "graphql.releaseIpAddress",
			func(t *testing.T, _ *flysim.Platform, c *Client) func(context.Context) error {
				return func(ctx context.Context) error { return releaseSharedV4(t, ctx, c) }
			}},
		{"lease", "lease.acquire", func(t *testing.T, p *flysim.Platform, c *Client) func(context.Context) error {
			id := p.MachineIDs(app)[0]
			grant := grantFor(t, gate.Step{Verb: gate.LeaseMachine, App: app, Target: id})
			return func(ctx context.Context) error {
				_, err := c.LeaseMachine(ctx, grant, app, id, time.Minute, nil)
				return err
			}
		}},
		{"refresh lease", "lease.acquire", func(t *testing.T, p *flysim.Platform, c *Client) func(context.Context) error {
			lease := leased(t, c, app, p.MachineIDs(app)[0])
			return func(ctx context.Context) error { return lease.Refresh(ctx, time.Minute) }
		}},
		{"release lease", "lease.release", func(t *testing.T, p *flysim.Platform, c *Client) func(context.Context) error {
			return leased(t, c, app, p.MachineIDs(app)[0]).Release
		}},
		{"update", "machine.update", func(t *testing.T, p *flysim.Platform, c *Client) func(context.Context) error {
			id := p.MachineIDs(app)[0]
			update := Update{ID: id, Config: machineConfig(t, p, app, id),
				CurrentInstance: p.Machine(app, id).InstanceID, Lease: leased(t, c, app, id)}
			grant := grantFor(t, gate.Step{Verb: gate.UpdateMachine, App: app, Target: update.Target()})
			return func(ctx context.Context) error { _, err := c.UpdateMachine(ctx, grant, app, update); return err }
		}},
	}
}

// steered are the writes of a Machine's state, each under its lease.
func steered() []writeCase {
	const app = "shop-api"
	type method func(*Client, context.Context, *gate.Grant, string, string, *Lease) error
	var list []writeCase
	for _, steer := range []struct {
		name, operation string
		verb            gate.Verb
		do              method
	}{
		{"start", "machine.start", gate.StartMachine, (*Client).StartMachine},
		{"stop", "machine.stop", gate.StopMachine, (*Client).StopMachine},
		{"destroy", "machine.destroy", gate.DestroyMachine, (*Client).DestroyMachine},
		{"cordon", "machine.cordon", gate.CordonMachine, (*Client).CordonMachine},
		{"uncordon", "machine.uncordon", gate.UncordonMachine, (*Client).UncordonMachine},
	} {
		list = append(list, writeCase{steer.name, steer.operation,
			func(t *testing.T, p *flysim.Platform, c *Client) func(context.Context) error {
				id := p.AddMachine(app, "iad", machineConfig(t, p, app, p.MachineIDs(app)[0]))
				lease := leased(t, c, app, id)
				grant := grantFor(t, gate.Step{Verb: steer.verb, App: app, Target: id})
				return func(ctx context.Context) error { return steer.do(c, ctx, grant, app, id, lease) }
			}})
	}
	return list
}

// recorded are the writes of what is new: Machines, volumes, releases, labels.
func recorded() []writeCase {
	const app = "shop-api"
	return []writeCase{
		{"create", "machine.create", func(t *testing.T, p *flysim.Platform, c *Client) func(context.Context) error {
			machine := NewMachine{Config: machineConfig(t, p, app, p.MachineIDs(app)[0]), Region: "iad", LeaseTTL: time.Minute}
			grant := grantFor(t, gate.Step{Verb: gate.CreateMachine, App: app, Target: machine.Target()})
			return func(ctx context.Context) error { _, _, err := c.CreateMachine(ctx, grant, app, machine); return err }
		}},
		{"metadata", "machine.metadata.set", func(t *testing.T, p *flysim.Platform, c *Client) func(context.Context) error {
			id := p.MachineIDs(app)[0]
			grant := grantFor(t, gate.Step{Verb: gate.SetMetadata, App: app, Target: MetadataTarget(id, "colour", "blue")})
			return func(ctx context.Context) error { return c.SetMachineMetadata(ctx, grant, app, id, "colour", "blue") }
		}},
		{"volume", "volume.create", func(t *testing.T, _ *flysim.Platform, c *Client) func(context.Context) error {
			volume := NewVolume{Name: "data", Region: "iad", SizeGB: 2, Encrypted: true}
			grant := grantFor(t, gate.Step{Verb: gate.CreateVolume, App: app, Target: volume.Target()})
			return func(ctx context.Context) error { _, err := c.CreateVolume(ctx, grant, app, volume); return err }
		}},
		{"new release", "release.create", func(t *testing.T, _ *flysim.Platform, c *Client) func(context.Context) error {
			release := NewRelease{Definition: []byte(`{"app":"shop-api"}`), Image: "nginx", Strategy: "rolling"}
			grant := grantFor(t, gate.Step{Verb: gate.CreateRelease, App: app, Target: release.Target()})
			return func(ctx context.Context) error { _, err := c.CreateRelease(ctx, grant, app, release); return err }
		}},
		{"release status", "release.update", func(t *testing.T, _ *flysim.Platform, c *Client) func(context.Context) error {
			release, err := c.Release(t.Context(), app)
			if err != nil {
				t.Fatal(err)
			}
			grant := grantFor(t, gate.Step{Verb: gate.UpdateRelease, App: app, Target: "failed"})
			return func(ctx context.Context) error {
				return c.UpdateRelease(ctx, grant, app, release, ReleaseUpdate{Status: ReleaseFailed, Problem: "it did not start"})
			}
		}},
	}
}

func ownNetwork(t *testing.T, c *Client, app string) Network {
	t.Helper()
	record, err := c.Addresses(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	return Network{Organization: record.App.Organization, Name: record.App.Network}
}

func TestWritesAreSentOnce(t *testing.T) {
	const ambiguous = gate.Code("ambiguous")
	tests := []struct {
		name  string
		fault flysim.Fault
		want  gate.Code
	}{
		{"fine", flysim.Fault{Operation: "nothing"}, ""},
		{"500", flysim.Fault{Status: 500}, ambiguous},
		{"502", flysim.Fault{Status: 502}, ambiguous},
		{"503", flysim.Fault{Status: 503, RetryAfter: time.Second}, ambiguous},
		{"504", flysim.Fault{Status: 504}, ambiguous},
		{"408", flysim.Fault{Status: 408}, ambiguous},
		{"done, then 502", flysim.Fault{Status: 502, EffectThenStatus: true}, ambiguous},
		{"reset before", flysim.Fault{Reset: flysim.ResetBefore}, ambiguous},
		{"reset after", flysim.Fault{Reset: flysim.ResetAfter}, ambiguous},
		{"half an answer", flysim.Fault{Malformed: true}, ambiguous},
		{"401", flysim.Fault{Status: 401}, gate.Unauthorized},
		{"403", flysim.Fault{Status: 403}, gate.Unauthorized},
		{"404", flysim.Fault{Status: 404}, gate.NotFound},
		{"422", flysim.Fault{Status: 422}, gate.InvalidInput},
		{"429", flysim.Fault{Status: 429, RetryAfter: 7 * time.Second}, gate.RateLimited},
	}
	// What the answer of these says is not needed, or means the same as success.
	exceptions := map[string]gate.Code{
		"refresh lease/half an answer":  "",
		"release lease/half an answer":  "",
		"release lease/404":             "",
		"start/half an answer":          "",
		"stop/half an answer":           "",
		"destroy/half an answer":        "",
		"cordon/half an answer":         "",
		"uncordon/half an answer":       "",
		"metadata/half an answer":       "",
		"release status/half an answer": "",
	}
	for _, w := range slices.Concat(addressAndLeaseWrites(), steered(), recorded()) {
		p, url := platform(t, flysim.Options{})
		for _, test := range tests {
			name := w.name + "/" + test.name
			t.Run(name, func(t *testing.T) {
				p.ClearFaults()
				p.DropLease("shop-api", p.MachineIDs("shop-api")[0])
				client, _ := testClient(t, url, func(o *Options) { o.Token = NewToken(p.Token()) })
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
				var coded *plan.Problem
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
		{"not found", `{"errors":[{"message":"Could not find App","extensions":{"code":"NOT_FOUND"}}]}`, false,
			gate.NotFound},
		{"unprocessable", `{"errors":[{"message":"no","extensions":{"code":"UNPROCESSABLE"}}]}`, false, gate.InvalidInput},
		{"unauthorized", `{"errors":[{"message":"no","extensions":{"code":"UNAUTHORIZED"}}]}`, false, gate.Unauthorized},
		{"unauthorized without a code", `{"errors":[{"message":"You are not authorized"}]}`, false, gate.Unauthorized},
		{"no code", `{"data":{"releaseIpAddress":null},"errors":[{"message":"Something went wrong"}]}`, true, ""},
		{"a code that is not known",
			`{"errors":[{"message":"could not find a worker","extensions":{"code":"TROUBLE"}}]}`, true, ""},
		{"server error", `{"errors":[{"message":"no","extensions":{"code":"SERVER_ERROR"}}]}`, true, ""},
		{"no data", `{"data":null}`, true, ""},
		{"another shape", `{"data":{"releaseIpAddress":null}}`, true, ""},
		{"not JSON", `<html>`, true, ""},
		{"empty", ` `, true, ""},
	}
	p, client := sandboxClient(t, flysim.Options{})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p.Inject(flysim.Fault{Status: 200, Body: test.body})
			err := releaseSharedV4(t, t.Context(), client)
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
	p, client := sandboxClient(t, flysim.Options{})
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
	if input["appId"] != app || input["type"] != "private_v6" || input["organizationId"] != own.Organization.ID ||
		input["network"] != "tenant-7" {
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
	p, client := sandboxClient(t, flysim.Options{})
	foreign := Network{Organization: Organization{Slug: "partner"}}
	grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: "shop-api", Target: "partner/default"})
	address, err := client.AllocateFlycast(t.Context(), grant, "shop-api", foreign)
	if err != nil || address.Org != "partner" {
		t.Errorf("got %+v, %v, want an address for partner", address, err)
	}
	checkCalls(t, p, "graphql.organization", "graphql.allocateIpAddress")

	p.ResetCalls()
	for _, slug := range []string{"nobody", ""} {
		grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: "shop-api", Target: slug + "/default"})
		if _, err := client.AllocateFlycast(t.Context(), grant, "shop-api",
			Network{Organization: Organization{Slug: slug}}); err == nil {
			t.Errorf("allocated for the organization %q", slug)
		}
	}
	if writes := p.Writes(); len(writes) != 0 {
		t.Errorf("sent %v", operations(writes))
	}
}

func TestAllocationOfPublicAddressIsNoticed(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	own := ownNetwork(t, client, "shop-api")
	p.Inject(flysim.Fault{Status: 200,
		Body: `{"data":{"allocateIpAddress":{"ipAddress":{"address":"2a09:8280:1::1","type":"v6"}}}}`})
	grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: "shop-api", Target: own.Target()})
	address, err := client.AllocateFlycast(t.Context(), grant, "shop-api", own)
	checkCode(t, err, gate.VerifyFailed)
	if address.IP.String() != "2a09:8280:1::1" || strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("got %+v, %v", address, err)
	}
}

// TestNotSent: only what certainly never left wraps ErrNotSent.
func TestNotSent(t *testing.T) {
	p, url := platform(t, flysim.Options{})
	client, _ := testClient(t, url, func(o *Options) { o.Token = NewToken(p.Token()) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := releaseSharedV4(t, ctx, client); !errors.Is(err, ErrNotSent) || len(p.Writes()) != 0 {
		t.Errorf("cancelled: %v, %v sent", err, operations(p.Writes()))
	}
	for _, fault := range []flysim.Fault{{Status: 409}, {Status: 404}, {Status: 500}, {Reset: flysim.ResetAfter}} {
		p.Inject(fault)
		if err := releaseSharedV4(t, t.Context(), client); err == nil || errors.Is(err, ErrNotSent) {
			t.Errorf("%+v: %v", fault, err)
		}
	}
}
