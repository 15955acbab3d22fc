// Package flysimtest has what the tests of several packages of the emulated platform share.
package flysimtest

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
)

// Value returns a value of a JSON body; path has object fields and array indices, separated by
// dots, and is empty for the whole body. A string is returned as it is, any other value as JSON.
func Value(t testing.TB, body []byte, path string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, key := range strings.FieldsFunc(path, func(c rune) bool { return c == '.' }) {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i := int(key[0] - '0')
			if i >= len(v) {
				t.Fatalf("%s: no element %s: %s", path, key, body)
			}
			value = v[i]
		default:
			t.Fatalf("%s: nothing at %s: %s", path, key, body)
		}
	}
	if text, ok := value.(string); ok {
		return text
	}
	out, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// App is a platform with an app of one Machine, and what runs the Machine's program.
type App struct {
	*program.Runner
	T        *testing.T
	Platform *flysim.Platform
	Clock    *flysim.Clock
	Name     string
	ID       string // of the Machine
}

// Follow makes the runner follow the Machine until the test ends.
func (a *App) Follow() {
	ctx, cancel := context.WithCancel(a.T.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	a.T.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			a.T.Errorf("run ended with %v", err)
		}
	})
}

// Await waits for a state of the Machine.
func (a *App) Await(want string) {
	a.T.Helper()
	for {
		changed := a.Platform.Changed()
		m, err := a.Platform.Program(a.Name, a.ID)
		switch {
		case err != nil:
			a.T.Fatal(err)
		case m.State == want:
			return
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			a.T.Fatalf("the Machine is %s, want %s", m.State, want)
		}
	}
}

// Target returns a port of the Machine.
func (a *App) Target(port int, direct bool) proxy.Target {
	return proxy.Target{App: a.Name, Machine: a.ID, Port: port, Direct: direct}
}

// Client returns an HTTP client whose connections all go to one target.
func (a *App) Client(to proxy.Target) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return a.Dial(ctx, to) },
	}}
}

// Get sends one request to port 8080 of the Machine, with headers of names and values.
func (a *App) Get(path string, header ...string) (*http.Response, string) {
	a.T.Helper()
	req, err := http.NewRequestWithContext(a.T.Context(), http.MethodGet, "http://hello.flycast"+path, http.NoBody)
	if err != nil {
		a.T.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := a.Client(a.Target(8080, false))
	defer c.CloseIdleConnections()
	resp, err := c.Do(req)
	if err != nil {
		a.T.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.T.Fatal(err)
	}
	return resp, string(body)
}
