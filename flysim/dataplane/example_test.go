package dataplane_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
)

// A request over Flycast wakes a stopped Machine, whose built-in program answers.
func ExampleStart() {
	p := flysim.New(flysim.Options{})
	if err := p.Seed(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	plane, err := dataplane.Start(p, dataplane.Options{Inside: dataplane.AnyPort, Public: dataplane.AnyPort})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer plane.Close()

	const app = "inner-circle"
	for _, id := range p.MachineIDs(app) {
		p.StopMachine(app, id)
	}
	proxy, err := url.Parse(plane.Listening.Flycast)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	defer client.CloseIdleConnections()
	response, err := client.Get("http://inner-circle.flycast/healthz")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	started := 0
	for _, id := range p.MachineIDs(app) {
		if p.Machine(app, id).State == "started" {
			started++
		}
	}
	fmt.Println(response.Status, started, "started")
	// Output: 200 OK 1 started
}
