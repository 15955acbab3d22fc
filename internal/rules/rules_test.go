package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// The networks of the tests: the app's own one and another.
const (
	ownPrivate   = "fdaa:2:1c4f:a7b:1:2:3:2"
	otherPrivate = "fdaa:9:77e0:a7b:1:2:3:2"
	ownFlycast   = "fdaa:2:1c4f:0:1::2"
	otherFlycast = "fdaa:9:77e0:0:1::2"
)

// of are addresses of the kinds.
func withKinds(kinds ...fly.Kind) []fly.Address {
	var list []fly.Address
	for _, kind := range kinds {
		list = append(list, fly.Address{Kind: kind})
	}
	return list
}

func flycastAddress(ip, network, org string) fly.Address {
	return fly.Address{IP: netip.MustParseAddr(ip), Kind: fly.Flycast, Network: network, Org: org}
}

// vm is a started Machine on the own network, with services in JSON.
func machineWith(t *testing.T, id, services string) fly.Machine {
	t.Helper()
	config, err := machine.ParseConfig([]byte(`{"metadata":{"fly_platform_version":"v2"},"services":` + services + `}`))
	if err == nil {
		err = config.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return fly.Machine{ID: id, State: "started", Region: "iad", PrivateIP: netip.MustParseAddr(ownPrivate), Config: config}
}

// inGroup is the Machine with another process group.
func withGroup(t *testing.T, m fly.Machine, group string) fly.Machine {
	t.Helper()
	config, err := m.Config.With("metadata", map[string]string{machine.MetadataPlatformVersion: "v2",
		machine.MetadataProcessGroup: group})
	if err != nil {
		t.Fatal(err)
	}
	m.Config = config
	return m
}

// Services in JSON.
const (
	plainHTTP = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]},{"port":443,` +
		`"handlers":["http","tls"]}]}]`
	redirects = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"],` +
		`"force_https":true},{"port":443,"handlers":["http","tls"]}]}]`
	tlsAlone   = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":443,"handlers":["tls","http"]}]}]`
	noPorts    = `[{"protocol":"tcp","internal_port":8080}]`
	passThru   = `[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5432}]}]`
	noServices = `[]`
)

func TestJudge(t *testing.T) {
	tests := []struct {
		list []fly.Address
		want Verdict
	}{
		{nil, Unreachable},
		{withKinds(fly.Egress), Unreachable},
		{withKinds(fly.SharedV4), Public},
		{withKinds(fly.DedicatedV4), Public},
		{withKinds(fly.DedicatedV6), Public},
		{withKinds(fly.DedicatedV6, fly.Egress), Public},
		{withKinds(fly.DedicatedV6, fly.UnknownKind), Public},
		{withKinds(fly.Flycast), Private},
		{withKinds(fly.Flycast, fly.Flycast, fly.Egress), Private},
		{withKinds(fly.Flycast, fly.SharedV4), Both},
		{withKinds(fly.SharedV4, fly.Flycast, fly.UnknownKind), Both},
		{withKinds(fly.UnknownKind), Unknown},
		{withKinds(fly.UnknownKind, fly.Egress), Unknown},
		{withKinds(fly.Flycast, fly.UnknownKind), Unknown},
	}
	for _, test := range tests {
		list := test.list
		for range 2 { // the order of the list does not matter
			if got := Judge(list); got != test.want {
				t.Errorf("%v: got %s, want %s", list, got, test.want)
			}
			list = slices.Clone(list)
			slices.Reverse(list)
		}
	}
}

