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
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// BenchmarkListIPsClients is how many answers of list_ips a hundred clients get in
// a second from one server, all about one app, with our own rate limiter in
// between. Wanted: at least 500.
func BenchmarkListIPsClients(b *testing.B) {
	platform := flysim.New(flysim.Options{})
	if err := platform.Seed(b.Context()); err != nil {
		b.Fatal(err)
	}
	server, err := platform.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	client, err := fly.New(
		fly.Options{
			Endpoints: fly.Endpoints{API: server.URL, Flaps: server.URL, UIEX: server.URL},
			Token:     fly.NewToken(platform.Token()),
			UserAgent: "bench/1",
		},
	)
	if err != nil {
		b.Fatal(err)
	}
	list := tools.All(tools.Deps{Fly: client, Look: client.Shared(), Deps: call.Deps{Clock: benchClock{}}})[0]
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

// benchClock is real time.
type benchClock struct{}

func (benchClock) Now() time.Time                         { return time.Now() }
func (benchClock) After(d time.Duration) <-chan time.Time { return time.After(d) }
