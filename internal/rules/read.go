package rules

import (
	"context"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Reader reads the state that the rules judge.
type Reader interface {
	Addresses(ctx context.Context, app string) (fly.Addresses, error)
	Machines(ctx context.Context, app string) ([]fly.Machine, error)
}

// Read reads what the rules judge: the addresses and the Machines, at the same time,
// with one request each. If the token may not list the Machines, they are unknown;
// every other error is returned.
func Read(ctx context.Context, client Reader, app string) (Snapshot, error) {
	var s Snapshot
	var addressErr, machineErr error
	var wg sync.WaitGroup
	wg.Go(func() { s.Addresses, addressErr = client.Addresses(ctx, app) })
	wg.Go(func() { s.Machines, machineErr = client.Machines(ctx, app) })
	wg.Wait()
	if addressErr != nil {
		return Snapshot{}, addressErr
	}
	if machineErr != nil && fly.CodeOf(machineErr) != gate.Unauthorized {
		return Snapshot{}, machineErr
	}
	s.MachinesKnown = machineErr == nil
	return s, nil
}

// ProcessReader reads what runs on a Machine.
type ProcessReader interface {
	Processes(ctx context.Context, app, id string) ([]fly.Process, error)
}

// ReadListening looks into one started Machine for each group and region. A Machine that cannot
// be read is left out: what listens on it stays unknown.
func ReadListening(ctx context.Context, client ProcessReader, s Snapshot) map[string][]fly.Process {
	out := make(map[string][]fly.Process)
	for _, id := range s.Sample() {
		if ctx.Err() != nil {
			return out
		}
		if processes, err := client.Processes(ctx, s.Addresses.App.Name, id); err == nil {
			out[id] = processes
		}
	}
	return out
}

// StepReader knows which steps were carried out here; a journal does.
type StepReader interface {
	HasStep(app, verb, target string) (bool, error)
}

// WithApprovals returns the snapshot with what the record of earlier steps says about it: see
// [Snapshot.ForeignApproved]. Addresses on other networks are allocated only with an approval.
func (s Snapshot) WithApprovals(steps StepReader) Snapshot {
	for _, a := range s.Addresses.List {
		if a.Kind != fly.Flycast || s.IsOwnNetwork(a) != No {
			continue
		}
		done, err := steps.HasStep(s.Addresses.App.Name, string(gate.AllocateAddress), a.IP.String())
		s.ForeignApproved = s.ForeignApproved || done && err == nil
	}
	return s
}

// OwnNetwork returns the name of the app's network if it is not the default one of its
// organization; empty if it is, or if it is unknown.
func (s Snapshot) OwnNetwork() string {
	if name := s.Addresses.App.Network; name != fly.DefaultNetwork {
		return name
	}
	return ""
}

// AsksCallers reports whether only a person knows which network the callers are on: the app is on
// a network of its own, public, and has no Flycast address yet.
func (s Snapshot) AsksCallers() bool {
	verdict := Judge(s.Addresses.List)
	return s.OwnNetwork() != "" && verdict == Public
}
