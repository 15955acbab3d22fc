package edit

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// TestEditKeeps checks that a group keeps its autostop and minimum, with a remark, if
// nothing can wake it, or if it runs a database or ships logs.
func TestEditKeeps(t *testing.T) {
	const http = "[[services.ports]]\nport = 80\nhandlers = ['http']\n"
	tests := []struct {
		name, text string
		keeps      string // "group code", in the order of the remarks; empty: none
		stops      string // groups that have autostop on afterwards
	}{
		{"HTTP", "[http_service]\ninternal_port = 8080\n", "", "app"},
		{"TCP", "[[services]]\ninternal_port = 7000\n[[services.ports]]\nport = 7000\n", "", "app"},
		{"a range", "[[services]]\ninternal_port = 7000\n[[services.ports]]\nstart_port = 7000\n" +
			"end_port = 7010\n", "", "app"},
		{"an open range", "[[services]]\ninternal_port = 7000\n[[services.ports]]\nstart_port = 7000\n", "", "app"},
		{"an old single port", "[services]\ninternal_port = '8080'\n[services.ports]\nport = '80'\n", "", "app"},
		{"autostart off in the file, and turned on",
			"[http_service]\ninternal_port = 8080\nauto_start_machines = false\n", "", "app"},

		{"no ports", "[[services]]\ninternal_port = 8080\n", "app no_ports", ""},
		{"no ports, autostop on",
			"[[services]]\ninternal_port = 8080\nauto_stop_machines = 'suspend'\nmin_machines_running = 2\n",
			"app no_ports", "app"},
		{"an empty list of ports", "[[services]]\ninternal_port = 8080\nports = []\n", "app no_ports", ""},
		{"port 0", "[[services]]\ninternal_port = 8080\nports = [{port = 0, handlers = ['http']}]\n", "app no_ports", ""},
		{"a port without a number", "[[services]]\ninternal_port = 8080\nports = [{handlers = ['http']}]\n",
			"app no_ports", ""},
		{"a reversed range", "[[services]]\ninternal_port = 8080\nports = [{start_port = 90, end_port = 80}]\n",
			"app no_ports", ""},
		{"keys that flyctl ignores",
			"[[services]]\ninternal_port = 8080\n[services.http_service]\nauto_stop_machines = 'stop'\n" +
				"[services.port]\nport = 80\n", "app no_ports", ""},
		{"ports of nobody", "[[services]]\ninternal_port = 8080\n[[ports]]\nport = 80\n", "app no_ports", ""},
		{"a protocol that there is not", "[[services]]\nprotocol = 'http'\ninternal_port = 8080\n" + http,
			"app no_ports", ""},

		{"no ports beside http_service",
			"[http_service]\ninternal_port = 8080\n[[services]]\ninternal_port = 9090\n", "", "app"},
		{"no ports of another group",
			"[processes]\nweb = ''\njobs = ''\n[http_service]\ninternal_port = 8080\nprocesses = ['web']\n" +
				"[[services]]\ninternal_port = 8080\nprocesses = ['jobs']\n", "jobs no_ports", "web"},
		{"no ports, shared by two groups",
			"[processes]\nweb = ''\njobs = ''\n[http_service]\ninternal_port = 8080\nprocesses = ['web']\n" +
				"[[services]]\ninternal_port = 8080\nprocesses = ['web', 'jobs']\n", "jobs no_ports", ""},

		{"UDP", "[[services]]\nprotocol = 'udp'\ninternal_port = 5000\n[[services.ports]]\nport = 5000\n",
			"app udp_service", ""},
		{"UDP and no ports",
			"[[services]]\nprotocol = 'udp'\ninternal_port = 5000\n[[services.ports]]\nport = 5000\n[[services]]\n" +
				"internal_port = 8080\n", "app udp_service", ""},
		{"UDP and TCP",
			"[[services]]\nprotocol = 'udp'\ninternal_port = 53\n[[services.ports]]\nport = 53\n[[services]]\n" +
				"protocol = 'tcp'\ninternal_port = 53\n[[services.ports]]\nport = 53\n", "app also_udp", ""},

		{"image", "[build]\nimage = 'redis:8-alpine'\n[[services]]\ninternal_port = 7000\n[[services.ports]]\n" +
			"port = 7000\n", "app database", ""},
		{"image of a log shipper",
			"[build]\nimage = 'ghcr.io/superfly/fly-log-shipper:latest'\n[http_service]\ninternal_port = 8080\n",
			"app log_shipper", ""},
		{"image of a web app", "[build]\nimage = 'grafana/grafana'\n[http_service]\ninternal_port = 3000\n", "", "app"},
		{"internal port", "[[services]]\ninternal_port = 5432\n[[services.ports]]\nport = 7000\n", "app database", ""},
		{"external port", "[[services]]\ninternal_port = 7000\n[[services.ports]]\nport = 3306\n", "app database", ""},
		{"a database's port with HTTP", "[http_service]\ninternal_port = 5432\n", "", "app"},
		{"the port of Vector's API", "[http_service]\ninternal_port = 8686\n", "app log_shipper", ""},
		{"volume by its place",
			"[mounts]\nsource = 'data'\ndestination = '/var/lib/postgresql/data'\n[[services]]\n" +
				"internal_port = 7000\n[[services.ports]]\nport = 7000\n", "app database", ""},
		{"volume by its name",
			"[mounts]\nsource = 'redis_data'\ndestination = '/data'\n[[services]]\ninternal_port = 7000\n" +
				"[[services.ports]]\nport = 7000\n", "app database", ""},
		{"volume of an app",
			"[mounts]\nsource = 'data'\ndestination = '/data'\n[http_service]\ninternal_port = 8080\n", "", "app"},
		{"volume of one group",
			"[processes]\nweb = ''\ndb = ''\n[[mounts]]\nsource = 'pg_data'\ndestination = '/data'\n" +
				"processes = ['db']\n[http_service]\ninternal_port = 8080\nprocesses = ['web']\n[[services]]\n" +
				"internal_port = 7000\nprocesses = ['db']\n[[services.ports]]\nport = 7000\n", "db database", "web"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := parse(t, tt.text)
			edited := checkEdit(t, f, blueprint())
			if edited == nil {
				t.Fatal("refused")
			}
			var keeps []string
			for _, r := range edited.Remarks {
				if r.Code != RemarkInternalCallers && r.Code != RemarkUDPBeside {
					keeps = append(keeps, strings.Join(r.Groups, ",")+" "+r.Code)
				}
				if r.What == "" || r.Fix == "" {
					t.Errorf("%+v says too little", r)
				}
			}
			if got := strings.Join(keeps, "; "); got != tt.keeps {
				t.Errorf("keeps %q, want %q", got, tt.keeps)
			}
			after := parse(t, string(edited.After))
			var stops []string
			for _, group := range after.Groups() {
				if services, err := after.Services(group); err != nil {
					t.Fatal(err)
				} else if machine.AllStop(services) {
					stops = append(stops, group)
				}
			}
			if got := strings.Join(stops, " "); got != tt.stops {
				t.Errorf("stops %q, want %q\n%s", got, tt.stops, edited.After)
			}
		})
	}
}

