package tools

import (
	"sync"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Many list_ips of one app at once are one reading, and none waits for our own rate
// limit; a plan beside them reads for itself.
func TestListsShareReads(t *testing.T) {
	s := newReleaseServer(t, flysim.Options{})
	s.ready("shop-api", readyServices)
	client := s.a.fly.(*fly.Client)
	s.a.look = client.Shared()
	s.ResetCalls()
	began := s.Clock().Now()
	var clients sync.WaitGroup
	for range 100 {
		clients.Go(func() {
			for range 5 {
				out, err := s.a.readIPs(t.Context(), listInput{App: "shop-api"})
				if err != nil || out.AgeMS > 1000 {
					t.Errorf("age %d ms, %v", out.AgeMS, err)
				}
			}
		})
	}
	clients.Wait()
	if n := len(s.Calls()); n != 3 {
		t.Errorf("500 answers took %d requests, want the addresses, the Machines and the certificates once", n)
	}
	if waited := s.Clock().Now().Sub(began); waited != 0 {
		t.Errorf("they waited %v", waited)
	}

	s.ResetCalls()
	if out := s.release(map[string]any{"app": "shop-api", "dry_run": true}); out.Plan == nil {
		t.Fatalf("no plan: %s", out.Summary)
	}
	var read int
	for _, call := range s.Calls() {
		if call.Operation == "graphql.app" || call.Operation == "machine.list" {
			read++
		}
	}
	if read != 2 {
		t.Errorf("a plan read %d times, want 2", read)
	}
}

// What this server allocated is in the next list.
func TestListSeesOwnWrites(t *testing.T) {
	s := newReleaseServer(t, flysim.Options{})
	s.a.look = s.a.fly.(*fly.Client).Shared()
	before := len(s.list("tenant-7").Addresses)
	out := callTool[address.AllocateResult](s, s.a.allocateFlycast(), map[string]any{"app": "tenant-7"})
	if out.Status != plan.Applied {
		t.Fatalf("got %s: %s", out.Status, out.Summary)
	}
	if after := len(s.list("tenant-7").Addresses); after != before+1 {
		t.Errorf("%d addresses, want %d", after, before+1)
	}
}