func TestExposed(t *testing.T) {
	tests := []struct {
		name     string
		list     []fly.Address
		services string // empty: the Machines are not known
		want     Answer
	}{
		{"public with a port", withKinds(fly.SharedV4), plainHTTP, Yes},
		{"both with a port", withKinds(fly.SharedV4, fly.Flycast), plainHTTP, Yes},
		{"public with a range", withKinds(fly.DedicatedV4),
			`[{"protocol":"tcp","internal_port":1,"ports":[{"start_port":1000,"end_port":2000}]}]`, Yes},
		{"public with UDP", withKinds(fly.DedicatedV4),
			`[{"protocol":"udp","internal_port":5000,"ports":[{"port":5000}]}]`, Yes},
		{"UDP on addresses that do not carry it", withKinds(fly.SharedV4, fly.DedicatedV6),
			`[{"protocol":"udp","internal_port":5000,"ports":[{"port":5000}]}]`, No},
		{"raw TCP on a shared IPv4", withKinds(fly.SharedV4, fly.Flycast), passThru, No},
		{"raw TCP on IPv6", withKinds(fly.SharedV4, fly.DedicatedV6), passThru, Yes},
		{"edge_http on a shared IPv4", withKinds(fly.SharedV4),
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["edge_http"]}]}]`, Yes},
		{"pg_tls on a shared IPv4", withKinds(fly.SharedV4),
			`[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5432,"handlers":["pg_tls"]}]}]`, Unclear},
		{"public without services", withKinds(fly.SharedV4), noServices, No},
		{"public, a service without ports", withKinds(fly.SharedV4), noPorts, No},
		{"public, Machines unknown", withKinds(fly.SharedV4), "", Unclear},
		{"private", withKinds(fly.Flycast), plainHTTP, No},
		{"private, Machines unknown", withKinds(fly.Flycast), "", No},
		{"no address", nil, plainHTTP, No},
		{"unknown address", withKinds(fly.UnknownKind), plainHTTP, Unclear},
		{"unknown address without services", withKinds(fly.UnknownKind), noServices, No},
		{"unknown address, Machines unknown", withKinds(fly.UnknownKind), "", Unclear},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := Snapshot{Addresses: fly.Addresses{List: test.list}}
			if test.services != "" {
				s.MachinesKnown, s.Machines = true, []fly.Machine{machineWith(t, "1", noServices),
					machineWith(t, "2", test.services)}
			}
			if got := s.Exposed(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestNetworkID(t *testing.T) {
	tests := []struct {
		name string
		ips  []string // empty: the Machine has none
		want string
	}{
		{"no Machines", nil, ""},
		{"none told", []string{"", ""}, ""},
		{"one", []string{ownPrivate}, "00021c4f"},
		{"all alike", []string{ownPrivate, "fdaa:2:1c4f:a7b::9"}, "00021c4f"},
		{"one has no network", []string{"", ownPrivate, ""}, "00021c4f"},
		{"they disagree", []string{ownPrivate, otherPrivate}, ""},
		{"one of many disagrees", []string{ownPrivate, ownPrivate, otherPrivate, ownPrivate}, ""},
		{"not a private address", []string{"172.19.0.2"}, ""},
		{"a public address says nothing", []string{"2a09:8280:1::1", ownPrivate}, "00021c4f"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := (Snapshot{Machines: withIPs(test.ips)}).NetworkID(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func withIPs(ips []string) []fly.Machine {
	var machines []fly.Machine
	for _, ip := range ips {
		m := fly.Machine{}
		if ip != "" {
			m.PrivateIP = netip.MustParseAddr(ip)
		}
		machines = append(machines, m)
	}
	return machines
}

func TestOwn(t *testing.T) {
	app := func(network string) fly.App {
		return fly.App{Name: "demo", Network: network, Organization: fly.Organization{Slug: "personal"}}
	}
	public := fly.Address{IP: netip.MustParseAddr("66.241.124.11"), Kind: fly.SharedV4}
	tests := []struct {
		name    string
		app     fly.App
		ips     []string
		address fly.Address
		want    Answer
	}{
		{"the Machines' network", app(""), []string{ownPrivate}, flycastAddress(ownFlycast, "", ""), Yes},
		{"another than the Machines'", app(""), []string{ownPrivate}, flycastAddress(otherFlycast, "", ""), No},
		{"the Machines win over names", app("default"), []string{ownPrivate}, flycastAddress(otherFlycast,
			"default", "personal"), No},
		{"the Machines win over other names", app("default"), []string{ownPrivate}, flycastAddress(ownFlycast,
			"other", "partner"), Yes},
		{"the Machines disagree, names tell", app("default"), []string{ownPrivate, otherPrivate},
			flycastAddress(ownFlycast, "default", "personal"), Yes},
		{"the Machines disagree, nothing tells", app(""), []string{ownPrivate, otherPrivate},
			flycastAddress(ownFlycast, "default", "personal"), Unclear},
		{"by name", app("default"), nil, flycastAddress(ownFlycast, "default", "personal"), Yes},
		{"by name, no organization told", app("default"), nil, flycastAddress(ownFlycast, "default", ""), Yes},
		{"by name, another organization", app("default"), nil, flycastAddress(ownFlycast, "default", "partner"), No},
		{"by name, another network", app("tenant-7"), nil, flycastAddress(ownFlycast, "default", "personal"), No},
		{"the network of the address is unknown", app("default"), nil, flycastAddress(ownFlycast, "", "personal"), Unclear},
		{"the network of the app is unknown", app(""), nil, flycastAddress(ownFlycast, "default", "personal"), Unclear},
		{"not Flycast", app("default"), []string{ownPrivate}, public, No},
		{"private, but egress", app("default"), []string{ownPrivate},
			fly.Address{IP: netip.MustParseAddr(ownFlycast), Kind: fly.Egress}, No},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := Snapshot{Addresses: fly.Addresses{App: test.app}, Machines: withIPs(test.ips)}
			if got := s.IsOwnNetwork(test.address); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// ids are the blockers in short.
func blockerIDs(blockers []plan.Blocker) []string {
	var out []string
	for _, b := range blockers {
		out = append(out, b.ID)
	}
	return out
}

func TestBlockers(t *testing.T) {
	own := []fly.Address{flycastAddress(ownFlycast, "", "")}
	tests := []struct {
		name     string
		list     []fly.Address // nil: own
		services []string      // of the Machines
		unknown  bool          // the Machines could not be read
		want     []string
		says     string // part of the last blocker's sentence
	}{
		{name: "ready", services: []string{plainHTTP}},
		{name: "ready, public too", list: append(withKinds(fly.SharedV4, fly.DedicatedV6), own...),
			services: []string{plainHTTP}},
		{name: "ready, pass-through TCP", services: []string{passThru}},

		{name: "no Flycast address", list: withKinds(fly.SharedV4), services: []string{plainHTTP},
			want: []string{plan.NoFlycast}, says: "demo.flycast does not exist"},
		{name: "no address", list: []fly.Address{}, services: []string{plainHTTP}, want: []string{plan.NoFlycast}},
		{name: "egress is no Flycast", list: withKinds(fly.Egress), services: []string{plainHTTP},
			want: []string{plan.NoFlycast}},
		{name: "Flycast elsewhere", list: []fly.Address{flycastAddress(otherFlycast, "", "")},
			services: []string{plainHTTP}, want: []string{plan.FlycastWrongNetwork}},
		{name: "Flycast elsewhere and here", list: []fly.Address{flycastAddress(otherFlycast, "", ""), own[0]},
			services: []string{plainHTTP}},

		{name: "no services", services: []string{noServices}, want: []string{plan.NoServices}},
		{name: "no Machines", services: []string{}, want: []string{plan.NoServices}},
		{name: "a worker beside a web Machine", services: []string{plainHTTP, noServices}},

		{name: "force_https", services: []string{redirects}, want: []string{plan.ForceHTTPS}, says: "on port 80:"},
		{name: "force_https on one Machine", services: []string{plainHTTP, plainHTTP, redirects},
			want: []string{plan.ForceHTTPS}, says: "on port 80:"},
		{name: "force_https on a range",
			services: []string{
				`[{"protocol":"tcp","internal_port":1,"ports":[{"start_port":8000,"end_port":8010,"handlers":["http"],` +
					`"force_https":true}]}]`},
			want: []string{plan.ForceHTTPS}, says: "8000-8010"},
		{name: "force_https on several", services: []string{
			`[{"protocol":"tcp","internal_port":1,"ports":[{"port":8081,"handlers":["http"],"force_https":true},` +
				`{"port":80,"handlers":["http"],"force_https":true}]}]`,
			redirects},
			want: []string{plan.ForceHTTPS}, says: "on port 80, 8081:"},

		{name: "TLS only", services: []string{tlsAlone}, want: []string{plan.TLSOnly}, says: "on port 443:"},
		{name: "TLS only on one Machine", services: []string{plainHTTP, tlsAlone}, want: []string{plan.TLSOnly}},
		{name: "pg_tls only",
			services: []string{
				`[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5432,"handlers":["pg_tls"]}]}]`},
			want: []string{plan.TLSOnly}, says: "5432"},
		{name: "pg_tls and plain",
			services: []string{
				`[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5432,"handlers":["pg_tls"]},{"port":5433}]}]`}},
		{name: "TLS only on a range",
			services: []string{
				`[{"protocol":"tcp","internal_port":1,"ports":[{"start_port":9000,"end_port":9010,"handlers":["tls"]}]}]`},
			want: []string{plan.TLSOnly}, says: "9000-9010"},
		{name: "two services of one program, one plain", services: []string{
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":443,"handlers":["tls","http"]}]},` +
				`{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}]}]`}},
		{name: "two programs, one plain", services: []string{
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}]},{"protocol":"tcp",` +
				`"internal_port":9090,"ports":[{"port":9443,"handlers":["tls"]}]}]`},
			want: []string{plan.TLSOnly}, says: "on port 9443:"},
		{name: "UDP makes TLS no plainer", services: []string{
			`[{"protocol":"tcp","internal_port":443,"ports":[{"port":443,"handlers":["tls"]}]},{"protocol":"udp",` +
				`"internal_port":443,"ports":[{"port":443}]}]`},
			want: []string{plan.TLSOnly, plan.UDPService}},
		{name: "a service without ports", services: []string{noPorts}, want: []string{plan.NoPorts},
			says: "no service has a port"},
		{name: "a service with an empty list of ports",
			services: []string{`[{"protocol":"tcp","internal_port":8080,"ports":[]}]`}, want: []string{plan.NoPorts}},
		{name: "a service with ports that are none",
			services: []string{
				`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":0},{"handlers":["http"]},{"start_port":90,` +
					`"end_port":80}]}]`},
			want: []string{plan.NoPorts}},
		{name: "UDP without ports", services: []string{`[{"protocol":"udp","internal_port":53}]`},
			want: []string{plan.NoPorts}},
		{name: "a range",
			services: []string{`[{"protocol":"tcp","internal_port":8080,"ports":[{"start_port":9000,"end_port":9010}]}]`}},
		{name: "a service without ports beside one with",
			services: []string{
				`[{"protocol":"tcp","internal_port":9090},{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,` +
					`"handlers":["http"]}]}]`}},
		{name: "a worker without ports", services: []string{plainHTTP, noPorts}},

		{name: "UDP only",
			services: []string{`[{"protocol":"udp","internal_port":5000,"ports":[{"port":5000}]}]`},
			want:     []string{plan.UDPService}, says: "5000/udp"},
		{name: "UDP on a range",
			services: []string{
				`[{"protocol":"udp","internal_port":5000,"ports":[{"start_port":5000,"end_port":5100}]}]`},
			want: []string{plan.UDPService}, says: "5000-5100/udp"},
		{name: "UDP of one group", services: []string{plainHTTP,
			`[{"protocol":"udp","internal_port":53,"ports":[{"port":53}]}]`}, want: []string{plan.UDPService}},

		{name: "everything", list: withKinds(fly.SharedV4), services: []string{redirects, tlsAlone,
			`[{"protocol":"udp","internal_port":53,"ports":[{"port":53}]}]`, noServices},
			want: []string{plan.NoFlycast, plan.ForceHTTPS, plan.TLSOnly, plan.UDPService}},
		{name: "Machines unknown", services: []string{redirects}, unknown: true},
		{name: "Machines unknown, no Flycast address", list: withKinds(fly.SharedV4),
			services: []string{redirects}, unknown: true, want: []string{plan.NoFlycast}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := Snapshot{Addresses: fly.Addresses{App: fly.App{Name: "demo"}, List: test.list}, MachinesKnown: !test.unknown}
			if test.list == nil {
				s.Addresses.List = own
			}
			for i, services := range test.services {
				m := machineWith(t, fmt.Sprint(i), services)
				s.Machines = append(s.Machines, m)
			}
			got := s.Blockers()
			if !slices.Equal(blockerIDs(got), test.want) {
				t.Fatalf("got %q, want %q", blockerIDs(got), test.want)
			}
			for _, b := range got {
				if b.What == "" || b.Fix == "" {
					t.Errorf("%+v says too little", b)
				}
			}
			if test.says != "" && !strings.Contains(got[len(got)-1].What, test.says) {
				t.Errorf("got %q, want %q in it", got[len(got)-1].What, test.says)
			}
		})
	}
}

