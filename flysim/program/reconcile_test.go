package program

import (
	"fmt"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// BenchmarkReconcile measures what a change of the platform costs Run after 10,000 built-in
// programs were dialed.
func BenchmarkReconcile(b *testing.B) {
	p := flysim.New(flysim.Options{Clock: flysim.NewClock(time.Now)})
	config, err := spec.Parse([]byte(`{"image": "x", "services": [{"internal_port": 8080}]}`))
	if err != nil {
		b.Fatal(err)
	}
	r := New(Options{Platform: p})
	defer r.Close()
	for i := range 1000 {
		app := fmt.Sprintf("app-%d", i)
		p.AddApp(app, "personal", "")
		for range 10 {
			conn, err := r.Dial(b.Context(), proxy.Target{App: app, Machine: p.AddMachine(app, "iad", config), Port: 8080})
			if err != nil {
				b.Fatal(err)
			}
			conn.Close()
		}
	}
	for b.Loop() {
		r.reconcile()
	}
}
