// Package bench measures what a user notices, as ratios within one run:
//
//	go test -run '^$' -bench . ./bench
package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize",` +
	`"params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}` + "\n"

// build compiles a command of this module once.
func build(b *testing.B, pkg string) string {
	b.Helper()
	out := filepath.Join(b.TempDir(), filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Dir = ".."
	if text, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("build %s: %v\n%s", pkg, err, text)
	}
	return out
}

// process is a started server that has answered initialize.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	took  time.Duration // from start to the first reply
	lines *bufio.Reader
}

func start(b *testing.B, path string, args ...string) *process {
	b.Helper()
	p := &process{cmd: exec.Command(path, args...)}
	p.cmd.Env = []string{"HOME=" + b.TempDir()}
	p.cmd.Dir = b.TempDir()
	in, err := p.cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	p.in, p.lines = in, bufio.NewReader(out)
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := io.WriteString(in, initialize); err != nil {
		b.Fatal(err)
	}
	if _, err := p.lines.ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	p.took = time.Since(began)
	return p
}

func (p *process) end() {
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// BenchmarkStart compares start to first reply with a bare mcp-go server, the
// two started in turn. Wanted: a ratio of at most 1.5.
func BenchmarkStart(b *testing.B) {
	ours, bare := build(b, "./cmd/flycast-mcp"), build(b, "./bench/bare")
	var mine, theirs []time.Duration
	for b.Loop() {
		p := start(b, ours, "stdio")
		mine = append(mine, p.took)
		p.end()
		q := start(b, bare)
		theirs = append(theirs, q.took)
		q.end()
	}
	b.ReportMetric(ms(median(mine)), "ms-ours")
	b.ReportMetric(ms(median(theirs)), "ms-bare")
	b.ReportMetric(float64(median(mine))/float64(median(theirs)), "ratio")
}

// BenchmarkIdleMemory is the resident memory of a server that has answered
// tools/list, in MiB (Linux only).
func BenchmarkIdleMemory(b *testing.B) {
	p := start(b, build(b, "./cmd/flycast-mcp"), "stdio")
	defer p.end()
	const list = `{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n" +
		`{"jsonrpc":"2.0","id":2,"method":"tools/list"}` + "\n"
	if _, err := io.WriteString(p.in, list); err != nil {
		b.Fatal(err)
	}
	if _, err := p.lines.ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if err != nil {
			b.Skip("no /proc here")
		}
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				kib, err := strconv.Atoi(strings.Fields(rest)[0])
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(kib)/1024, "MiB-resident")
			}
		}
	}
}

// stopwatch measures the API's own time: from the first request's start to the
// last answer's end.
type stopwatch struct {
	next     http.RoundTripper
	mu       sync.Mutex
	requests int
	first    time.Time
	last     time.Time
}

func (s *stopwatch) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := s.next.RoundTrip(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if s.first.IsZero() || began.Before(s.first) {
		s.first = began
	}
	s.last = time.Now()
	return resp, err
}

// BenchmarkListIPs tells what list_ips adds to the API's own time (wanted: under
// 2 ms) and how many requests it makes.
func BenchmarkListIPs(b *testing.B) {
	platform := platformtest.New(b, flysim.Options{}).Seeded()
	watch := &stopwatch{next: http.DefaultTransport}
	began := time.Now()
	client := platform.Client(func(o *fly.Options) {
		o.Endpoints, o.HTTP = platform.Serve(), watch
		// Fly's rate limits are not what is measured here.
		o.Now = func() time.Time { return began.Add(time.Since(began) * 10_000) }
	})
	deps := call.Deps{
		Clock: flytest.WallClock{},
		Runs:  call.NewRuns(flytest.WallClock{}),
		Log:   slog.New(slog.DiscardHandler),
		Gate:  gate.New(gate.Options{Now: time.Now}),
	}
	list := tools.All(tools.Deps{Deps: deps, Fly: client})[0]
	request := mcp.CallToolRequest{
		Params: mcp.CallToolParams{Name: "list_ips", Arguments: map[string]any{"app": "shop-api"}},
	}
	var added []time.Duration
	requests := 0
	for b.Loop() {
		*watch = stopwatch{next: watch.next}
		began := time.Now()
		result, err := list.Call(context.Background(), request)
		total := time.Since(began)
		if err != nil || result.IsError {
			b.Fatal(err, result)
		}
		added = append(added, total-watch.last.Sub(watch.first))
		requests = watch.requests
	}
	b.ReportMetric(ms(median(added)), "ms-added")
	b.ReportMetric(float64(requests), "requests")
}

// BenchmarkDemo is the whole demo, without compiling it. Wanted: under 10 s.
func BenchmarkDemo(b *testing.B) {
	path := build(b, "./cmd/flycast-mcp")
	for b.Loop() {
		cmd := exec.Command(path, "demo", "--yes")
		cmd.Env = []string{"HOME=" + b.TempDir()}
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
	}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
