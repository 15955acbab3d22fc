package render

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// headComments returns the comment lines at the top of a file, with wrapped lines
// joined.
func headComments(data []byte) []string {
	var out []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		rest, isComment := strings.CutPrefix(line, "#     ")
		switch {
		case isComment && len(out) > 0:
			out[len(out)-1] += " " + rest
		case strings.HasPrefix(line, "#"):
			out = append(out, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		default:
			return out
		}
	}
	return out
}

// notedPaths returns the paths that a file's comments list for a group after one of
// the verbs.
func notedPaths(data []byte, group string, verbs ...string) []string {
	var paths []string
	for _, line := range headComments(data) {
		for _, verb := range verbs {
			groups, list, found := strings.Cut(line, " "+verb+" ")
			if found && slices.Contains(strings.Split(strings.TrimSpace(groups), ", "), excerpt.Quote(group)) {
				paths = append(paths, strings.Split(strings.TrimPrefix(list, "a different "), ", ")...)
			}
		}
	}
	return paths
}

// sameLosses checks that the paths are those of the changes, listed by their own path
// or by their top-level key.
func sameLosses(t *testing.T, what string, paths []string, changes []machine.Change) {
	t.Helper()
	named := map[string]bool{}
	for _, path := range paths {
		named[path] = false
	}
	for _, change := range changes {
		path := change.Path
		if _, ok := named[path]; !ok {
			path = change.Key()
		}
		if _, ok := named[path]; !ok {
			t.Errorf("%s: the comments do not tell of %s", what, change)
		}
		named[path] = true
	}
	for path, found := range named {
		if !found {
			t.Errorf("%s: the comments tell of %s, which is no loss", what, path)
		}
	}
}

// withoutOwn removes what differs between Machines and what only differs in spelling,
// because neither is a loss.
func withoutOwn(changes []machine.Change) []machine.Change {
	return slices.DeleteFunc(changes, func(c machine.Change) bool {
		if sameDuration(c) {
			return true
		}
		switch c.Path {
		case "image", "metadata.fly_flyctl_version", "metadata.fly_release_id", "metadata.fly_release_version":
			return true
		}
		return strings.HasPrefix(c.Path, "mounts[") && slices.ContainsFunc([]string{"].volume", "].size_gb", "].encrypted"},
			func(end string) bool { return strings.HasSuffix(c.Path, end) })
	})
}

// reverseTrip makes a file from Machines and checks that it gives the same Machines,
// except for what its comments list, both for new and for existing Machines.
func reverseTrip(t *testing.T, what string, live map[string]machine.Config) []byte {
	t.Helper()
	data, err := FromMachines("demo", "", live, Shown)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	file, err := flytoml.Parse("fly.toml", data)
	if err != nil {
		t.Fatalf("%s: %v\n%s", what, err, data)
	}
	for group, config := range live {
		there, err := file.Apply(group, config)
		if err != nil {
			t.Errorf("%s, group %s: %v in\n%s", what, group, err, data)
			continue
		}
		sameLosses(t, what+", group "+group, notedPaths(data, group, "would lose", "would get"),
			withoutOwn(machine.Diff(config, there)))
		fresh, err := file.Apply(group, machine.Config{})
		if err != nil {
			t.Errorf("%s, group %s, new: %v", what, group, err)
			continue
		}
		sameLosses(t, what+", new Machine of "+group, notedPaths(data, group, "would lose", "would get", "keeps"),
			withoutOwn(machine.Diff(config, fresh)))
	}
	return data
}

// TestFromMachinesOracle converts what flyctl makes of a file back to a file.
func TestFromMachinesOracle(t *testing.T) {
	t.Parallel()
	compared := 0
	for _, dir := range flytomltest.OracleDirs(t) {
		paths, err := filepath.Glob(filepath.Join(dir, "expected", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Valid  bool
				Config map[string]machine.Config `json:"machine_config"`
			}
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			if !want.Valid || len(want.Config) == 0 {
				continue
			}
			compared++
			name := filepath.Base(path)
			data = reverseTrip(t, name, want.Config)
			if err := parseTOML(t, string(data)).Validate(); err != nil {
				t.Errorf("%s: flyctl refuses it: %v", name, err)
			}
			if lost := notedPaths(data, "app", "would lose", "would get"); len(want.Config) == 1 && len(lost) > 0 &&
				len(want.Config["app"].Raw("containers")) == 0 {
				t.Errorf("%s: a file made it, and yet %q is lost", name, lost)
			}
		}
	}
	if compared < 60 {
		t.Errorf("only %d files compared", compared)
	}
}

