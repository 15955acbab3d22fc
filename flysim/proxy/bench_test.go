package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// memorySocket is the address on which the program of every Machine listens.
type memorySocket string

func (s memorySocket) Dial(ctx context.Context, _ Target) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", string(s))
}

// BenchmarkProxy measures requests from 32 clients with reused connections to four Machines, over
// loopback sockets on both sides.
func BenchmarkProxy(b *testing.B) {
	platform := flysim.New(flysim.Options{})
	platform.AddApp("shop-api", "personal", "")
	platform.AddAddress("shop-api", "private_v6", "", "")
	c, err := spec.Parse(
		[]byte(`{"services": [{"protocol": "tcp",
		"internal_port": 8080, "autostart": true, "ports": [{"port": 80, "handlers": ["http"]}],
		"concurrency": {"type": "requests", "soft_limit": 20, "hard_limit": 40}}]}`))
	if err != nil {
		b.Fatal(err)
	}
	for range 4 {
		platform.AddMachine("shop-api", "iad", c)
	}
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_,
			_ = io.WriteString(w, "hello")
	})}
	go func() { _ = server.Serve(app) }() // until the benchmark ends
	defer server.Close()
	listening, err := New(Options{Platform: platform, Programs: memorySocket(app.Addr().String())}).Listen(
		"127.0.0.1:0", "")
	if err != nil {
		b.Fatal(err)
	}
	defer listening.Close()

	const clients = 32
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	var left, failed atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, listening.Flycast, nil)
				if err != nil {
					b.Error(err)
					return
				}
				req.Host = "shop-api.flycast"
				res, err := transport.RoundTrip(req)
				if err != nil {
					failed.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					failed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	if n := failed.Load(); n != 0 {
		b.Errorf("%d of %d requests failed", n, b.N)
	}
}
