package control_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/control"
)

// The control endpoint controls a platform from another program.
func ExampleListen() {
	begin := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	p := flysim.New(flysim.Options{Clock: flysim.NewClock(func() time.Time { return begin })})
	server, err := control.Listen(p, "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	resp, err := http.Post(server.URL+"/clock", "application/json", strings.NewReader(`{"advance":"1h"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	fmt.Println(resp.Status, err)
	fmt.Print(string(answer))
	// Output:
	// 200 OK <nil>
	// {
	//   "now": "2026-11-22T13:00:00Z",
	//   "speed": 1
	// }
}
