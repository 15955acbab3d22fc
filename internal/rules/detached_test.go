package rules

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// made is a Machine with these services, and metadata as JSON.
func newMachine(t *testing.T, id, services, metadata string) fly.Machine {
	t.Helper()
	m := machineWith(t, id, services)
	config, err := m.Config.With("metadata", json.RawMessage(metadata))
	if err != nil {
		t.Fatal(err)
	}
	m.Config = config
	return m
}

const (
	launched = `{"fly_platform_version":"v2","fly_process_group":"app"}`
	redirect = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"],` +
		`"force_https":true},{"port":443,"handlers":["http","tls"]}]}]`
	secure = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":443,"handlers":["http","tls"]}]}]`
)

func TestDetachedMachines(t *testing.T) {
	tests := []struct {
		name     string
		machines []fly.Machine
		want     []string // id, then words of what and fix, separated by |
	}{
		{"all by fly deploy", []fly.Machine{newMachine(t, "aa", redirect, launched)},
			[]string{"force_https|force_https on port 80|patch_services {app: \"demo\"}, then deploy"}},
		{"one by the API", []fly.Machine{newMachine(t, "aa", redirect, `{}`)},
			[]string{"force_https|Machine aa, not made by fly deploy: force_https on port 80|fly machine update aa " +
				"-a demo --port 80:8080/tcp:- --port 80:8080/tcp:http --port 443:8080/tcp:http:tls; or deploy {app: " +
				"\"demo\", draft: …, adopt: true}"}},
		{"a group without a platform version",
			[]fly.Machine{newMachine(t, "aa", redirect, `{"fly_process_group":"app"}`)},
			[]string{"force_https|Machine aa, not made|fly machine update aa"}},
		{"both", []fly.Machine{newMachine(t, "aa", redirect, launched), newMachine(t, "bb", redirect, `{}`),
			newMachine(t, "cc", redirect, `null`)},
			[]string{"force_https|force_https on port 80|patch_services",
				"force_https|Machine bb, cc, not made|fly machine update bb -a demo --port 80:8080/tcp:- --port " +
					"80:8080/tcp:http --port 443:8080/tcp:http:tls (and the same for the other 1)"}},
		{"only the one by the API", []fly.Machine{newMachine(t, "aa", plainHTTP, launched),
			newMachine(t, "bb", redirect, `{}`)}, []string{"force_https|Machine bb, not made|fly machine update bb"}},
		{"only the one by fly deploy", []fly.Machine{newMachine(t, "aa", redirect, launched),
			newMachine(t, "bb", plainHTTP, `{}`)}, []string{"force_https|force_https on port 80|patch_services"}},
		{"TLS only", []fly.Machine{newMachine(t, "aa", secure, `{}`)},
			[]string{"tls_only|Machine aa, not made|fly machine update aa -a demo --port 80:8080/tcp:http;"}},
		{"no service", []fly.Machine{newMachine(t, "aa", `[]`, `{}`)},
			[]string{"no_services|Machine aa, not made|fly machine update aa -a demo --port 80:PORT/tcp:http"}},
		{"no ports", []fly.Machine{newMachine(t, "aa", `[{"protocol":"tcp","internal_port":8080}]`, `{}`)},
			[]string{"no_ports|Machine aa, not made|fly machine update aa -a demo --port 80:8080/tcp:http; or deploy " +
				"{app: \"demo\", draft: …, adopt: true} after patch_services {app: \"demo\", create: \"http\", " +
				"internal_port: 8080}"}},
		{"no service, and one by fly deploy", []fly.Machine{newMachine(t, "aa", `[]`, launched),
			newMachine(t, "bb", `[]`, `{}`)}, []string{"no_services|no Machine has a service|patch_services"}},
		{"a worker by the API", []fly.Machine{newMachine(t, "aa", plainHTTP, launched), newMachine(t, "bb", `[]`,
			`{}`)}, nil},
		{"one command's", []fly.Machine{newMachine(t, "aa", plainHTTP, launched), newMachine(t, "bb", `[]`,
			`{"fly_process_group":"fly_app_release_command","fly_platform_version":"v2"}`)}, nil},
		{"UDP has no such fix",
			[]fly.Machine{
				newMachine(t, "aa",
					`[{"protocol":"udp","internal_port":53,"ports":[{"port":53}]},{"protocol":"tcp","internal_port":8080,`+
						`"ports":[{"port":80,"handlers":["http"]}]}]`,
					`{}`)},
			[]string{"udp_service|UDP on 53|remove the UDP service from the file"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := Snapshot{
				Addresses: fly.Addresses{App: fly.App{Name: "demo", Network: "default"}, List: []fly.Address{
					flycastAddress(ownFlycast, "default", "")}},
				Machines: tt.machines, MachinesKnown: true,
			}
			blockers := s.Blockers()
			var ids []string
			for _, b := range blockers {
				ids = append(ids, b.ID)
			}
			if len(blockers) != len(tt.want) {
				t.Fatalf("got %q, want %q", blockers, tt.want)
			}
			for i, want := range tt.want {
				words := strings.Split(want, "|")
				if b := blockers[i]; b.ID != words[0] || !strings.Contains(b.What, words[1]) || !strings.Contains(b.Fix, words[2]) {
					t.Errorf("got %+v, want %q (of %q)", b, words, ids)
				}
			}
		})
	}
}

