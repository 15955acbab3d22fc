package program_test

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
)

// TestReach has the rules for which socket accepts which connections.
func TestReach(t *testing.T) {
	tests := []struct {
		listen        []string
		proxy, direct bool
	}{
		{[]string{"0.0.0.0:8080"}, true, false},
		{[]string{"[::]:8080"}, true, true},
		{[]string{"*:8080"}, true, true},
		{[]string{"tcp6://[::]:8080"}, false, true},
		{[]string{"172.19.0.2:8080"}, true, false},
		{[]string{"127.0.0.1:8080"}, false, false},
		{[]string{"[::1]:8080"}, false, false},
		{[]string{"[fdaa:2:1c4f:a7b::2]:8080"}, false, true},
		{[]string{"0.0.0.0:8081"}, false, false},
		{[]string{"udp://0.0.0.0:8080"}, false, false},
		{[]string{"127.0.0.1:8080", "[fdaa::3]:8080", "0.0.0.0:8080"}, true, true},
		{nil, false, false},
	}
	b := newRunningApp(t, web(8080))
	for _, tt := range tests {
		b.Platform.SetListen(app, b.ID, tt.listen)
		for direct, want := range map[bool]bool{false: tt.proxy, true: tt.direct} {
			conn, err := b.Dial(t.Context(), b.Target(8080, direct))
			if err == nil {
				conn.Close()
			}
			if got := err == nil; got != want || err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%v, direct %t: %v, want reached: %t", tt.listen, direct, err, want)
			}
		}
	}
}

// TestBind breaks and fixes a program's bind through its environment.
func TestBind(t *testing.T) {
	env := func(pairs string) string { return `"env": {` + pairs + `}` }
	tests := []struct {
		name   string
		config string
		want   []string
	}{
		{"broken", web(8080, env(`"SANDBOX_LISTEN": "localhost:8080"`)), []string{"tcp://127.0.0.1:8080"}},
		{"6PN only", web(8080, env(`"SANDBOX_LISTEN": "fly-local-6pn:8080"`)), []string{"tcp://[fdaa::3]:8080"}},
		{"two", web(8080, env(`"SANDBOX_LISTEN": "8080, :9090"`)), []string{"tcp://0.0.0.0:8080", "tcp://[::]:9090"}},
		{"nonsense", web(8080, env(`"SANDBOX_LISTEN": "nowhere"`)), nil},
		{"unset", web(8080), []string{"tcp://0.0.0.0:8080"}},
		{"another internal_port, which a program does not follow", web(3000), []string{"tcp://0.0.0.0:8080"}},
		{"PORT", web(3000, env(`"PORT": "3000"`)), []string{"tcp://0.0.0.0:3000"}},
		{"PORT gone", web(3000), []string{"tcp://0.0.0.0:8080"}},
	}
	b := newRunningApp(t, web(8080))
	for _, tt := range tests {
		b.Platform.SetMachineConfig(app, b.ID, config(t, tt.config))
		m, err := b.Platform.Program(app, b.ID)
		if err != nil || !slices.Equal(m.Listen, tt.want) {
			t.Errorf("%s: listens on %v, want %v (%v)", tt.name, m.Listen, tt.want, err)
		}
	}
	b.Platform.SetListen(app, b.ID, []string{"127.0.0.1:8080"})
	b.Platform.SetMachineConfig(app, b.ID, config(t, web(8080, `"schedule": "daily"`)))
	if m, err := b.Platform.Program(app, b.ID); err != nil || m.Listen[0] != "tcp://127.0.0.1:8080" {
		t.Errorf("a deploy of the same environment: %v, %v", m.Listen, err)
	}
}

func TestRefusals(t *testing.T) {
	b := newRunningApp(t, web(8080))
	other := b.Target(8080, false)
	other.Instance = "01ANOTHER"
	if _, err := b.Dial(t.Context(), other); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("another instance: %v", err)
	}
	if _, err := b.Dial(t.Context(), proxy.Target{App: app, Machine: "none", Port: 8080}); !errors.Is(err,
		flysim.ErrGone) {
		t.Errorf("no Machine: %v", err)
	}
	b.Platform.StopMachine(app, b.ID)
	if _, err := b.Dial(t.Context(), b.Target(8080, false)); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("a stopped Machine: %v", err)
	}
	b.Platform.DestroyMachine(app, b.ID)
	if _, err := b.Dial(t.Context(), b.Target(8080, false)); !errors.Is(err, flysim.ErrGone) {
		t.Errorf("a destroyed Machine: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}
