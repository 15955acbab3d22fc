package fly

import (
	"slices"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// platform is the sandbox with its example organization, on loopback.
func platform(t *testing.T, options flysim.Options) (*flysim.Platform, string) {
	t.Helper()
	p := flysim.New(options)
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	server, err := p.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, server.URL
}

// sandboxClient is a client with full rights on a new platform.
func sandboxClient(t *testing.T, options flysim.Options) (*flysim.Platform, *Client) {
	t.Helper()
	p, url := platform(t, options)
	client, _ := testClient(t, url, func(o *Options) { o.Token = NewToken(p.Token()) })
	return p, client
}

// restrictedClient is a client of the platform that may name only these apps.
func restrictedClient(t *testing.T, p *flysim.Platform, apps ...string) *Client {
	t.Helper()
	client, _ := testClient(t, "http://127.0.0.1:9", func(o *Options) {
		o.Token, o.HTTP, o.Apps = NewToken(p.Token()), p.Transport(), apps
	})
	return client
}

// operations are the names of the recorded calls.
func operations(calls []flysim.Call) []string {
	var names []string
	for _, call := range calls {
		names = append(names, call.Operation)
	}
	return names
}

func checkCalls(t *testing.T, p *flysim.Platform, want ...string) {
	t.Helper()
	if got := operations(p.Calls()); !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}

func checkCode(t *testing.T, err error, want gate.Code) {
	t.Helper()
	if got := CodeOf(err); got != want {
		t.Errorf("code %q (%v), want %q", got, err, want)
	}
}

// leased takes the lease of a Machine.
func leased(t *testing.T, c *Client, app, id string) *Lease {
	t.Helper()
	lease, err := c.LeaseMachine(t.Context(),
		grantFor(t, gate.Step{Verb: gate.LeaseMachine, App: app, Target: id}), app, id, time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

// machineConfig is a Machine's configuration in the product's type.
func machineConfig(t testing.TB, p *flysim.Platform, app, id string) machine.Config {
	t.Helper()
	config, err := machine.ParseConfig([]byte(p.MachineConfig(app, id).String()))
	if err != nil {
		t.Fatal(err)
	}
	return config
}
