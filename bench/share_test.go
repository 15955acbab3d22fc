package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// BenchmarkListIPsClients is how many answers of list_ips a hundred clients get in
// a second from one server, all about one app, with our own rate limiter in
// between. Wanted: at least 500.
func BenchmarkListIPsClients(b *testing.B) {
	platform := platformtest.New(b, flysim.Options{}).Seeded()
	client := platform.Client(func(o *fly.Options) { o.Endpoints, o.HTTP = platform.Serve(), nil })
	list := tools.All(tools.Deps{Fly: client, Look: client.Shared(), Deps: call.Deps{Clock: flytest.WallClock{}}})[0]
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = list.Spec().Name, map[string]any{"app": "shop-api"}

	const clients, span = 100, 3 * time.Second
	var answers atomic.Int64
	var longest atomic.Int64
	for b.Loop() {
		ctx, cancel := context.WithTimeout(b.Context(), span)
		answers.Store(0)
		var group sync.WaitGroup
		for range clients {
			group.Go(func() {
				for ctx.Err() == nil {
					began := time.Now()
					result, err := list.Call(context.Background(), request)
					if err != nil || result.IsError {
						b.Errorf("%v %+v", err, result)
						return
					}
					answers.Add(1)
					for took := int64(time.Since(began)); ; {
						if old := longest.Load(); took <= old || longest.CompareAndSwap(old, took) {
							break
						}
					}
				}
			})
		}
		group.Wait()
		cancel()
	}
	b.ReportMetric(float64(answers.Load())/span.Seconds(), "answers/s")
	b.ReportMetric(float64(longest.Load())/1e6, "ms-longest")
}
