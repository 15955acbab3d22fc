package flysim_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
	"github.com/flycast-mcp/flycast-mcp/flysim/state"
)

// A client uses the platform, and the platform shows what the client sent.
func Example() {
	p := flysim.New(flysim.Options{})
	if err := p.Seed(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	server, err := p.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	request, err := http.NewRequest(http.MethodGet, server.URL+"/v1/apps/shop-api/machines", http.NoBody)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("Authorization", "Bearer "+p.Token())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	for _, call := range p.Calls() {
		fmt.Println(call.Operation, call.App, "write:", call.Write)
	}
	// Output:
	// 200 OK
	// machine.list shop-api write: false
}

// A fault makes a request fail once.
func ExamplePlatform_Inject() {
	p := flysim.New(flysim.Options{})
	p.AddApp("demo", "personal", "")
	p.Inject(flysim.Fault{Operation: "app.get", Status: http.StatusBadGateway})

	client := &http.Client{Transport: p.Transport()}
	for range 2 {
		request, err := http.NewRequest(http.MethodGet, "http://flysim/v1/apps/demo", http.NoBody)
		if err != nil {
			fmt.Println(err)
			return
		}
		request.Header.Set("Authorization", "Bearer "+p.Token())
		response, err := client.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(response.Status)
		response.Body.Close()
	}
	// Output:
	// 502 Bad Gateway
	// 200 OK
}

// The next platform gets its state from the state file.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "fly.state")

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

// A script says what fails, and when.
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
