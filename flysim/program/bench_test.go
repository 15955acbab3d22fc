package program_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/internal/flysimtest"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
)

// fleet returns a platform with 1,000 apps of 10 Machines each, its runner, and a target on each
// Machine.
func fleet(b *testing.B) (*flysim.Platform, *program.Runner, []proxy.Target) {
	clock := flysim.NewClock(time.Now)
	p := flysim.New(flysim.Options{Clock: clock})
	c := config(b, web(8080))
	var targets []proxy.Target
	for i := range 1000 {
		name := fmt.Sprintf("app-%d", i)
		p.AddApp(name, "personal", "")
		for range 10 {
			targets = append(targets, proxy.Target{App: name, Machine: p.AddMachine(name, "iad", c), Port: 8080})
		}
	}
	r := program.New(program.Options{Platform: p})
	b.Cleanup(func() { r.Close() })
	return p, r, targets
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// BenchmarkMemory reports the memory of the programs of 10,000 Machines: after one request each,
// and with an open connection to each.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		_, r, targets := fleet(b)
		before, goroutines := heap(), runtime.NumGoroutine()
		for _, to := range targets {
			c := (&flysimtest.App{Runner: r}).Client(to)
			resp, err := c.Get("http://app/healthz")
			if err != nil {
				b.Fatal(err)
			}
			resp.Body.Close()
			c.CloseIdleConnections()
		}
		b.ReportMetric(float64(heap()-before)/float64(len(targets)), "B/asked")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "goroutines")
		before = heap()
		var conns []net.Conn
		for _, to := range targets {
			conn, err := r.Dial(b.Context(), to)
			if err != nil {
				b.Fatal(err)
			}
			conns = append(conns, conn)
		}
		b.ReportMetric(float64(heap()-before)/float64(len(targets)), "B/open")
		for _, conn := range conns {
			conn.Close()
		}
	}
}

// BenchmarkRequest measures a request over a new connection, and over one that is reused.
func BenchmarkRequest(b *testing.B) {
	for _, keep := range []bool{false, true} {
		b.Run(map[bool]string{false: "dial", true: "keep"}[keep], func(b *testing.B) {
			_, r, targets := fleet(b)
			c := (&flysimtest.App{Runner: r}).Client(targets[0])
			c.Transport.(*http.Transport).DisableKeepAlives = !keep
			for b.Loop() {
				resp, err := c.Get("http://app/healthz")
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}
