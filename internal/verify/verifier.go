package verify

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/peer"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Tool is the name of the tool that only verifies.
const Tool = "verify_private"

// Mode says when a temporary WireGuard peer may be added (--verify).
type Mode string

// The modes.
const (
	Ask   Mode = "ask"   // a person is asked
	Auto  Mode = "auto"  // nobody is asked
	Never Mode = "never" // no peer is added
	// Unapproved is for a check that a person did not approve, or could not be asked about: no peer is
	// added. --verify does not take it.
	Unapproved Mode = "unapproved"
)

// Client is what verifying needs of Fly.
type Client interface {
	rules.Reader
	rules.ProcessReader
}

// Comparer knows which Machines do not have the services of a file.
type Comparer interface {
	Behind(ctx context.Context, app string, file *flytoml.File, list []fly.Machine) (lacking, untested int, err error)
}

// Verifier proves claims.
type Verifier struct {
	Client   Client
	Comparer Comparer
	Peers    *peer.Joiner // nil: no peer is added
	Clock    Clock
	Mode     Mode // empty: [Ask]
	// Internet is where the public name is asked from; nil: nowhere.
	Internet Internet
	// Approvals has the addresses that a person approved; nil: none.
	Approvals rules.StepReader
}

// mayJoin reports whether a peer may be added.
func (v *Verifier) mayJoin() bool { return v.Peers != nil && v.Mode != Never && v.Mode != Unapproved }

// Target is where an app is asked from inside its network.
type Target struct {
	place peer.Place
	ok    bool
}

// TargetOf returns where an app is asked, by its snapshot; own is the network of addresses that do
// not name theirs.
func (v *Verifier) TargetOf(s rules.Snapshot, own fly.Network) Target {
	address, ok := flycastFor(s)
	if !ok || !v.mayJoin() {
		return Target{}
	}
	network := own
	if address.Network != "" {
		network.Name = address.Network
	}
	if address.Org != "" && !own.Organization.HasSlug(address.Org) {
		return Target{} // this token does not cover it
	}
	place := peer.Place{App: s.Addresses.App.Name, Network: network, Flycast: address.IP}
	for _, p := range rules.PlainTargets(s) {
		place.Ports = append(place.Ports, p.Port)
	}
	return Target{place: place, ok: len(place.Ports) > 0}
}

// OwnNetwork returns the app's own network.
func OwnNetwork(s rules.Snapshot) fly.Network {
	return fly.Network{Organization: s.Addresses.App.Organization, Name: s.Addresses.App.Network}
}

// AddSteps adds to a plan what joining the network takes: the steps of the peer and the hazards.
func (v *Verifier) AddSteps(p *plan.Plan, t Target) {
	if !t.ok {
		return
	}
	p.Steps = append(p.Steps, v.Peers.Steps(t.place)...)
	p.Hazard(plan.JoinsPrivateNetwork)
	p.Hazard(plan.StartsMachines)
	p.Gated = p.Gated || v.Mode != Auto
}

// Read reads the app as a proof needs it.
func (v *Verifier) Read(ctx context.Context, app string) (rules.Snapshot, error) {
	s, err := rules.Read(ctx, v.Client, app)
	if err != nil {
		return s, err
	}
	if v.Approvals != nil {
		s = s.WithApprovals(v.Approvals)
	}
	if s.MachinesKnown {
		s.Listening = rules.ReadListening(ctx, v.Client, s)
	}
	return s, nil
}

// Configured proves the claims that Fly's answers alone show, of an app as it was read.
func (v *Verifier) Configured(ctx context.Context, s rules.Snapshot, file *flytoml.File) Report {
	lacking := 0
	if file != nil && s.MachinesKnown {
		n, _, err := v.Comparer.Behind(ctx, s.Addresses.App.Name, file, s.Machines)
		if err != nil {
			file = nil
		}
		lacking = n
	}
	return Configuration(s, file, lacking)
}

// Ask proves the claims that need a place inside, through a temporary peer that the grant allows. The
// addresses are those of the snapshot, which may be newer than the target.
func (v *Verifier) Ask(ctx context.Context, grant *gate.Grant, t Target, s rules.Snapshot) Report {
	if !t.ok {
		return Unproven(s, "no peer was added to the private network")
	}
	address, ok := flycastFor(s)
	if !ok {
		return Unproven(s, "the app has no Flycast address")
	}
	place := t.place
	place.Flycast = address.IP
	joined, err := v.Peers.Join(ctx, grant, place)
	if err != nil {
		return Unproven(s, plan.Message(fmt.Sprintf("the private network could not be joined: %v", err)))
	}
	app := s.Addresses.App.Name
	r := Inside(ctx, joined, Subject{App: s, Flycast: address.IP, Clock: v.Clock,
		Reread: func(ctx context.Context) (rules.Snapshot, error) { return rules.Read(ctx, v.Client, app) }})
	r.Left = joined.Leave()
	return r
}

// Outside proves that the public name and released addresses do not lead to the app.
func (v *Verifier) Outside(ctx context.Context, app string, released []string) Report {
	var list []netip.Addr
	for _, text := range released {
		if ip, err := netip.ParseAddr(text); err == nil {
			list = append(list, ip)
		}
	}
	return Outside(ctx, v.Internet, app, list)
}

// Fill adds a report to an envelope: its lists of what was verified, refuted and unknown, and what a
// person can still do.
func (r Report) Fill(out *plan.Result) {
	out.Verified = append(out.Verified, r.Lines(Verified)...)
	out.Refuted = append(out.Refuted, r.Lines(Refuted)...)
	if r.Is(Answers) != "" {
		unproven := plan.FlycastUnproven.Sentence()
		out.Unknown = slices.DeleteFunc(out.Unknown, func(u string) bool { return u == unproven })
	}
	out.Unknown = append(out.Unknown, r.Lines(NotVerified)...)
	if r.Left != "" {
		out.Left = append(out.Left, r.Left)
	}
}
