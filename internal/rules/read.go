package rules

import (
	"context"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Read reads what the rules judge by: the addresses and the Machines, at the
// same time, one request each. Machines that this token may not list are left
// unknown; every other error is the caller's.
func Read(ctx context.Context, client fly.Client, app string) (Snapshot, error) {
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
