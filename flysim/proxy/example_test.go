package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
)

// A request over Flycast, from a caller that uses the listener as an HTTP proxy.
func Example() {
	platform := flysim.New(flysim.Options{})
	if err := platform.Seed(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	programs := program.New(program.Options{Platform: platform})
	defer programs.Close()
	listening, err := proxy.New(proxy.Options{Platform: platform, Programs: programs}).Listen("127.0.0.1:0", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listening.Close()

	inside, err := url.Parse(listening.Flycast)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(inside), DisableKeepAlives: true}}
	for _, name := range []string{"inner-circle.flycast/healthz", "shop-api.flycast"} {
		resp, err := client.Get("http://" + name)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode, strings.TrimSpace(string(body)), err)
	}
	// Output:
	// 200 ok <nil>
	// 502 [DNS] no such name: shop-api.flycast has no Flycast address <nil>
}