// A Machine with everything on it.
func TestFromMachines(t *testing.T) {
	data, err := os.ReadFile("../testdata/oracle/existing-machine.json")
	if err != nil {
		t.Fatal(err)
	}
	live := map[string]machine.Config{
		"app": parseConfig(t, string(data)),
		"work": parseConfig(t,
			`{"env":{"LOG_LEVEL":"info","QUEUE":"q"},"init":{"cmd":["sh","-c","it's"]},"guest":{"cpu_kind":"shared",`+
				`"cpus":1,"memory_mb":768},"containers":[{"name":"a"}]}`),
	}
	reverseTrip(t, "existing", live)
	got, err := FromMachines("demo", "", live, Masked, Note{Text: "A note\nof the caller's:",
		Lines: []string{"one", "two"}})
	if err != nil {
		t.Fatal(err)
	}
	flytomltest.Golden(t, filepath.Join("testdata", "render", "machines.toml"), got)
	for _, secret := range []string{"set-by-hand", "aGVsbG8", "hello from"} {
		if strings.Contains(string(got), secret) {
			t.Errorf("%s is not masked", secret)
		}
	}
	if _, err := FromMachines("demo", "", nil, Masked); err == nil {
		t.Error("no Machines: no error")
	}
}

// TestReverseGolden checks typical apps. Each testdata/reverse/NAME.json has the
// configurations by group, and NAME.toml is the file made from them.
func TestReverseGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/reverse/*.json")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d apps, %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var live map[string]machine.Config
		if err := json.Unmarshal(data, &live); err != nil {
			t.Fatal(path, err)
		}
		got := reverseTrip(t, filepath.Base(path), live)
		flytomltest.Golden(t, strings.TrimSuffix(path, ".json")+".toml", got)
		if err := parseTOML(t, string(got)).Validate(); err != nil {
			t.Errorf("%s: flyctl refuses it: %v", path, err)
		}
	}
}

const plainService = `{"protocol":"tcp","internal_port":8080,"autostop":true,"ports":[{"port":80,` +
	`"handlers":["http"],"force_https":true},{"port":443,"handlers":["http","tls"]}]}`

// TestHTTPServiceComesBack checks when a service is written as [http_service].
func TestHTTPServiceComesBack(t *testing.T) {
	with := func(was, is string) string {
		if !strings.Contains(plainService, was) {
			t.Fatalf("%s is not in %s", was, plainService)
		}
		return strings.Replace(plainService, was, is, 1)
	}
	tests := []struct {
		name     string
		services string // of group app
		worker   string // of group worker
		want     []string
		sections int // [[services]]
	}{
		{name: "it alone", services: plainService, want: []string{"app"}},
		{name: "shared", services: plainService, worker: plainService, want: []string{"app", "worker"}},
		{name: "second", services: `{"protocol":"tcp","internal_port":1},` + plainService, sections: 2},
		{name: "twice", services: plainService + "," + plainService, want: []string{"app"}, sections: 1},
		{name: "another in each group", services: plainService, worker: with("8080", "9090"),
			want: []string{"app"}, sections: 1},
		{name: "first here, second there", services: plainService,
			worker: `{"protocol":"tcp","internal_port":1},` + plainService, want: []string{"app"}, sections: 2},
		{name: "only in the worker", worker: plainService, want: []string{"worker"}},
		{name: "options on both ports", services: strings.ReplaceAll(plainService, `"handlers"`,
			`"http_options":{"compress":true},"handlers"`), want: []string{"app"}},
		{name: "options on one port", services: with(`"port":80,`, `"port":80,"http_options":{"compress":true},`),
			sections: 1},
		{name: "TLS options on 443", services: with(`"port":443,`, `"port":443,"tls_options":{"alpn":["h2"]},`),
			want: []string{"app"}},
		{name: "TLS options on 80", services: with(`"port":80,`, `"port":80,"tls_options":{"alpn":["h2"]},`), sections: 1},
		{name: "PROXY protocol", services: with(`"port":443,`,
			`"port":443,"proxy_proto_options":{"version":"v2"},`), sections: 1},
		{name: "handlers the other way round", services: with(`"http","tls"`, `"tls","http"`), sections: 1},
		{name: "force_https on 443", services: with(`"port":443,`, `"port":443,"force_https":true,`), sections: 1},
		{name: "UDP", services: with("tcp", "udp"), sections: 1},
		{name: "another port", services: with("443", "8443"), sections: 1},
		{name: "a third port", services: with(`}]`, `},{"port":81}]`), sections: 1},
		{name: "an HTTP check", services: with(`"ports"`,
			`"checks":[{"type":"http","interval":"15s","path":"/up"}],"ports"`), want: []string{"app"}},
		{name: "a TCP check", services: with(`"ports"`, `"checks":[{"type":"tcp","interval":"15s"}],"ports"`), sections: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			live := map[string]machine.Config{}
			for group, services := range map[string]string{"app": test.services, "worker": test.worker} {
				live[group] = parseConfig(t, fmt.Sprintf(
					`{"init":{},"env":{"FLY_PROCESS_GROUP":%[1]q},"metadata":{"fly_platform_version":"v2",`+
						`"fly_process_group":%[1]q},"services":[%[2]s]}`, group, services))
			}
			data := reverseTrip(t, test.name, live)
			def, err := parseTOML(t, string(data)).SharedDefinition()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			if def.HTTPService != nil {
				got = def.HTTPService.Processes
			}
			if !slices.Equal(got, test.want) || len(def.Services) != test.sections {
				t.Errorf("http_service for %q and %d [[services]], want %q and %d:\n%s", got, len(def.Services),
					test.want, test.sections, data)
			}
			if strings.Contains(string(data), "would") {
				t.Errorf("something is lost:\n%s", data)
			}
		})
	}
}

func TestInterleave(t *testing.T) {
	for _, test := range []struct {
		lists [][]int
		want  string
	}{
		{nil, ""},
		{[][]int{{1, 2, 3}, {1, 2, 3}}, "1ab 2ab 3ab"},
		{[][]int{{1, 2, 3}, {9, 1, 2}}, "9b 1ab 2ab 3a"},
		{[][]int{{1, 2}, {2, 1}}, "1a 2ab 1b"},
		{[][]int{{1, 1}, {1, 1, 1}}, "1ab 1ab 1b"},
		{[][]int{{1, 3}, {2, 3}, {1, 2, 3}}, "2b 1ac 2c 3abc"},
	} {
		var groups, got []string
		lists := map[string][]int{}
		for i, list := range test.lists {
			group := string(rune('a' + i))
			groups = append(groups, group)
			lists[group] = list
		}
		sections := interleave(groups, lists)
		for _, s := range sections {
			got = append(got, fmt.Sprint(s.number)+strings.Join(s.groups, ""))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%v: got %q, want %q", test.lists, got, test.want)
		}
		for group, list := range lists {
			var its []int
			for _, s := range sections {
				if slices.Contains(s.groups, group) {
					its = append(its, s.number)
				}
			}
			if !slices.Equal(its, list) {
				t.Errorf("%v: group %s has %v", test.lists, group, its)
			}
		}
	}
}

func TestFromGuest(t *testing.T) {
	for _, test := range []struct{ guest, want string }{
		{`{"cpu_kind":"shared","cpus":1,"memory_mb":256}`, `size = "shared-cpu-1x"`},
		{`{"cpu_kind":"shared","cpus":1,"memory_mb":512}`, `size = "shared-cpu-1x" memory = "512mb"`},
		{`{"cpu_kind":"shared","cpus":2,"memory_mb":4096}`, `size = "shared-cpu-2x" memory = "4gb"`},
		{`{"cpu_kind":"performance","cpus":16,"memory_mb":32768,"kernel_args":["a"]}`,
			`size = "performance-16x" kernel_args = ["a"]`},
		{`{"cpu_kind":"shared","cpus":3,"memory_mb":1024}`, `memory = "1gb" cpu_kind = "shared" cpus = 3`},
		{`{"cpu_kind":"performance","cpus":8,"memory_mb":32768,"gpus":1,"gpu_kind":"l40s"}`, `size = "l40s"`},
		{`{"cpu_kind":"performance","cpus":8,"memory_mb":16384,"gpus":2,"gpu_kind":"l40s"}`,
			`memory = "16gb" cpu_kind = "performance" cpus = 8 gpus = 2 gpu_kind = "l40s"`},
		{`{"cpu_kind":"shared","cpus":1,"memory_mb":256,"max_memory_mb":512,"host_dedication_id":"h"}`,
			`size = "shared-cpu-1x" max_memory_mb = 512 host_dedication_id = "h"`},
		{`{"cpu_kind":"shared","cpus":1,"memory_mb":256,"persist_rootfs":"always"}`,
			`size = "shared-cpu-1x" persist_rootfs = "always"`},
		{`{}`, ``},
	} {
		data := reverseTrip(t, test.guest, map[string]machine.Config{
			"app": parseConfig(t, `{"init":{},"env":{},"guest":`+test.guest+`}`)})
		_, section, _ := strings.Cut(string(data), "[[vm]]\n")
		if got := strings.Join(strings.Fields(section), " "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.guest, got, test.want)
		}
	}
}

// Different spellings of a duration are equal.
func TestWouldChange(t *testing.T) {
	file := parseTOML(t,
		"app = 'x'\n[[services]]\ninternal_port = 1\n[[services.tcp_checks]]\ninterval = '60s'\n[mounts]\n"+
			"source = 'd'\ndestination = '/d'\n")
	live := parseConfig(t,
		`{"image":"i","init":{},"standbys":["1"],"env":{"FLY_PROCESS_GROUP":"app","FLY_STANDBY_FOR":"1","A":"secret-value"},
		"metadata":{"fly_platform_version":"v2","fly_process_group":"app","fly_release_id":"r"},
		"mounts":[{"name":"d","path":"/d","volume":"vol_1","size_gb":1,"encrypted":true,"new_field":1}],
		"services":[{"internal_port":1,"checks":[{"type":"tcp","interval":"0h1m"}]}]}`)
	got, err := WouldChange(file, "app", live)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Path != "env.A" || got[0].After != "" || strings.Contains(got[0].Before, "secret") {
		t.Errorf("got %v, want env.A removed", got)
	}
	if _, err := WouldChange(file, "other", live); err == nil {
		t.Error("a group that is not in the file: no error")
	}
}

// TestGenerated checks that text from outside stays inside its comment.
func TestGenerated(t *testing.T) {
	long := strings.Repeat("word ", 60)
	note := Note{Text: "a\nb = 1 \x00\u202e", Lines: []string{"c\r\n[env]", long}}
	for range 80 {
		note.Lines = append(note.Lines, "more")
	}
	head := Generated("x\"\n[services]", "the test", nil, note)
	for line := range strings.Lines(string(head)) {
		if line != "\n" && !strings.HasPrefix(line, "#") || len([]rune(line)) > noteWidth+1 {
			t.Errorf("line %q", line)
		}
	}
	if file := parseTOML(t, string(head)+"app = 'x'\n"); len(file.Document()) != 1 {
		t.Errorf("got %v", file.Document())
	}
	if !strings.Contains(string(head), "and 32 more") {
		t.Errorf("got\n%s", head)
	}
}

// A file that flyctl refuses says so itself.
func TestFromMachinesRefused(t *testing.T) {
	data, err := FromMachines("demo", "", map[string]machine.Config{
		"app": parseConfig(t, `{"checks":{"quick":{"type":"tcp","port":1,"interval":"1s"}}}`)}, Shown)
	if err != nil {
		t.Fatal(err)
	}
	var invalid *flytoml.InvalidError
	if err := parseTOML(t, string(data)).Validate(); !errors.As(err, &invalid) {
		t.Fatalf("flyctl accepts it: %v", err)
	}
	if !strings.Contains(string(data),
		"# flyctl refuses this file as it is:\n#   Check 'quick' interval is too short: 1s, minimum is 2 seconds\n") {
		t.Errorf("got\n%s", data)
	}
}