// TestEditKeepsByArgument checks which arguments change a group that keeps its
// autostop.
func TestEditKeepsByArgument(t *testing.T) {
	const portless = "[[services]]\n  internal_port = 8080\n  auto_stop_machines = \"stop\"\n  min_machines_running = 2\n"
	const redis = "[[services]]\n  internal_port = 6379\n  [[services.ports]]\n    port = 6379\n"
	engines := func(e Request) Request { e.Engines = true; return e }
	off := Request{Autostop: ptr(machine.AutostopOff), MinMachines: ptr(0)}
	tests := []struct {
		name, text string
		edit       Request
		want       string // a line of the result
		changes    int
	}{
		{"off is never refused", portless, off, `auto_stop_machines = "off"`, 1},
		{"nor is it for a database", redis, off, `auto_stop_machines = "off"`, 1},
		{"a database by force", redis, engines(blueprint()), `auto_stop_machines = "stop"`, 3},
		{"a database that nothing starts", redis +
			"\n[[services]]\n  internal_port = 6379\n  auto_start_machines = false\n  ports = [{port = 7000}]\n",
			blueprint(), "auto_start_machines = true", 1},
		{"nothing wakes it by force", portless, engines(blueprint()), "min_machines_running = 2", 0},
		{"without autostart", redis + "    handlers = ['http']\n", Request{Autostop: ptr(machine.AutostopStop),
			Autostart: ptr(false)}, "auto_start_machines = false", 1},
		{"the image is known from elsewhere", "[http_service]\n  internal_port = 7000\n",
			Request{Autostop: ptr(machine.AutostopStop), Images: []string{"mongo:8"}}, "internal_port = 7000", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edited := checkEdit(t, parse(t, tt.text), tt.edit)
			if edited == nil || len(edited.Changes) != tt.changes || !strings.Contains(string(edited.After), tt.want) {
				t.Errorf("got %+v", edited)
			}
		})
	}
}

