package audit_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// sound returns an app about which the catalogue has nothing to say: private, one started
// Machine that sleeps when idle.
func sound() *appFacts {
	return &appFacts{
		addresses: []string{"fdaa:2:1c4f:0:1::2"},
		machines: []machineFacts{{state: "started", region: "iad", config: map[string]string{
			"image":    `"registry.fly.io/app:1"`,
			"metadata": `{"fly_platform_version":"v2","fly_process_group":"app"}`,
			"env":      `{"PRIMARY_REGION":"iad"}`,
			"guest":    `{"memory_mb":512}`,
			"services": soundServices,
		}}},
		release: `{"app":"app","primary_region":"iad"}`,
	}
}

const soundServices = `[{"protocol":"tcp","internal_port":8080,"autostop":true,"autostart":true,` +
	`"ports":[{"port":80,"handlers":["http"]}],"concurrency":{"type":"requests","soft_limit":250}}]`

// change returns the services of a sound app with one text replaced.
func changed(was, is string) string {
	if !strings.Contains(soundServices, was) {
		panic("the services have no " + was)
	}
	return strings.ReplaceAll(soundServices, was, is)
}

type appFacts struct {
	addresses    []string
	egress       string
	status       string
	network      string // of the Flycast address
	machines     []machineFacts
	certificates []string
	release      string
}

type machineFacts struct {
	state, region string
	config        map[string]string
	change        func(*fly.Machine)
	listen        []string // nil: on internal_port
}

// set changes a field of every Machine's configuration.
func (a *appFacts) set(key, value string) {
	for i := range a.machines {
		a.machines[i].config[key] = value
	}
}

