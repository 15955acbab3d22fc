package flytoml

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestRemarks(t *testing.T) {
	for _, tt := range []struct {
		name, toml string
		want       []string // code row:column path
	}{
		{"nothing to say", "app = 'x'\n[build]\nbuild_target = 'y'\n[http_service]\ninternal_port = 80\n[[checks]]\nname = 'c'\ntype = 'tcp'", nil},
		{"unknown keys at every depth", "primary_regoin = 'ams'\n[http_service]\ninternal_port = 1\n  auto_stop = true\n[http_service.concurrency]\nsoft_limits = 3\n[http_service.http_options.response.headers]\nAnything = 'x'\n[env]\nANY = 'y'\n",
			[]string{"unknown_key 1:1 primary_regoin", "unknown_key 4:3 http_service.auto_stop", "unknown_key 6:1 http_service.concurrency.soft_limits"}},
		{"in arrays of tables, inline tables and dotted keys", "[[services]]\ninternal_port = 1\nports = [\n # comment\n { port = 80, forse_https = true } ]\nconcurrency.typ = 'requests'\n[[services]]\ninternal_port = 2\n[[services.ports]]\nport = 1\n[[services.ports]]\nprot = 2\n",
			[]string{"unknown_key 5:15 services[0].ports[0].forse_https", "unknown_key 6:13 services[0].concurrency.typ", "unknown_key 12:1 services[1].ports[1].prot"}},
		{"under embedded names", "[[vm]]\nmemory = 512\ncpu = 3\n[metrics]\nprt = 1", []string{"unknown_key 3:1 vm[0].cpu", "unknown_key 5:1 metrics.prt"}},
		{"unknown sections", "[flycast]\nenabled = true\n", []string{"unknown_key 1:2 flycast"}},
		{"wrong case", "[HTTP_Service]\ninternal_port = 1\n[[VM]]\ncpus = 1", []string{"key_case 1:2 HTTP_Service", "key_case 3:3 VM"}},
		{"groups", "[processes]\nweb = ''\n[http_service]\ninternal_port = 1\nprocesses = ['web', 'wbe']\n[[mount]]\nsource = 'x'\nprocesses = ['gone']\n[checks.c]\ntype = 'tcp'\nport = 1\nprocesses = ['gone']",
			[]string{"unknown_group 5:1 http_service.processes", "unknown_group 8:1 mount[0].processes", "unknown_group 12:1 checks.c.processes"}},
		{"services", "[[services]]\nprotocol = 'udp'\ninternal_port = 53\n[[services]]\n[[services.ports]]\nport = 443\nhandlers = ['tls', 'http']\n[[services.ports]]\nport = 99999\nhandlers = ['tls']",
			[]string{"no_ports 1:3 services[0]", "udp_service 2:1 services[0].protocol", "no_internal_port 4:3 services[1]", "tls_only_service 4:3 services[1]", "port_out_of_range 9:1 services[1].ports[1].port"}},
		{"a dropped service does not shift the others", "[[services]]\n[[services]]\ninternal_port = 3", []string{"no_ports 2:3 services[1]"}},
		{"autostop", "[http_service]\ninternal_port = 1\nauto_stop_machines = 'stop'\nauto_start_machines = false\nmin_machines_running = -1\n[[services]]\ninternal_port = 2\n[[services.ports]]\nport = 5",
			[]string{"autostop_no_start 4:1 http_service.auto_start_machines", "negative_minimum 5:1 http_service.min_machines_running", "autostop_not_all 6:3 services[0]"}},
		{"a word that is none", "[http_service]\ninternal_port = 1\nauto_stop_machines = 'on'", []string{"invalid 0:0 ", "autostop_value 3:1 http_service.auto_stop_machines"}},
		{"suspend", "[http_service]\ninternal_port = 1\nauto_stop_machines = 'suspend'\n[[vm]]\nmemory = '4gb'", []string{"suspend_impossible 3:1 http_service.auto_stop_machines"}},
		{"suspend of a small Machine", "[http_service]\ninternal_port = 1\nauto_stop_machines = 'suspend'\n[[vm]]\nmemory = '2gb'", nil},
		{"nanoseconds", "[http_service]\ninternal_port = 1\n[[http_service.checks]]\ninterval = 15000\ntimeout = '2s'", []string{"duration_unit 4:1 http_service.checks[0].interval"}},
		{"mounts", "[[mounts]]\nsource = 'a'\n[[mounts]]\nsource = 'b'", []string{"several_mounts 1:3 mounts[0]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, r := range parseFile(t, tt.toml).Remarks() {
				got = append(got, fmt.Sprintf("%s %d:%d %s", r.Code, r.Row, r.Column, r.Path))
				if r.What == "" || r.Fix == "" {
					t.Errorf("incomplete remark %+v", r)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

func TestNearest(t *testing.T) {
	for key, want := range map[string]string{
		"internalport":     "internal_port",
		"force_http":       "force_https",
		"Auto_stop_machin": "auto_stop_machines",
		"auto_stop":        "auto_stop_machines",
		"max_machines":     "",
		"zzz":              "",
	} {
		if got := nearest(key, schema().keys["http_service"].names()); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

// What comes from the file cannot break out of its quotes or its length.
func TestRemarksQuote(t *testing.T) {
	f := parseFile(t, "\"a\\u001b[31m\\u202e\\n"+strings.Repeat("x", 500)+"\" = 1")
	remarks := f.Remarks()
	if len(remarks) != 1 {
		t.Fatalf("%d remarks", len(remarks))
	}
	all := remarks[0].What + remarks[0].Fix + remarks[0].Path
	if strings.ContainsAny(all, "\x1b\n\u202e") || len(remarks[0].What) > 200 || len(remarks[0].Path) > 200 {
		t.Errorf("got %q", all)
	}
}