// What flags cannot say, a configuration does; what may be a secret is in neither.
func TestUpdateFlags(t *testing.T) {
	tests := []struct {
		name, id, services string
		want               string // of flags; empty: none
		notFlags           bool   // a configuration
	}{
		{"options of a port", plan.ForceHTTPS,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"],"force_https":true,` +
				`"http_options":{"h2_backend":true}}]}]`,
			`--machine-config '{"services":[{"internal_port":8080,"ports":[{"force_https":false,"handlers":["http"],` +
				`"http_options":{"h2_backend":true},"port":80}],"protocol":"tcp"}]}'`,
			true},
		{"a range", plan.ForceHTTPS,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"start_port":80,"end_port":90,"handlers":["http"],` +
				`"force_https":true}]}]`,
			"--machine-config", true},
		{"two services of one program", plan.ForceHTTPS,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"],"force_https":true}]},` +
				`{"protocol":"tcp","internal_port":8080,"ports":[{"port":81,"handlers":["http"]}]}]`,
			"--machine-config", true},
		{"no protocol", plan.ForceHTTPS,
			`[{"internal_port":8080,"ports":[{"port":80,"handlers":["http"],"force_https":true}]}]`, "--machine-config", true},
		{"a header of a check", plan.ForceHTTPS,
			`[{"internal_port":8080,"ports":[{"port":80,"handlers":["http"],"force_https":true}],` +
				`"checks":[{"type":"http","headers":[{"name":"Authorization","values":["secret"]}]}]}]`,
			"", false},
		{"a handler that is none", plan.ForceHTTPS,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http;reboot"],"force_https":true}]}]`,
			"--machine-config '", true},
		{"a quotation mark", plan.ForceHTTPS,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["';reboot;'"],"force_https":true}]}]`,
			`'\'';reboot;'\''`, true},
		{"an invisible character", plan.ForceHTTPS,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["ht\u202etp"],"force_https":true}]}]`,
			`"ht\u202etp"`, true},
		{"TLS for a raw protocol", plan.TLSOnly,
			`[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5433,"handlers":["pg_tls"]}]}]`,
			"--port 5432:5432/tcp", false},
		{"port 80 is another program's", plan.TLSOnly,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":443,"handlers":["http","tls"]}]},` +
				`{"protocol":"tcp","internal_port":9090,"ports":[{"port":80,"handlers":["http"]}]}]`,
			"--port 8080:8080/tcp:http", false},
		{"the program's own port has TLS", plan.TLSOnly,
			`[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5432,"handlers":["pg_tls"]}]}]`,
			"--port 5433:5432/tcp", false},
		{"a range with TLS", plan.TLSOnly,
			`[{"protocol":"tcp","internal_port":7000,"ports":[{"start_port":7000,"end_port":7010,"handlers":["tls"]}]}]`,
			"--port 7011:7000/tcp", false},
	}
	for _, tt := range tests {
		got := updateFlags(tt.id, newMachine(t, "aa", tt.services, `{}`))
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) ||
			strings.HasPrefix(got, "--machine-config") != tt.notFlags {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if strings.Contains(got, "secret") ||
			slices.ContainsFunc([]rune(got), func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%s: got %q", tt.name, got)
		}
	}
	if c, err := machine.ParseConfig([]byte(`{"services":"none"}`)); err != nil ||
		updateFlags(plan.ForceHTTPS, fly.Machine{ID: "aa", Config: c}) != "" {
		t.Error("services that cannot be read give flags")
	}
}