// TestEditRemarksSleep checks the remarks on groups that can sleep now and could not
// before.
func TestEditRemarksSleep(t *testing.T) {
	withService := func(keys string) string { return "app = 'api'\n[http_service]\ninternal_port = 8080\n" + keys }
	tests := []struct {
		name, text string
		edit       Request
		want       bool
	}{
		{"from unset", withService(""), stopIdle(), true},
		{"from off", withService("auto_stop_machines = 'off'\n"), stopIdle(), true},
		{"from off to suspend", withService("auto_stop_machines = false\n"),
			Request{Autostop: ptr(machine.AutostopSuspend)}, true},
		{"the last one", withService("auto_stop_machines = 'stop'\nmin_machines_running = 1\n"), minMachines(0), true},
		{"not the last one", withService("auto_stop_machines = 'stop'\nmin_machines_running = 2\n"), minMachines(1), false},
		{"from stop to suspend", withService("auto_stop_machines = 'stop'\n"),
			Request{Autostop: ptr(machine.AutostopSuspend)}, false},
		{"already so", withService("auto_stop_machines = 'stop'\nmin_machines_running = 0\n"), blueprint(), false},
		{"a minimum without autostop", withService("min_machines_running = 1\n"), minMachines(0), false},
		{"another service keeps it awake",
			"[processes]\na = ''\nb = ''\n[http_service]\ninternal_port = 1\nprocesses = ['a', 'b']\n[[services]]\n" +
				"internal_port = 2\nprocesses = ['b']\nports = [{port = 2}]\n", inGroups(stopIdle(), "a"), true},
		{"a new service", "app = 'api'\n", Request{Create: &Create{InternalPort: 1},
			Autostop: ptr(machine.AutostopStop)}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edited, err := Apply(parse(t, tt.text), tt.edit)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(edited.Remarks, func(r Remark) bool { return r.Code == RemarkInternalCallers })
			if (i >= 0) != tt.want {
				t.Errorf("remarks %+v, want one: %t\n%s", edited.Remarks, tt.want, edited.After)
			}
		})
	}
}

// TestEditCases checks users' files that earlier versions of the edit broke.
func TestEditCases(t *testing.T) {
	for name, want := range map[string]string{
		"portless-worker/fly.toml":     "+  auto_stop_machines = \"stop\"\n",
		"nested-http-service/fly.toml": "",
	} {
		data, err := os.ReadFile("../../testdata/cases/" + name)
		if err != nil {
			t.Fatal(err)
		}
		edited := checkEdit(t, parse(t, string(data)), blueprint())
		diff := edited.Diff("fly.toml")
		if want == "" && diff != "" || strings.Count(diff, want) != 1 && want != "" || len(edited.Remarks) == 0 ||
			!strings.Contains(edited.Remarks[0].What, "none of its services has a port") {
			t.Errorf("%s: %+v\n%s", name, edited.Remarks, diff)
		}
	}
}

// TestCreateSpeaksHTTP checks that no http_service is created for a program that does
// not speak HTTP.
func TestCreateSpeaksHTTP(t *testing.T) {
	redis, err := os.ReadFile("../../testdata/cases/tcp-create/fly.toml")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		create     Create
		engine     string // that refuses; empty: none does
	}{
		{"Redis by its image", string(redis), Create{InternalPort: 8080}, "Redis"},
		{"Redis", string(redis), Create{InternalPort: 6379}, "Redis"},
		{"Redis over TCP", string(redis), Create{InternalPort: 6379, TCP: true}, ""},
		{"Postgres by its port", "app = 'x'\n", Create{InternalPort: 5432}, "PostgreSQL"},
		{"ClickHouse's HTTP", "[build]\nimage = 'clickhouse/clickhouse-server'\n", Create{InternalPort: 8123}, ""},
		{"ClickHouse's own", "[build]\nimage = 'clickhouse/clickhouse-server'\n", Create{InternalPort: 9000}, "ClickHouse"},
		{"a web app", "app = 'x'\n", Create{InternalPort: 8080}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := blueprint()
			e.Create = &tt.create
			_, err := Apply(parse(t, tt.text), e)
			var refused *NotHTTPError
			if errors.As(err, &refused) != (tt.engine != "") || refused != nil && refused.Engine != tt.engine ||
				err != nil && refused == nil {
				t.Errorf("got %v, want %q", err, tt.engine)
			}
		})
	}
}
