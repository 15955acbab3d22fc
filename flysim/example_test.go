package flysim_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
	"github.com/flycast-mcp/flycast-mcp/flysim/state"
)

// A state file gives the next platform what the last one had.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "sandbox.state")

	for range 2 {
		p, err := state.Open(file, flysim.Options{})
		if err != nil {
			fmt.Println(err)
			return
		}
		if p.Empty() {
			fmt.Println("new: it gets the example apps")
			if err := p.Seed(context.Background()); err != nil {
				fmt.Println(err)
			}
			p.AddAddress("shop-api", "private_v6", "", "")
		}
		fmt.Println(len(p.Addresses("shop-api")), "addresses")
		if err := p.Close(); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// new: it gets the example apps
	// 3 addresses
	// 3 addresses
}

// A script says what goes wrong, and when.
func ExamplePlatform_Play() {
	begin := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p := flysim.New(flysim.Options{Clock: flysim.NewClock(func() time.Time { return begin })})
	if err := p.Seed(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	script, err := fault.ParseScript([]byte(`
[[event]]
at = "30s"
app = "shop-api"
machine = "0"
do = "host_down"
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Play(script)
	host := func() string {
		site, err := p.Site("shop-api")
		if err != nil {
			return err.Error()
		}
		return site.Machines[0].HostStatus
	}
	fmt.Println(host())
	p.Clock().Advance(time.Minute)
	fmt.Println(host())
	// Output:
	// ok
	// unreachable
}
