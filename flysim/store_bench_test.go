package flysim

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
)

const benchConfig = `{"image":"registry.example.com/shop:1","env":{"PRIMARY_REGION":"iad","MODE":"production"},
	"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":512},
	"metadata":{"fly_process_group":"app","fly_platform_version":"v2"},
	"services":[{"protocol":"tcp","internal_port":8080,"autostop":true,"autostart":true,"min_machines_running":1,
	"ports":[{"port":80,"handlers":["http"],"force_https":true},{"port":443,"handlers":["tls","http"]}],
	"concurrency":{"type":"requests","soft_limit":200,"hard_limit":250}}]}`

// openSynced is openFile with writes that wait for the disk.
func openSynced(path string) (*Platform, error) {
	storage, err := OpenStorage(path, false)
	if err != nil {
		return nil, err
	}
	return Open(storage, storeOptions())
}

// addApps adds a number of apps, with a number of Machines each.
func addApps(b *testing.B, p *Platform, apps, machines int) {
	b.Helper()
	config := storeConfig(b, benchConfig)
	err := p.inOneCommit(func() error {
		for i := range apps {
			name := fmt.Sprintf("app-%d", i)
			p.AddApp(name, "personal", "")
			p.AddAddress(name, "shared_v4", "", "")
			for range machines {
				p.AddMachine(name, "iad", config)
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWrite sets the metadata of one Machine: in memory and with a file, from one client and
// from 32, among few apps, among 1,000 apps, and in an app of 1,000 Machines.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []struct{ apps, machines int }{{4, 8}, {1000, 10}, {1, 1000}} {
		for _, kept := range []bool{false, true} {
			for _, clients := range []int{1, 32} {
				b.Run(fmt.Sprintf("apps=%d/machines=%d/file=%v/clients=%d", size.apps, size.machines, kept, clients),
					func(b *testing.B) {
						p := New(storeOptions())
						if kept {
							var err error
							if p, err = openSynced(filepath.Join(b.TempDir(), "state")); err != nil {
								b.Fatal(err)
							}
							defer p.Close()
						}
						addApps(b, p, size.apps, size.machines)
						ids := p.MachineIDs("app-0")
						var n atomic.Int64
						b.SetParallelism(max(clients/runtime.GOMAXPROCS(0), 1))
						write := func() {
							i := n.Add(1)
							post(b, p, "/v1/apps/app-0/machines/"+ids[int(i)%len(ids)]+"/metadata/n", fmt.Sprintf(`{"value":"%d"}`, i))
						}
						b.ResetTimer()
						if clients == 1 {
							for b.Loop() {
								write()
							}
							return
						}
						b.RunParallel(func(pb *testing.PB) {
							for pb.Next() {
								write()
							}
						})
					})
			}
		}
	}
}

// BenchmarkOpen opens a file of 1,000 apps with 10 Machines each.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "state")
	p, err := openSynced(path)
	if err != nil {
		b.Fatal(err)
	}
	addApps(b, p, 1000, 10)
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	p = nil
	before := heap()
	for b.Loop() {
		if p != nil {
			b.StopTimer()
			if err := p.Close(); err != nil {
				b.Fatal(err)
			}
			p = nil
			b.StartTimer()
		}
		if p, err = openSynced(path); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((heap()-before)/1e6, "heap-MB")
	b.ReportMetric(float64(info.Size())/1e6, "file-MB")
	if err := p.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkClose compares the whole state with the file, as Close does.
func BenchmarkClose(b *testing.B) {
	p, err := openSynced(filepath.Join(b.TempDir(), "state"))
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	addApps(b, p, 1000, 10)
	for b.Loop() {
		p.mu.Lock()
		for _, a := range p.state.apps {
			a.touchAll()
		}
		p.mu.Unlock()
		if err := p.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}
