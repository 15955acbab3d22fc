package bench

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// What an audit has under way, and how many apps a page of their list has.
const (
	auditWidth  = 16
	appsPerPage = 200
)

// auditResult is what an audit of an organization took.
type auditResult struct {
	requests      float64 // for each app
	limited       int64
	took, floor   time.Duration
	goroutines    int     // the most at once
	halfway, heap float64 // bytes of the report for each app, when half were done and at the end
	findings      int
}

// auditOrganization audits n apps of ten Machines each, of which the first is started.
func auditOrganization(tb testing.TB, n int, connect func(*flysim.Platform) (http.RoundTripper, string)) auditResult {
	tb.Helper()
	p := flysim.New(flysim.Options{RateLimits: true})
	config, err := machine.ParseConfig([]byte(`{"image":"registry.fly.io/fleet:1","env":{"FLY_PROCESS_GROUP":"app",` +
		`"PRIMARY_REGION":"ams"},"metadata":{"fly_platform_version":"v2","fly_process_group":"app"},` +
		`"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":512},` +
		`"services":[{"protocol":"tcp","internal_port":8080,"autostop":true,"ports":[{"port":80,"handlers":["http"]}],` +
		`"checks":[{"type":"http","port":8080,"path":"/","interval":"2s"}]}]}`))
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		app := fmt.Sprintf("app-%04d", i)
		p.AddApp(app, "personal", "")
		p.AddAddress(app, "private_v6", "", "")
		for j := range 10 {
			id := p.AddMachine(app, "ams", config)
			if j > 0 {
				p.StopMachine(app, id)
			}
		}
	}
	p.Clock().Advance(time.Hour)
	next, url := connect(p)
	w := &wire{next: next}
	client, err := fly.New(fly.Options{
		Endpoints: fly.Endpoints{API: url, Flaps: url, UIEX: url}, Token: fly.NewToken(p.Token()),
		UserAgent: "flycast-mcp/bench", HTTP: w,
	})
	if err != nil {
		tb.Fatal(err)
	}
	heap := func() float64 {
		p.ResetCalls()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return float64(stats.HeapAlloc)
	}
	var o auditResult
	idle, empty := runtime.NumGoroutine(), heap()
	auditor := audit.Auditor{Fly: client, Apps: client, Now: time.Now, Catalogue: audit.Catalogue()}
	begun := time.Now()
	report, err := auditor.Organization(tb.Context(), "personal", func(done, of int) {
		if done == of/2 {
			o.halfway = (heap() - empty) / float64(done)
		}
		o.goroutines = max(o.goroutines, runtime.NumGoroutine()-idle)
	})
	o.took = time.Since(begun)
	if err != nil || report.Apps != n {
		tb.Fatalf("%+v, %v", report, err)
	}
	o.heap = (heap() - empty) / float64(n)
	runtime.KeepAlive(report)
	o.requests, o.limited, o.findings = float64(w.requests.Load())/float64(n), w.limited.Load(), len(report.Findings)
	// The list of apps comes first, a page at a time. Everything else is independent, and Fly's
	// limits, which are for each action on each app, hold none of it up.
	pages := (n + appsPerPage - 1) / appsPerPage
	rest := time.Duration(w.requests.Load()) - time.Duration(pages)
	o.floor = time.Duration(pages)*latency + rest*latency/auditWidth
	return o
}

// TestAudit holds what an audit of an organization asks, takes and keeps to bounds.
func TestAudit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 200
		o := auditOrganization(t, n, func(p *flysim.Platform) (http.RoundTripper, string) {
			return p.Transport(), "http://127.0.0.1:9"
		})
		t.Logf("%d apps: %.2f requests an app, %v, %.3f times the floor of %v; %d goroutines; %.0f bytes an app halfway, %.0f "+
			"at the end; %d findings", n, o.requests, o.took, float64(o.took)/float64(o.floor), o.floor, o.goroutines, o.halfway,
			o.heap, o.findings)
		if o.requests > 5.1 {
			t.Errorf("%.2f requests for each app, want at most 5.1", o.requests)
		}
		if o.limited != 0 {
			t.Errorf("%d requests came too fast", o.limited)
		}
		if o.took > o.floor*11/10 {
			t.Errorf("it took %v, want at most 1.1 times the floor of %v", o.took, o.floor)
		}
		if o.goroutines > 8*auditWidth {
			t.Errorf("%d goroutines, want at most %d", o.goroutines, 8*auditWidth)
		}
		if o.heap > 16<<10 { // with what the emulated platform keeps
			t.Errorf("%.0f bytes are kept of each app, want at most 16 KiB", o.heap)
		}
	})
}

// BenchmarkAudit is an audit of 1,000 apps of ten Machines over HTTP, in real time. Wanted: at
// most 1.1 times the floor, and as much memory for each app halfway as at the end.
func BenchmarkAudit(b *testing.B) {
	var o auditResult
	for b.Loop() {
		o = auditOrganization(b, 1000, func(p *flysim.Platform) (http.RoundTripper, string) {
			listening, err := p.Listen("127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = listening.Close() })
			return &http.Transport{MaxIdleConnsPerHost: 2 * auditWidth}, listening.URL
		})
	}
	b.ReportMetric(o.requests, "requests/app")
	b.ReportMetric(o.took.Seconds(), "s")
	b.ReportMetric(o.floor.Seconds(), "s-floor")
	b.ReportMetric(float64(o.took)/float64(o.floor), "ratio")
	b.ReportMetric(float64(o.limited), "429s")
	b.ReportMetric(float64(o.goroutines), "goroutines")
	b.ReportMetric(o.halfway/1024, "KiB-halfway/app")
	b.ReportMetric(o.heap/1024, "KiB/app")
}
