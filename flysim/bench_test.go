package flysim_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// newCrowdedPlatform returns a platform with a number of apps, app-0000 and so on, each with ten Machines.
func newCrowdedPlatform(tb testing.TB, apps int) *flysim.Platform {
	tb.Helper()
	p := flysim.New(flysim.Options{})
	document := strings.NewReplacer(`,"mounts":[{"volume":"{v}","path":"/data"}]`, "").Replace(demoConfig)
	for i := range apps {
		name := fmt.Sprintf("app-%04d", i)
		p.AddApp(name, "personal", "")
		for range 10 {
			config, err := spec.Parse([]byte(document)) // one for each Machine, as from a request
			if err != nil {
				tb.Fatal(err)
			}
			p.AddMachine(name, "iad", config)
		}
	}
	return p
}

func benchmark(b *testing.B, p *flysim.Platform, method, path, body string) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		if got := ask(b, p, method, path, body); got.status != 200 {
			b.Fatalf("%d %s", got.status, got.body)
		}
	}
}

// The benchmarks of one app go through the whole server except the socket. The app has ten
// Machines, and there are 1,000 such apps. A read should take less than a millisecond.

func BenchmarkMachineList(b *testing.B) {
	benchmark(b, newCrowdedPlatform(b, 1000), "GET", "/v1/apps/app-0500/machines", "")
}

func BenchmarkMachineGet(b *testing.B) {
	p := newCrowdedPlatform(b, 1000)
	benchmark(b, p, "GET", "/v1/apps/app-0500/machines/"+p.MachineIDs("app-0500")[3], "")
}

func BenchmarkAppList(b *testing.B) {
	benchmark(b, newCrowdedPlatform(b, 1000), "GET", "/v1/apps?org_slug=personal", "")
}

func BenchmarkAppsGraphQL(b *testing.B) {
	benchmark(b, newCrowdedPlatform(b, 1000), "POST", "/graphql",
		`{"query":"{apps(first:200,after:\"app-0399\"){nodes{id name status organization{slug}} pageInfo{endCursor}}}"}`)
}

func BenchmarkOrgMachines(b *testing.B) {
	benchmark(b, newCrowdedPlatform(b, 1000), "GET", "/v1/orgs/personal/machines?limit=200", "")
}

func BenchmarkMachineUpdate(b *testing.B) {
	p := newCrowdedPlatform(b, 1000)
	body := `{"config":` + strings.NewReplacer(`,"mounts":[{"volume":"{v}","path":"/data"}]`, "").Replace(demoConfig) + `}`
	benchmark(b, p, "POST", "/v1/apps/app-0500/machines/"+p.MachineIDs("app-0500")[3], body)
}

func BenchmarkAddressesGraphQL(b *testing.B) {
	p := seeded(b, flysim.Options{})
	benchmark(b, p, "POST", "/graphql",
		`{"query":"{app(name:\"shop-api\"){ipAddresses{nodes{id address type}} sharedIpAddress}}"}`)
}

// BenchmarkMemory reports the memory of 10,000 Machines that were read once and updated ten times.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		p := newCrowdedPlatform(b, 1000)
		for i := range 1000 {
			name := fmt.Sprintf("app-%04d", i)
			for _, id := range p.MachineIDs(name) {
				for version := range 10 {
					config, err := p.MachineConfig(name, id).With("env", map[string]int{"N": version})
					if err != nil {
						b.Fatal(err)
					}
					p.SetMachineConfig(name, id, config)
				}
			}
			ask(b, p, "GET", "/v1/apps/"+name+"/machines", "")
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB/10000-machines")
		runtime.KeepAlive(p)
	}
}

// TestReadsAreCheap limits the allocations of a read, whatever the number of other apps. It does
// not measure time, which depends on the computer.
func TestReadsAreCheap(t *testing.T) {
	p := newCrowdedPlatform(t, 50)
	for _, read := range []struct {
		name, method, path, body string
		most                     float64
	}{
		{"get", "GET", "/v1/apps/app-0025/machines/" + p.MachineIDs("app-0025")[3], "", 150},
		{"list", "GET", "/v1/apps/app-0025/machines", "", 400},
		{"apps", "GET", "/v1/apps?org_slug=personal", "", 400},
		{"a Machine by GraphQL", "POST", "/graphql", `{"query":"{machine(machineId:\"` +
			p.MachineIDs("app-0025")[3] + `\"){id state}}"}`, 400},
	} {
		got := testing.AllocsPerRun(20, func() {
			if got := ask(t, p, read.method, read.path, read.body); got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
		})
		if got > read.most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", read.name, got, read.most)
		}
	}
}
