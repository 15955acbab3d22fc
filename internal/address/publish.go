package address

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// PublishClient is what a [Publisher] needs of Fly.
type PublishClient interface {
	Lister
	AllocatePublic(ctx context.Context, grant *gate.Grant, app string, kind fly.Kind) error
}

// Publisher allocates public addresses.
type Publisher struct {
	Fly    PublishClient
	Clock  Clock
	Record func(journal.Entry)
}

// Missing returns the kinds of public addresses that an app needs to be reached over IPv4 and IPv6.
// A dedicated IPv4 address is one only if it is asked for.
func Missing(s rules.Snapshot, dedicatedV4 bool) []fly.Kind {
	has := func(kinds ...fly.Kind) bool {
		return slices.ContainsFunc(s.Addresses.List, func(a fly.Address) bool { return slices.Contains(kinds, a.Kind) })
	}
	var out []fly.Kind
	if !has(fly.DedicatedV6) {
		out = append(out, fly.DedicatedV6)
	}
	switch {
	case dedicatedV4 && !has(fly.DedicatedV4):
		out = append(out, fly.DedicatedV4)
	case !dedicatedV4 && !has(fly.SharedV4, fly.DedicatedV4):
		out = append(out, fly.SharedV4)
	}
	return out
}

// PublishSteps returns the steps that allocate addresses of these kinds.
func PublishSteps(kinds []fly.Kind) []plan.Step {
	var out []plan.Step
	for _, kind := range kinds {
		out = append(out, plan.Step{Verb: gate.AllocateAddress, Target: string(kind),
			Params: []plan.Param{{Name: plan.ParamKind, Value: string(kind)}}})
	}
	return out
}

// PlannedPublic returns an address that stands for one that will be allocated.
func PlannedPublic(kind fly.Kind) fly.Address {
	ip := netip.MustParseAddr("2001:db8::1") // no app has an address for documentation
	if kind != fly.DedicatedV6 {
		ip = netip.MustParseAddr("192.0.2.1")
	}
	return fly.Address{IP: ip, Kind: kind}
}

// Publish allocates an address of each kind, one by one, and reads the list until it shows it. It
// stops at the first that is not seen.
func (p *Publisher) Publish(ctx context.Context, grant *gate.Grant, app string, kinds []fly.Kind,
	report plan.Report) (added []fly.Address, steps []plan.Record, err error) {
	for i, kind := range kinds {
		record := plan.Record{Do: gate.AllocateAddress, Target: string(kind), State: plan.NotStarted, Undo: plan.UndoYes}
		if err == nil {
			report(plan.Progress{Done: i, Of: len(kinds), Doing: "allocating a " + plan.KindName(string(kind)) + " address"})
			var fresh fly.Address
			if fresh, err = p.publish(ctx, grant, app, kind); err == nil {
				record.State, record.Note = plan.Done, fresh.IP.String()
				added = append(added, fresh)
			} else {
				record.State = plan.StepFailed
			}
		}
		steps = append(steps, record)
	}
	return added, steps, err
}

func (p *Publisher) publish(ctx context.Context, grant *gate.Grant, app string, kind fly.Kind) (fly.Address, error) {
	before, err := p.Fly.Addresses(ctx, app)
	if err != nil {
		return fly.Address{}, err
	}
	sent := p.Fly.AllocatePublic(ctx, grant, app, kind)
	if sent != nil && isRefusal(sent) {
		return fly.Address{}, sent
	}
	var fresh fly.Address
	done, err := reread(ctx, p.Clock, settleReads, func() (bool, error) {
		now, err := p.Fly.Addresses(ctx, app)
		if err != nil {
			return false, err
		}
		for _, a := range now.List {
			if a.Kind == kind && !contains(before.List, a.IP) {
				fresh = a
				return true, nil
			}
		}
		return false, nil
	})
	switch {
	case err != nil:
		return fly.Address{}, err
	case !done && sent != nil:
		return fly.Address{}, sent
	case !done:
		return fly.Address{}, &plan.Problem{
			Code: gate.PlatformError, Message: fmt.Sprintf("a %s address was allocated for %s, and no list shows it yet",
				plan.KindName(string(kind)), app), Next: []plan.Next{listNext(app, "list first: the address may have appeared")},
		}
	}
	p.Record(journal.Entry{Event: journal.Step, App: app, Verb: string(gate.AllocateAddress), Target: fresh.IP.String()})
	return fresh, nil
}
