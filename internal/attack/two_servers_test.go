package attack

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/server"
	"github.com/flycast-mcp/flycast-mcp/prompts"
	"github.com/flycast-mcp/flycast-mcp/resources"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// The apps of a platform. The policy of both servers approves Flycast addresses
// for other networks on the last one, as often in an hour as its cap says.
const (
	firstApp  = "alpha"
	secondApp = "beta"
	policyApp = "gamma"
	policyCap = 3
)

func appNames() []string { return []string{firstApp, secondApp, policyApp} }

// foreignNetworks are networks that are not the apps' own.
func foreignNetworks() []string { return []string{"guests", "partners"} }

const policy = `
[[rule]]
name = "guests of gamma"
tools = ["allocate_flycast"]
apps = ["gamma"]
decision = "auto"
accept = ["open_to_other_network"]
limit_per_hour = 3
`

// twoServers are one platform with two installations of the server on it.
type twoServers struct {
	*platformtest.Platform
	installations []*installation
}

// installation is a server with a state folder of its own.
type installation struct {
	name     string
	requests *gate.Requests
	clients  []*client
	serving  sync.WaitGroup
	runs     *call.Runs
}

// newTwoServers makes a platform and two servers on it, which share nothing but the
// platform and the approver's key. Both serve two callers in both eras. It has
// to run in a bubble of testing/synctest: all its clocks are the bubble's.
func newTwoServers(ctx context.Context, t *testing.T, approver gate.PublicKey) *twoServers {
	t.Helper()
	w := &twoServers{Platform: platformtest.New(t, flysim.Options{})}
	for i, network := range foreignNetworks() {
		w.AddApp([]string{"guest-app", "partner-app"}[i], "personal", network)
	}
	for _, app := range appNames() {
		w.AddApp(app, "personal", "")
		w.AddMachine(app, "ams", machineConfig(t))
		w.AddAddress(app, "private_v6", "personal", "")
	}
	for _, name := range []string{"first", "second"} {
		w.installations = append(w.installations, install(ctx, t, setup{name: name, approver: approver,
			platform: w.Platform, transport: w.Transport()}))
	}
	return w
}

func machineConfig(t *testing.T) machine.Config {
	t.Helper()
	var config machine.Config
	err := json.Unmarshal([]byte(`{
		"image": "registry.fly.io/app:1",
		"env": {"FLY_PROCESS_GROUP": "app"},
		"guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
		"metadata": {"fly_platform_version": "v2", "fly_process_group": "app"},
		"mounts": [{"name": "data", "path": "/data", "volume": "vol_1"}],
		"checks": {"alive": {"type": "http", "port": 8080, "path": "/", "interval": "15s", "timeout": "2s"}},
		"services": [{"protocol": "tcp", "internal_port": 8080, "autostop": "stop", "autostart": true, "ports": [{"port": 80, "handlers": ["http"]}]}]
	}`), &config)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// setup is what an installation is made of.
type setup struct {
	name      string
	approver  gate.PublicKey
	platform  *platformtest.Platform
	transport http.RoundTripper // to the platform
	dirs      []string          // the roots
}

func install(ctx context.Context, t *testing.T, with setup) *installation {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	flyClient := with.platform.Client(func(o *fly.Options) { o.HTTP = with.transport })
	state := t.TempDir()
	book := journaltest.Open(t, state, time.Now)
	requests, err := gate.NewRequests(filepath.Join(state, "requests"), time.Now)
	must(err)
	rules, err := gate.ParsePolicy([]byte(policy), plan.Vocabulary("allocate_flycast"))
	must(err)
	files, err := roots.Open(with.dirs...)
	must(err)
	t.Cleanup(func() { files.Close() })
	deps := call.Deps{
		Journal: book, Runs: call.NewRuns(flytest.WallClock{}), Clock: flytest.WallClock{},
		Hold: 45 * time.Second, AnswerWithin: answerWithin, From: with.name,
		Gate: gate.New(gate.Options{
			Mode: gate.ModeAuto, Policy: rules, Keys: gate.FixedKeys(with.approver), Installation: with.name, Requests: requests,
			Ledger: call.Ledger{Journal: book}, AnswerWithin: answerWithin, Now: time.Now,
		}),
		ApproveCommand: func(ticket string) string { return "approve " + ticket },
		Log:            slog.New(slog.DiscardHandler),
	}
	s := server.New(server.Options{
		Version: "test", Tools: tools.All(tools.Deps{Deps: deps, Fly: flyClient, Roots: files}),
		Resources: resources.Resources{Fly: flyClient, Roots: files},
		Completer: resources.Completer{Fly: flyClient},
		Prompts:   prompts.Prompts{Fly: flyClient, Now: time.Now, Paths: true},
	})
	in := &installation{name: with.name, requests: requests, runs: deps.Runs}
	for _, caller := range []string{"alice", "bob"} {
		for _, e := range []era{handshake, roundTrip} {
			toServer, fromClient := io.Pipe()
			toClient, fromServer := io.Pipe()
			callerCtx := call.WithCaller(ctx, call.Caller{ID: caller, Name: caller})
			in.serving.Go(func() {
				_ = server.ServeStdio(callerCtx, s, toServer, fromServer, server.StdioOptions{})
				_ = fromServer.Close()
			})
			in.clients = append(in.clients, newClient(t, in, caller, e, fromClient, toClient))
		}
	}
	return in
}

// close ends the clients' side of all connections, and waits for the servers.
func (w *twoServers) close() {
	for _, in := range w.installations {
		for _, c := range in.clients {
			_ = c.out.Close()
		}
		in.serving.Wait()
		_ = in.runs.Wait(context.Background()) // work outlives its call
	}
}

// effects are what differs between two moments of the platform, each as one
// word: -APP/IP for a released address, +APP/NETWORK for a Flycast address for
// another network, and !APP/… for what no approval can ever cover.
func effects(before, after map[string][]flysim.Address) []string {
	var out []string
	for _, app := range appNames() {
		had := byIP(before[app])
		has := byIP(after[app])
		for ip, a := range had {
			switch _, kept := has[ip]; {
			case kept:
			case strings.HasPrefix(a.Kind, "private") || strings.HasPrefix(a.Kind, "egress"):
				out = append(out, "!"+app+"/"+ip)
			default:
				out = append(out, "-"+app+"/"+ip)
			}
		}
		for ip, a := range has {
			switch _, known := had[ip]; {
			case known, a.Kind == "private_v6" && isDefaultNetwork(a.Network):
			case a.Kind == "private_v6":
				out = append(out, "+"+app+"/"+a.Network)
			default:
				out = append(out, "!"+app+"/"+ip)
			}
		}
	}
	return out
}

// isDefaultNetwork reports whether a name is that of the default network, which
// has two.
func isDefaultNetwork(name string) bool { return name == "" || name == "default" }

func byIP(addresses []flysim.Address) map[string]flysim.Address {
	out := make(map[string]flysim.Address, len(addresses))
	for _, a := range addresses {
		out[a.IP] = a
	}
	return out
}

// addresses are those of all apps at this moment.
func (w *twoServers) addresses() map[string][]flysim.Address {
	out := make(map[string][]flysim.Address)
	for _, app := range appNames() {
		out[app] = w.Addresses(app)
	}
	return out
}
