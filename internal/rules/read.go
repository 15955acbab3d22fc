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
