package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/control"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	webpage "github.com/flycast-mcp/flycast-mcp/flysim/page"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

var stressFor = flag.Duration("stress", 300*time.Millisecond, "how long TestDataPlaneStress does everything at once")

// TestDataPlaneStress does everything at once, in the middle of which all is
// closed: nothing is blocked, and no goroutine stays.
func TestDataPlaneStress(t *testing.T) {
	before := runtime.NumGoroutine()
	platform, err := openPlatform(
		t.Context(),
		filepath.Join(t.TempDir(), "state"),
		flysim.Options{StartDelay: time.Second, CheckDelay: time.Second, CrashAfter: time.Second},
	)
	if err != nil {
		t.Fatal(err)
	}
	plane, err := dataplane.Start(platform, dataplane.Options{
		Inside: dataplane.AnyPort, Public: dataplane.AnyPort, AutostopEvery: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	api, err := platform.Listen(dataplane.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	controls, err := control.Listen(platform, dataplane.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	page, err := flysim.Serve(
		dataplane.AnyPort,
		webpage.New(webpage.Options{Platform: platform, Traffic: plane.Traffic, App: flysim.ExampleApp}),
	)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := url.Parse(plane.Listening.Flycast)
	if err != nil {
		t.Fatal(err)
	}
	straight := &http.Client{Transport: &http.Transport{}}
	through := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(inside)}}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	again := func(do func(n int)) {
		running.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				do(n)
			}
		})
	}
	ask := func(c *http.Client, method, url, body string) {
		r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+platform.Token())
		r.Header.Set("Content-Type", "application/json")
		res, err := c.Do(r)
		if err != nil {
			return // it was closed, or ended by what happens to the Machine
		}
		_, _ = io.Copy(io.Discard, res.Body) // as above
		_ = res.Body.Close()
	}
	machines := platform.MachineIDs(flysim.ExampleApp)
	machine := func(n int) string {
		return api.URL + "/v1/apps/" + flysim.ExampleApp + "/machines/" + machines[n%len(machines)]
	}
	for range 2 {
		again(func(n int) {
			ask(straight, "POST", machine(n)+"/"+[]string{"stop", "start", "suspend", "restart", "cordon", "uncordon"}[n%6], "")
		})
		again(func(n int) { ask(straight, "GET", machine(n)+"/wait?state=started&timeout=1", "") })
		again(func(n int) {
			ask(
				through,
				"POST",
				"http://inner-circle.flycast/"+[]string{"", "sleep?for=2s", "echo", "crash", "replay?region=fra"}[n%5],
				"body",
			)
		})
	}
	again(func(n int) {
		ask(
			straight,
			"POST",
			api.URL+"/graphql",
			`{"query":"{apps{nodes{name machines{nodes{id state}} ipAddresses{nodes{address}}}}}"}`,
		)
	})
	again(func(n int) {
		name := fmt.Sprintf("passing-%d", n)
		ask(straight, "POST", api.URL+"/v1/apps", `{"app_name":"`+name+`","org_slug":"personal"}`)
		ask(straight, "POST", api.URL+"/v1/apps/"+name+"/machines", `{"config":{"image":"nginx"}}`)
		ask(straight, "DELETE", api.URL+"/v1/apps/"+name, "")
	})
	again(func(n int) {
		ask(
			straight,
			"POST",
			controls.URL+"/events",
			`{"app":"`+flysim.ExampleApp+`","machine":"0","do":"`+
				[]string{"crash", "host_down", "host_up", "fail_crash", "oom"}[n%5]+`"}`,
		)
		ask(
			straight,
			"POST",
			controls.URL+"/clock",
			[]string{`{"advance":"1h"}`, `{"speed":1000000}`, `{"advance":"720h"}`, `{"speed":0}`, `{"speed":60}`}[n%5],
		)
		ask(straight, "GET", controls.URL+"/calls?limit=10", "")
		ask(straight, "GET", controls.URL+"/state", "")
	})
	again(func(int) { ask(straight, "GET", page.URL+"/state", "") })
	running.Go(func() { ask(straight, "GET", page.URL+"/events", "") })
	running.Go(func() {
		source := watch.Source{Platform: platform, Traffic: plane.Traffic}
		for range source.Scenes(ctx, func([]flysim.AppOverview) []string { return platform.AppNames() }) {
		}
	})
	again(func(int) {
		plane.Autostop.Pass()
		_, _ = plane.Autostop.Explain(flysim.ExampleApp) // it is there
		_, _ = platform.Overview()
		_, _ = platform.Program(flysim.ExampleApp, machines[0]) // it is there
	})
	<-time.After(*stressFor)

	for _, end := range []func() error{
		page.Close, plane.Close, api.Close, controls.Close, platform.Close, platform.Close, plane.Listening.Close, api.Close,
	} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	cancel()
	running.Wait()
	straight.CloseIdleConnections()
	through.CloseIdleConnections()
	late := time.After(20 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-late:
			stacks := make([]byte, 1<<20)
			t.Fatalf(
				"%d goroutines, and %d before:\n%s",
				runtime.NumGoroutine(),
				before,
				bytes.TrimSpace(stacks[:runtime.Stack(stacks, true)]),
			)
		default:
			runtime.Gosched()
		}
	}
}
