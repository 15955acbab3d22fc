package fly

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// requests is how many requests reached the platform.
func requests(p *flysim.Platform) int { return len(p.Calls()) }

// Readers at the same time are one request, and for a second its answer serves
// others; a caller that plans reads for itself.
func TestShareReads(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	look := client.Shared()
	var readers sync.WaitGroup
	for range 100 {
		readers.Go(func() {
			if list, err := look.Machines(t.Context(), "legacy-api"); err != nil || len(list) != 2 {
				t.Errorf("%d Machines, %v", len(list), err)
			}
		})
	}
	readers.Wait()
	if n := requests(p); n != 1 {
		t.Errorf("100 readers: %d requests, want 1", n)
	}
	for range 3 {
		if _, err := client.Machines(t.Context(), "legacy-api"); err != nil {
			t.Fatal(err)
		}
	}
	if n := requests(p); n != 4 {
		t.Errorf("3 plans more: %d requests, want 4", n)
	}
	if _, err := look.Machines(t.Context(), "inner-circle"); err != nil {
		t.Fatal(err)
	}
	if _, err := look.Addresses(t.Context(), "legacy-api"); err != nil {
		t.Fatal(err)
	}
	if n := requests(p); n != 6 {
		t.Errorf("another app and another operation: %d requests, want 6", n)
	}
}

// An answer is shared for a second from when it was asked for, and says its age.
func TestShareAge(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	clock := client.clock
	look := client.Shared()
	for _, step := range []struct {
		pass time.Duration
		age  time.Duration
		all  int
	}{{0, 0, 1}, {400 * time.Millisecond, 400 * time.Millisecond, 1}, {600 * time.Millisecond, time.Second,
		1}, {time.Millisecond, 0, 2}, {5 * time.Second, 0, 3}} {
		if err := clock.sleep(t.Context(), step.pass); err != nil {
			t.Fatal(err)
		}
		ctx, age := WithAge(t.Context())
		if _, err := look.Addresses(ctx, "shop-api"); err != nil {
			t.Fatal(err)
		}
		if got := age.Of(clock.now()); got != step.age || requests(p) != step.all {
			t.Errorf("after %v more: age %v and %d requests, want %v and %d", step.pass, got, requests(p), step.age, step.all)
		}
	}
}

// What one reader does to its answer no other one sees.
func TestShareCopies(t *testing.T) {
	_, client := sandboxClient(t, flysim.Options{})
	look := client.Shared()
	addresses, err := look.Addresses(t.Context(), "legacy-api")
	if err != nil {
		t.Fatal(err)
	}
	machines, err := look.Machines(t.Context(), "legacy-api")
	if err != nil {
		t.Fatal(err)
	}
	release, err := look.Release(t.Context(), "shop-api")
	if err != nil {
		t.Fatal(err)
	}
	names, err := look.AppNames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	addresses.List[0].Kind, machines[0].ID, release.Definition[0], names[0] = Egress, "changed", 'x', "changed"
	for i := range machines[0].Events {
		machines[0].Events[i].Type = "changed"
	}
	if again, _ := look.Addresses(t.Context(), "legacy-api"); again.List[0].Kind == Egress {
		t.Error("an address was changed")
	}
	again, _ := look.Machines(t.Context(), "legacy-api")
	if again[0].ID == "changed" || len(again[0].Events) > 0 && again[0].Events[0].Type == "changed" {
		t.Error("a Machine was changed")
	}
	if again, _ := look.Release(t.Context(), "shop-api"); again.Definition[0] == 'x' {
		t.Error("a definition was changed")
	}
	if again, _ := look.AppNames(t.Context()); again[0] == "changed" {
		t.Error("a name was changed")
	}
}

// An error serves those who waited for it, each with its own copy, and no later one.
func TestShareErrors(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	look := client.Shared()
	p.Inject(flysim.Fault{Operation: "machine.list", Status: 403})
	_, err := look.Machines(t.Context(), "legacy-api")
	checkCode(t, err, gate.Unauthorized)
	if _, err := look.Machines(t.Context(), "legacy-api"); err != nil {
		t.Errorf("the next reader gets %v", err)
	}
	one := &plan.Problem{Code: gate.NotFound, Message: "it"}
	if got := ownError(one); got == error(one) || got.Error() != "it" {
		t.Errorf("got the same error %p", got)
	}
}

// A write of this client is seen by the next reader; of another app nothing is read
// again.
func TestShareEndsWithAWrite(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	look := client.Shared()
	read := func(app string) int {
		t.Helper()
		list, err := look.Addresses(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		return len(list.List)
	}
	before, other := read("shop-api"), read("legacy-api")
	record, err := client.Addresses(t.Context(), "shop-api")
	if err != nil {
		t.Fatal(err)
	}
	network := Network{Organization: record.App.Organization, Name: record.App.Network}
	grant := grantFor(t, gate.Step{Verb: gate.AllocateAddress, App: "shop-api", Target: network.Target()})
	if _, err := client.AllocateFlycast(t.Context(), grant, "shop-api", network); err != nil {
		t.Fatal(err)
	}
	p.ResetCalls()
	if after := read("shop-api"); after != before+1 {
		t.Errorf("after the allocation: %d addresses, want %d", after, before+1)
	}
	if again := read("legacy-api"); again != other || requests(p) != 1 {
		t.Errorf("%d requests, want 1", requests(p))
	}
}

// slowServer answers lists of Machines when it is told to.
func slowServer(t *testing.T) (client *Client, asked *atomic.Int32, gone *atomic.Int32, answer chan struct{}) {
	t.Helper()
	asked, gone, answer = new(atomic.Int32), new(atomic.Int32), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		select {
		case <-answer:
			_, _ = w.Write([]byte("[]"))
		case <-r.Context().Done():
			gone.Add(1)
		}
	}))
	t.Cleanup(server.Close)
	client, _ = testClient(t, server.URL)
	return client, asked, gone, answer
}

// A reader that leaves does not end what others wait for; when all left it ends.
func TestShareCancelled(t *testing.T) {
	client, asked, _, answer := slowServer(t)
	look := client.Shared()
	first, leave := context.WithCancel(t.Context())
	results := make(chan error, 2)
	go func() { _, err := look.Machines(first, "shop-api"); results <- err }()
	for asked.Load() == 0 {
		runtime.Gosched()
	}
	stayed := make(chan error, 1)
	go func() { _, err := look.Machines(t.Context(), "shop-api"); stayed <- err }()
	for look.waitingFor(readKey{operation: "machines", app: "shop-api"}) < 2 {
		runtime.Gosched()
	}
	leave()
	if err := <-results; !errors.Is(err, context.Canceled) || CodeOf(err) != gate.PlatformError {
		t.Errorf("who left gets %v", err)
	}
	close(answer)
	if err := <-stayed; err != nil || asked.Load() != 1 {
		t.Errorf("who stayed gets %v after %d requests", err, asked.Load())
	}

	client, asked, gone, answer := slowServer(t)
	defer close(answer)
	look = client.Shared()
	only, leave := context.WithCancel(t.Context())
	go func() { _, err := look.Machines(only, "shop-api"); results <- err }()
	for asked.Load() == 0 {
		runtime.Gosched()
	}
	leave()
	<-results
	for gone.Load() == 0 {
		runtime.Gosched()
	}
}

// waitingFor is how many readers wait for an answer.
func (s *Shared) waitingFor(key readKey) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.reads[key]; a != nil {
		return a.waiting
	}
	return 0
}