func (a *appFacts) facts(t *testing.T) *audit.Facts {
	t.Helper()
	f := &audit.Facts{App: "app", At: platformtest.Start(), Missing: map[audit.Input]string{}}
	f.State.Addresses.App = fly.App{Name: "app", Network: "default", Status: a.status}
	f.State.Addresses.EgressKnown = true
	for _, text := range a.addresses {
		ip := netip.MustParseAddr(text)
		kind := fly.DedicatedV4
		switch {
		case strings.HasPrefix(text, "fdaa:"):
			kind = fly.Flycast
		case strings.HasPrefix(text, "fd"):
			kind = fly.UnknownKind
		case ip.Is6():
			kind = fly.DedicatedV6
		}
		f.State.Addresses.List = append(f.State.Addresses.List, fly.Address{IP: ip, Kind: kind, Network: a.network})
	}
	if a.egress != "" {
		f.State.Addresses.List = append(f.State.Addresses.List,
			fly.Address{IP: netip.MustParseAddr(a.egress), Kind: fly.Egress})
	}
	f.State.MachinesKnown = true
	f.State.Listening = map[string][]fly.Process{}
	for i, m := range a.machines {
		var parts []string
		for key, value := range m.config {
			parts = append(parts, fmt.Sprintf("%q:%s", key, value))
		}
		config, err := machine.ParseConfig([]byte("{" + strings.Join(parts, ",") + "}"))
		if err != nil {
			t.Fatal(err)
		}
		made := fly.Machine{
			ID: fmt.Sprintf("a%d", i), State: m.state, Region: m.region, Config: config,
			PrivateIP: netip.MustParseAddr("fdaa:2:1c4f:a7b:1::2"), Started: f.At.Add(-time.Hour),
			UpdatedAt: f.At.Add(-time.Hour),
		}
		if m.change != nil {
			m.change(&made)
		}
		f.State.Machines = append(f.State.Machines, made)
		listen := m.listen
		if listen == nil {
			listen = []string{"0.0.0.0:8080"}
		}
		process := fly.Process{}
		for _, at := range listen {
			process.Listen = append(process.Listen, fly.Socket{Proto: "tcp", Address: at})
		}
		f.State.Listening[made.ID] = []fly.Process{process}
	}
	for _, name := range a.certificates {
		f.Certificates = append(f.Certificates, fly.Certificate{Hostname: name})
	}
	if a.release != "" {
		var err error
		if f.Release, err = flytoml.FromDefinition("deployed fly.toml", []byte(a.release)); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// expected are the findings of every sound app.
func expected() []string { return []string{"NO_APP_AUTH"} }

func TestSoundApp(t *testing.T) {
	result := audit.Judge(sound().facts(t), audit.Catalogue())
	var got []string
	for _, f := range result.Findings {
		got = append(got, f.ID)
	}
	if !slices.Equal(got, expected()) {
		t.Errorf("findings %v, want %v", got, expected())
	}
	if len(result.Unchecked) > 0 {
		t.Errorf("unchecked: %v", result.Unchecked)
	}
}

// TestEachRule has, for every rule of the catalogue, an app that breaks it: a sound app with one
// change.
func TestEachRule(t *testing.T) {
	const public = "2a09:8280:1::2d:1111"
	services := func(text string) func(*appFacts) { return func(a *appFacts) { a.set("services", text) } }
	field := func(key, value string) func(*appFacts) { return func(a *appFacts) { a.set(key, value) } }
	stored := func(text string) func(*appFacts) { return func(a *appFacts) { a.release = text } }
	addresses := func(list ...string) func(*appFacts) { return func(a *appFacts) { a.addresses = list } }
	environment := func(value string) func(*appFacts) {
		return field("env", `{"PRIMARY_REGION":"iad","OTHER_URL":"`+value+`"}`)
	}
	one := func(change func(*fly.Machine)) func(*appFacts) {
		return func(a *appFacts) { a.machines[0].change = change }
	}
	listen := func(at ...string) func(*appFacts) { return func(a *appFacts) { a.machines[0].listen = at } }
	more := func(n int) func(*appFacts) {
		return func(a *appFacts) {
			for range n {
				a.machines = append(a.machines, a.machines[0])
			}
		}
	}
	suspend := changed(`"autostop":true`, `"autostop":"suspend"`)
	off := changed(`"autostop":true`, `"autostop":false`)
	least := func(n int) string {
		return changed(`"autostart"`, fmt.Sprintf(`"min_machines_running":%d,"autostart"`, n))
	}
	all := func(changes ...func(*appFacts)) func(*appFacts) {
		return func(a *appFacts) {
			for _, change := range changes {
				change(a)
			}
		}
	}
	tests := map[string]func(*appFacts){
		"PUBLIC_IP_WITH_SERVICES": addresses(public),
		"PUBLIC_IP_NO_SERVICES":   all(addresses(public), services(`[]`)),
		"NONHTTP_PORT_EXPOSED":    all(addresses(public), services(changed(`{"port":80,"handlers":["http"]}`, `{"port":5432}`))),
		"NO_FLYCAST_IP":           addresses(public),
		"NO_IP_AT_ALL":            addresses(),
		"REPROVISION_RISK": func(a *appFacts) {
			a.addresses, a.machines, a.status = nil, nil, "pending"
		},
		"FLYCAST_FOREIGN_ONLY": addresses("fdaa:9:77e0:0:1::2"),
		"FLYCAST_STALE_AFTER_MOVE": func(a *appFacts) {
			a.addresses, a.network = []string{"fdaa:9:77e0:0:1::2"}, "default"
		},
		"FLYCAST_DUPLICATE":   addresses("fdaa:2:1c4f:0:1::2", "fdaa:2:1c4f:0:1::3"),
		"IP_TYPE_UNKNOWN":     addresses("fd00::1"),
		"DEDICATED_V4_BILLED": addresses("137.66.18.204"),
		"EGRESS_IP_PRESENT":   func(a *appFacts) { a.egress = "209.71.80.45" },
		"NO_APP_AUTH":         func(*appFacts) {},

		"FORCE_HTTPS_ON_FLYCAST": services(changed(`["http"]`, `["http"],"force_https":true`)),
		"FORCE_HTTPS_DRIFT":      services(changed(`["http"]`, `["http"],"force_https":true`)),
		"TLS_ONLY_SERVICE":       services(changed(`"port":80,"handlers":["http"]`, `"port":443,"handlers":["tls","http"]`)),
		"TLS_PORT_NO_CERT":       services(changed(`"port":80,"handlers":["http"]`, `"port":443,"handlers":["tls","http"]`)),
		"PG_TLS_ON_FLYCAST":      services(changed(`["http"]`, `["pg_tls"]`)),
		"PROXY_PROTO_HANDLER":    services(changed(`["http"]`, `["proxy_proto"]`)),
		"CERT_ON_PRIVATE_APP":    func(a *appFacts) { a.certificates = []string{"api.example.com"} },
		"NO_SERVICES":            services(`[]`),
		"SERVICE_NO_PORTS":       services(changed(`"ports":[{"port":80,"handlers":["http"]}],`, ``)),
		"PROCESS_GROUP_PORT_CLASH": func(a *appFacts) {
			a.machines = append(a.machines, sound().machines[0])
			a.machines[1].config["metadata"] = `{"fly_platform_version":"v2","fly_process_group":"other"}`
		},
		"UDP_SERVICE":                      services(changed(`"tcp"`, `"udp"`)),
		"CONCURRENCY_CONNECTIONS_FOR_HTTP": services(changed(`"requests"`, `"connections"`)),
		"SOFT_LIMIT_DEFAULT":               services(changed(`,"soft_limit":250`, ``)),
		"SOFT_LIMIT_EXTREME":               services(changed(`250`, `1`)),
		"HARD_LIMIT_LOW":                   services(changed(`"soft_limit":250`, `"soft_limit":250,"hard_limit":250`)),
		"CHECK_FAILING": one(func(m *fly.Machine) {
			m.Checks = []fly.CheckStatus{{Name: "http", Status: "critical"}}
		}),
		"GRACE_PERIOD_LONG":    services(changed(`"autostart"`, `"checks":[{"type":"http","grace_period":"45s"}],"autostart"`)),
		"TOPLEVEL_CHECKS_ONLY": field("checks", `{"up":{"type":"http","port":8080}}`),
		"CONFIG_DRIFT_MACHINES": func(a *appFacts) {
			a.machines = append(a.machines, sound().machines[0])
			a.machines[1].config["services"] = changed("250", "200")
		},

		"UNKNOWN_TOML_KEYS":         stored(`{"app":"app","http_services":{"internal_port":8080}}`),
		"AUTOSTOP_INVALID_VALUE":    stored(`{"app":"app","http_service":{"internal_port":8080,"auto_stop_machines":"on"}}`),
		"PROCESS_GROUP_UNKNOWN":     stored(`{"app":"app","processes":{"web":"a"},"http_service":{"internal_port":8080,"processes":["app"]}}`),
		"SERVICE_PROCESSES_MISSING": stored(`{"app":"app","processes":{"web":"a","job":"b"},"mounts":[{"source":"data","destination":"/data"}]}`),
		"LEGACY_TOML_SHAPE":         stored(`{"app":"app","experimental":{"auto_rollback":true}}`),
		"HTTP_SERVICE_AND_SERVICES": stored(`{"app":"app","http_service":{"internal_port":8080},"services":[{"internal_port":9090}]}`),

		"CLIENT_USES_HTTPS_FLYCAST": environment("https://other.flycast/path"),
		"CLIENT_USES_INTERNAL":      environment("postgres://user:pass@top1.nearest.of.other.internal:5432/x"),
		"CLIENT_PUBLIC_NAME":        environment("https://other.fly.dev"),

		"AUTOSTOP_UNSET":                services(changed(`"autostop":true,`, ``)),
		"AUTOSTOP_OFF":                  services(off),
		"AUTOSTOP_WRONG_FIELD_NAME":     services(changed(`"autostart"`, `"auto_stop_machines":"stop","autostart"`)),
		"AUTOSTART_DISABLED":            services(changed(`"autostart":true`, `"autostart":false`)),
		"AUTOSTOP_MIXED_SERVICES":       services(`[{"internal_port":1,"autostop":true},{"internal_port":2,"autostop":"suspend"}]`),
		"DISABLE_MACHINE_AUTOSTART_SET": field("disable_machine_autostart", `true`),
		"MIN_MACHINES_NONZERO":          services(least(1)),
		"MIN_MACHINES_NO_PRIMARY":       all(services(least(1)), field("env", `{"PRIMARY_REGION":"fra"}`)),
		"MIN_MACHINES_EQ_COUNT":         all(services(least(2)), more(1)),
		"BACKGROUND_WORK_AUTOSTOP":      field("init", `{"cmd":["bundle","exec","sidekiq"]}`),
		"STATEFUL_ROOTFS_AUTOSTOP":      field("image", `"postgres:16"`),
		"SINGLE_VOLUME_MACHINE":         field("mounts", `[{"volume":"vol_1","path":"/data"}]`),
		"RESTART_ALWAYS_AUTOSTOP":       field("restart", `{"policy":"always"}`),
		"SUSPEND_MEMORY":                all(services(suspend), field("guest", `{"memory_mb":4096}`)),
		"SUSPEND_SWAP":                  all(services(suspend), field("init", `{"swap_size_mb":512}`)),
		"SUSPEND_SCHEDULE":              all(services(suspend), field("schedule", `"daily"`)),
		"SUSPEND_GPU":                   all(services(suspend), field("guest", `{"memory_mb":512,"gpu_kind":"a10"}`)),
		"SUSPEND_OLD_MACHINE": all(services(suspend), one(func(m *fly.Machine) {
			m.UpdatedAt = time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
		})),
		"SUSPEND_STALE_SOCKETS":           services(suspend),
		"STANDBY_WITH_SERVICES":           field("standbys", `["b1"]`),
		"MACHINE_NO_SERVICES_NEVER_STOPS": services(`[]`),
		"TOO_MANY_MACHINES":               more(20),

		"NO_MACHINES": func(a *appFacts) { a.machines = nil },
		"ALL_FAILED":  one(func(m *fly.Machine) { m.State = "failed" }),
		"CRASH_LOOP":  one(func(m *fly.Machine) { m.State, m.Exit = "stopped", &fly.Exit{Code: 1} }),
		"OOM_ON_WAKE": one(func(m *fly.Machine) {
			m.Events = []fly.Event{{Type: "exit", Exit: &fly.Exit{OOMKilled: true}}}
		}),
		"CORDONED":         one(func(m *fly.Machine) { m.Cordoned = true }),
		"HOST_UNREACHABLE": one(func(m *fly.Machine) { m.HostStatus = "unreachable" }),
		"STUCK_TRANSIENT": one(func(m *fly.Machine) {
			m.State, m.Events = "stopping", []fly.Event{{Type: "stop", Time: platformtest.Start().Add(-6 * time.Minute)}}
		}),
		"DETACHED_MACHINE":     field("metadata", `{}`),
		"MACHINE_AUTO_DESTROY": field("auto_destroy", `true`),
		"DEPLOY_SKIPPED_STOPPED": one(func(m *fly.Machine) {
			m.State, m.Events = "stopped", []fly.Event{{Type: "update"}, {Type: "start"}}
		}),
		"PRIMARY_REGION_MISMATCH": field("env", `{"PRIMARY_REGION":"fra"}`),
		"SMALL_MEMORY":            field("guest", `{"memory_mb":256}`),

		"LISTEN_LOOPBACK_ONLY": listen("127.0.0.1:8080"),
		"LISTEN_WRONG_PORT":    listen("0.0.0.0:3000"),
		"LISTEN_6PN_ONLY":      listen("[fdaa:2:1c4f:a7b:1::2]:8080"),
		"LISTEN_EXTRA_PORTS":   listen("0.0.0.0:8080", "0.0.0.0:9090"),
	}
	for _, rule := range audit.Catalogue() {
		change, ok := tests[rule.ID]
		delete(tests, rule.ID)
		if !ok {
			t.Errorf("%s: no app breaks this rule", rule.ID)
			continue
		}
		t.Run(rule.ID, func(t *testing.T) {
			a := sound()
			change(a)
			var found []audit.Finding
			var others []string
			for _, f := range audit.Judge(a.facts(t), audit.Catalogue()).Findings {
				others = append(others, f.ID)
				if f.ID == rule.ID {
					found = append(found, f)
				}
			}
			if len(found) == 0 {
				t.Fatalf("not found; found %v", others)
			}
			f := found[0]
			if f.Evidence == "" || f.Why == "" || !f.Severity.Valid() || f.Remedy.Why == "" ||
				f.Remedy.Who != "agent" && f.Remedy.Who != "person" || !strings.HasPrefix(f.Docs, "https://fly.io/docs/") {
				t.Errorf("incomplete: %+v", f)
			}
			if strings.Contains(fmt.Sprint(found), "user:pass") {
				t.Errorf("the value of a variable is shown: %v", found)
			}
		})
	}
	for id := range tests {
		t.Errorf("%s is not in the catalogue", id)
	}
}

// TestMissingInput holds that a rule without its input answers unknown, and never finds or
// approves.
func TestMissingInput(t *testing.T) {
	for _, input := range []audit.Input{audit.Addresses, audit.Machines, audit.Release, audit.Certificates, audit.Processes} {
		f := sound().facts(t)
		f.Missing[input] = "the token may not read it"
		result := audit.Judge(f, audit.Catalogue())
		unchecked := make(map[string]bool)
		for _, u := range result.Unchecked {
			for _, id := range u.Rules {
				unchecked[id] = u.Unread
			}
		}
		for _, rule := range audit.Catalogue() {
			if needs := slices.Contains(rule.Needs, input); needs != unchecked[rule.ID] {
				t.Errorf("without %s: %s unknown %t, want %t", input, rule.ID, unchecked[rule.ID], needs)
			}
		}
		for _, found := range result.Findings {
			if unchecked[found.ID] {
				t.Errorf("without %s: %s was found", input, found.ID)
			}
		}
	}
}

// TestPartialInput holds that a rule which could see only a part of its input, and found nothing
// there, answers unknown.
func TestPartialInput(t *testing.T) {
	tests := []struct {
		name, rule string
		change     func(*audit.Facts)
	}{
		{"a Machine that could not be read", "AUTOSTOP_OFF", func(f *audit.Facts) {
			f.State.Machines[0].Incomplete = true
		}},
		{"nothing started to look at", "LISTEN_LOOPBACK_ONLY", func(f *audit.Facts) { f.State.Listening = nil }},
		{"an address of unknown kind", "PUBLIC_IP_WITH_SERVICES", func(f *audit.Facts) {
			f.State.Addresses.List[0].Kind = fly.UnknownKind
		}},
	}
	for _, test := range tests {
		f := sound().facts(t)
		test.change(f)
		result := audit.Judge(f, audit.Catalogue())
		if !slices.ContainsFunc(result.Unchecked, func(u audit.Unchecked) bool { return slices.Contains(u.Rules, test.rule) }) {
			t.Errorf("%s: %s is not unknown", test.name, test.rule)
		}
	}
}
