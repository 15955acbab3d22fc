package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
)

// BenchmarkWeeks is two weeks of a busy app on a clock that jumps: every five
// minutes requests, deploys, Machines, addresses, volumes, builds, certificates,
// leases, secrets, tokens and apps that come and go. In the first all that is
// bounded fills up; wanted of the second: no more memory at its end, so a ratio
// of about 1 (recorded calls, which are bounded by their size, left out).
//
//	go test -run '^$' -bench Weeks -benchtime 1x ./bench
func BenchmarkWeeks(b *testing.B) {
	for b.Loop() {
		began := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
		before := live()
		c := newLoadedPlatform(b, 1, flysim.Options{Clock: flysim.NewClock(func() time.Time { return began })}, false)
		chance := rand.New(rand.NewPCG(1, 2))
		var days []float64
		for day := range 14 {
			for step := range 24 * 12 {
				for range 4 {
					c.happen(b, chance, day*1000+step)
				}
				c.Clock().Advance(autostop.DefaultEvery)
				c.loop.Pass()
			}
			c.ResetCalls()
			days = append(days, live()-before)
			b.Logf("day %d: %.1f MB", day+1, days[day])
		}
		b.ReportMetric(days[8], "MB-day9")
		b.ReportMetric(days[13], "MB-day14")
		b.ReportMetric(days[13]/days[8], "ratio")
	}
}

// happen is one thing that people do.
func (c *loadedPlatform) happen(tb testing.TB, chance *rand.Rand, number int) {
	tb.Helper()
	app := c.names[chance.IntN(len(c.names))]
	path := "/v1/apps/" + app
	id := func(answered string) string {
		_, rest, _ := strings.Cut(answered, `"id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	switch chance.IntN(10) {
	case 0, 1:
		if err := c.visit(tb.Context(), app); err != nil {
			tb.Fatal(err)
		}
	case 2:
		c.deploy(tb, app, number)
	case 3:
		_, answered := c.ask(tb, "POST", path+"/machines", `{"config":`+document(number)+`}`)
		c.ask(tb, "DELETE", path+"/machines/"+id(answered)+"?force=true", "")
	case 4:
		c.RemoveAddress(app, c.AddAddress(app, "v6", "", ""))
	case 5:
		_, answered := c.ask(tb, "POST", path+"/volumes", `{"name":"data","region":"iad","size_gb":1}`)
		c.ask(tb, "DELETE", path+"/volumes/"+id(answered), "")
	case 6:
		c.ask(tb, "POST", "/api/v1/builds", `{"app_name":"`+app+`"}`)
		c.ask(tb, "POST", path+"/machines/"+c.machines[app][0]+"/lease", `{"ttl":60}`)
		c.Clock().Advance(time.Minute)
	case 7:
		host := fmt.Sprintf("h%d.example.com", number)
		c.ask(tb, "POST", path+"/certificates/acme", `{"hostname":"`+host+`"}`)
		c.ask(tb, "DELETE", path+"/certificates/"+host, "")
	case 8:
		c.ask(tb, "POST", path+"/secrets/NAME", fmt.Sprintf(`{"value":"%d"}`, number))
		c.ask(tb, "POST", path+"/deploy_token", `{"expiry":"1h"}`)
	default:
		name := fmt.Sprintf("passing-%d", number)
		c.AddApp(name, "personal", "")
		c.ask(tb, "POST", "/v1/apps/"+name+"/machines", `{"config":`+document(number)+`}`)
		c.AddAddress(name, "private_v6", "", "")
		if err := c.visit(tb.Context(), name); err != nil {
			tb.Fatal(err)
		}
		c.ask(tb, "DELETE", "/v1/apps/"+name, "")
	}
}