// TestBlockersNameTheFix: a model follows these words.
func TestBlockersNameTheFix(t *testing.T) {
	s := Snapshot{Addresses: fly.Addresses{App: fly.App{Name: "demo"}}, MachinesKnown: true,
		Machines: []fly.Machine{machineWith(t, "1", noServices)}}
	want := map[string]string{plan.NoFlycast: `allocate_flycast {app: "demo"}`,
		plan.NoServices: `patch_services {app: "demo", create: "http", internal_port: …}, then deploy {app: ` +
			`"demo", draft: …}`}
	got := s.Blockers()
	if len(got) != len(want) {
		t.Errorf("got %d blockers, want %d", len(got), len(want))
	}
	for _, b := range got {
		if b.Fix != want[b.ID] {
			t.Errorf("%s: got %q, want %q", b.ID, b.Fix, want[b.ID])
		}
	}
}

// TestFixArguments: the calls in the fixes carry all that they need.
func TestFixArguments(t *testing.T) {
	group := func(m fly.Machine, name string) fly.Machine { return withGroup(t, m, name) }
	image := func(m fly.Machine, name string) fly.Machine {
		var err error
		if m.Config, err = m.Config.With("image", name); err != nil {
			t.Fatal(err)
		}
		return m
	}
	const raw = `[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5432,"handlers":["pg_tls"]}]}]`
	tests := []struct {
		name     string
		machines []fly.Machine
		id, want string
	}{
		{"no ports", []fly.Machine{machineWith(t, "1", noPorts)}, plan.NoPorts,
			`{app: "demo", create: "http", internal_port: 8080}`},
		{"no ports of one group", []fly.Machine{group(machineWith(t, "1", noPorts), "web"),
			group(machineWith(t, "2", noServices), "cron")}, plan.NoPorts,
			`{app: "demo", process_groups: ["web"], create: "http", internal_port: 8080}`},
		{"no ports, several programs",
			[]fly.Machine{machineWith(t, "1", `[{"internal_port":1},{"internal_port":2}]`)}, plan.NoPorts,
			`{app: "demo", create: "http", internal_port: …}`},
		{"a database's port", []fly.Machine{machineWith(t, "1", `[{"protocol":"tcp","internal_port":6379}]`)},
			plan.NoPorts, `{app: "demo", create: "tcp", internal_port: 6379}`},
		{"a database's image",
			[]fly.Machine{image(machineWith(t, "1", `[{"protocol":"tcp","internal_port":7000}]`),
				"bitnami/redis:7.2")}, plan.NoPorts, `{app: "demo", create: "tcp", internal_port: 7000}`},

		{"HTTP with TLS", []fly.Machine{machineWith(t, "1", tlsAlone)}, plan.TLSOnly, `{app: "demo", plain_ports: [80]}`},
		{"Postgres with TLS", []fly.Machine{machineWith(t, "1", raw)}, plan.TLSOnly, `{app: "demo", plain_ports: [5433]}`},
		{"raw TLS", []fly.Machine{
			machineWith(t, "1",
				`[{"protocol":"tcp","internal_port":1883,"ports":[{"port":8883,"handlers":["tls"]}]}]`)}, plan.TLSOnly,
			`{app: "demo", plain_ports: [1883]}`},
		{"two programs",
			[]fly.Machine{
				machineWith(t, "1",
					`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":443,"handlers":["tls","http"]}]},`+
						`{"protocol":"tcp","internal_port":1883,"ports":[{"port":8883,"handlers":["tls"]}]}]`)},
			plan.TLSOnly, `{app: "demo", plain_ports: [80, 1883]}`},
		{"80 is another group's", []fly.Machine{group(machineWith(t, "1", tlsAlone), "api"),
			group(machineWith(t, "2",
				`[{"protocol":"tcp","internal_port":3000,"ports":[{"port":80,"handlers":["http"]}]}]`), "web")},
			plan.TLSOnly, `{app: "demo", process_groups: ["api"], plain_ports: [8080]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := Snapshot{Addresses: fly.Addresses{App: fly.App{Name: "demo"}, List: []fly.Address{
				flycastAddress(ownFlycast, "", "")}}, MachinesKnown: true, Machines: test.machines}
			got := s.Blockers()
			want := "patch_services " + test.want + `, then deploy {app: "demo", draft: …}`
			if len(got) != 1 || got[0].ID != test.id || got[0].Fix != want {
				t.Errorf("got %+v, want %s: %s", got, test.id, want)
			}
		})
	}
}

func TestUDPServices(t *testing.T) {
	const games = `[{"protocol":"udp","internal_port":5000,"ports":[{"port":5001},{"port":5000}]},` +
		`{"protocol":"tcp","internal_port":8080,"ports":[{"port":80}]}]`
	const silent = `[{"protocol":"udp","internal_port":6000}]`
	s := Snapshot{Machines: []fly.Machine{machineWith(t, "1", games), machineWith(t, "2", games),
		machineWith(t, "3", silent)}}
	if got, want := s.UDPServices(), []string{"5000/udp", "5001/udp"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Snapshot{Machines: []fly.Machine{machineWith(t, "1", plainHTTP)}}).UDPServices(); len(got) != 0 {
		t.Errorf("got %q, want none", got)
	}
}

func TestInternalPort(t *testing.T) {
	tests := []struct {
		name     string
		services []string
		want     int
	}{
		{"no Machines", nil, 0},
		{"no services", []string{noServices}, 0},
		{"one", []string{plainHTTP}, 8080},
		{"all alike, a worker between", []string{plainHTTP, noServices, tlsAlone}, 8080},
		{"they differ", []string{plainHTTP, passThru}, 0},
		{"they differ on one Machine", []string{`[{"internal_port":1},{"internal_port":2}]`}, 0},
		{"one does not say", []string{`[{"internal_port":1},{}]`}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var s Snapshot
			for i, services := range test.services {
				s.Machines = append(s.Machines, machineWith(t, fmt.Sprint(i), services))
			}
			if got := s.InternalPort(); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
			if got, want := s.HasServices(), slices.ContainsFunc(test.services,
				func(x string) bool { return x != noServices }); got != want {
				t.Errorf("has services: got %t, want %t", got, want)
			}
		})
	}
}
