package drift_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
)

const released = `
app = "shop"
primary_region = "iad"
[env]
  LOG_LEVEL = "info"
[http_service]
  internal_port = 8080
  force_https = true
  auto_stop_machines = "off"
[[vm]]
  memory_mb = 512
`

func file(t *testing.T, text string) *flytoml.File {
	t.Helper()
	f, err := flytoml.Parse("fly.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// live is what a deploy of the text made of a Machine, with what the platform
// and fly deploy add, and with fields set by hand.
func live(t *testing.T, text, group string, set ...string) machine.Config {
	t.Helper()
	config, err := file(t, text).Apply(group, machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	set = append([]string{"image", `"registry.fly.io/shop:deployment-1"`}, set...)
	for i := 0; i < len(set); i += 2 {
		if config, err = config.With(set[i], json.RawMessage(set[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

func with(text string, replace ...string) string {
	return strings.NewReplacer(replace...).Replace(text)
}

func compare(t *testing.T, in drift.Input) drift.Report {
	t.Helper()
	report, err := drift.Compare(in)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestOrigin: a difference is traced to who made it.
func TestOrigin(t *testing.T) {
	debug := with(released, `"info"`, `"debug"`)
	patched := with(released, "force_https = true", "force_https = false", `"off"`, `"stop"`)
	env := func(value string) []string {
		return []string{"env", `{"FLY_PROCESS_GROUP":"app","PRIMARY_REGION":"iad","LOG_LEVEL":"` + value + `"}`}
	}
	const port = "services[0].ports[0].force_https"
	tests := []struct {
		name                string
		file, base, release string
		live                machine.Config
		want                []string // path origin release
	}{
		{"nothing", released, "", released, live(t, released, "app"), nil},
		{"file", debug, "", released, live(t, released, "app"), []string{"env.LOG_LEVEL file ‹hidden, 4 bytes›"}},
		{"live", released, "", released, live(t, released, "app", env("trace")...),
			[]string{"env.LOG_LEVEL live ‹hidden, 4 bytes›"}},
		{"both", debug, "", released, live(t, released, "app", env("trace")...),
			[]string{"env.LOG_LEVEL both ‹hidden, 4 bytes›"}},
		{"both alike", debug, "", released, live(t, released, "app", env("debug")...), nil},
		{"no release", debug, "", "", live(t, released, "app"), []string{"env.LOG_LEVEL unknown "}},
		{"scaled by hand", released, "", released, live(t, released, "app", "guest",
			`{"cpu_kind":"shared","cpus":1,"memory_mb":1024}`), []string{"guest.memory_mb live 512"}},
		{"scaled, without vm", with(released, "[[vm]]", "", "memory_mb = 512", ""), "", released,
			live(t, released, "app", "guest", `{"memory_mb":1024}`), nil},
		{"key by hand", released, "", released, live(t, released, "app", "restart", `{"policy":"always"}`),
			[]string{"restart.policy live "}},
		{"kept by the conversion", released, "", released, live(t, released, "app", "schedule", `"daily"`, "dns",
			`{"skip_registration":true}`), nil},
		{"edit", patched, released, released, live(t, released, "app"),
			[]string{"services[0].autostop edit false", port + " edit true"}},
		{"edit, no release", patched, released, "", live(t, released, "app"),
			[]string{"services[0].autostop edit ", port + " edit "}},
		{"edit and file", with(patched, `"info"`, `"debug"`), debug, released, live(t, released, "app"),
			[]string{"env.LOG_LEVEL file ‹hidden, 4 bytes›", "services[0].autostop edit false", port + " edit true"}},
		{"edit and live", patched, released, released, live(t, released, "app", env("trace")...),
			[]string{"env.LOG_LEVEL live ‹hidden, 4 bytes›", "services[0].autostop edit false", port + " edit true"}},
		{"release without the group", released, "", with(released, "[env]", "[processes]\nweb = \"x\"\n[env]"),
			live(t, debug, "app"), []string{"env.LOG_LEVEL unknown "}},
		{"release that cannot be converted", released, "", released +
			"[[files]]\nguest_path = \"/a\"\nlocal_path = \"b\"\n", live(t, debug, "app"), []string{"env.LOG_LEVEL unknown "}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := drift.Input{File: file(t, test.file), Machines: []drift.Machine{{ID: "m1", Config: test.live}}}
			if test.base != "" {
				in.Base = file(t, test.base)
			}
			if test.release != "" {
				in.Release = file(t, test.release)
			}
			report := compare(t, in)
			var got []string
			for _, e := range report.Entries() {
				got = append(got, fmt.Sprintf("%s %s %s", e.Path, e.Origin, e.Release))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if report.Differs() != (len(test.want) > 0) {
				t.Errorf("differs: %v", report.Differs())
			}
			unreleased := report.Groups[0].Unreleased
			if reported := len(test.want) > 0 && (test.release == "" ||
				strings.Contains(test.name, "release ")); reported != (unreleased != "") {
				t.Errorf("unreleased %q", unreleased)
			}
		})
	}
}

// TestNoDrift: what a deploy sets of its own accord, and what only the Machine
// knows, is no drift.
func TestNoDrift(t *testing.T) {
	text := released + "[[mounts]]\nsource = \"data\"\ndestination = \"/data\"\n"
	config := live(t, text, "app",
		"mounts", `[{"name":"data","path":"/data","volume":"vol_1","encrypted":true,"size_gb":3,"new_field":1}]`,
		"metadata", `{"fly_platform_version":"v2","process_group":"app","fly_release_id":"r",`+
			`"fly_release_version":"14","fly_flyctl_version":"0.3","fly_builder_id":"b","custom":"kept"}`,
		"standbys", `[]`, "env",
		`{"LOG_LEVEL":"info","FLY_PROCESS_GROUP":"app","PRIMARY_REGION":"iad","FLY_STANDBY_FOR":"m0"}`)
	if report := compare(t, drift.Input{File: file(t, text), Release: file(t, text), Machines: []drift.Machine{
		{ID: "m1", Config: config}}}); report.Differs() {
		t.Errorf("got %q", report.Lines(0))
	}
	moved := compare(t, drift.Input{File: file(t, with(text, "/data\"", "/other\"")), Release: file(t, text),
		Machines: []drift.Machine{{ID: "m1", Config: config}}})
	want := []string{
		`mounts[0].path of Machine m1 of group "app": live "/data", file "/other": edited in the file since the last release`}
	if got := moved.Lines(0); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	standby, err := config.With("standbys", []string{"m0"})
	if err != nil {
		t.Fatal(err)
	}
	serving := compare(t, drift.Input{File: file(t, text), Release: file(t, text), Machines: []drift.Machine{
		{ID: "m1", Config: standby}}})
	if got := serving.Entries(); len(got) != 1 || got[0].Path != "standbys" || got[0].File != "" {
		t.Errorf("got %+v", got)
	}
}

// TestGroups: groups that come and go, Machines of others, and equal Machines as
// one entry.
func TestGroups(t *testing.T) {
	text := released + "[processes]\nweb = \"run web\"\ncron = \"run cron\"\n"
	was := released + "[processes]\nweb = \"run web\"\nold = \"run old\"\n"
	env := `{"LOG_LEVEL":"trace","FLY_PROCESS_GROUP":"web","PRIMARY_REGION":"iad"}`
	in := drift.Input{File: file(t, text), Release: file(t, was), Version: 42}
	for i := range 200 {
		in.Machines = append(in.Machines, drift.Machine{ID: fmt.Sprintf("m%03d", 199-i), Config: live(t, was, "web")})
	}
	in.Machines = append(in.Machines,
		drift.Machine{ID: "hand1", Config: live(t, was, "web", "env", env)},
		drift.Machine{ID: "hand2", Config: live(t, was, "web", "env", env, "restart", `{"policy":"always"}`)},
		drift.Machine{ID: "old1", Config: live(t, was, "old")},
		drift.Machine{ID: "job1", Config: machine.Config{}},
		drift.Machine{ID: "named", Group: "web", Config: live(t, was, "web", "metadata", `{}`)},
	)
	report := compare(t, in)
	var got []string
	for _, g := range report.Groups {
		got = append(got, fmt.Sprintf("%s %s %d %d", g.Name, g.Fate, len(g.Machines), len(g.Differences)))
	}
	if want := []string{"cron create 0 0", "old destroy 1 0", "web update 203 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []string{"job1"}; !slices.Equal(report.Unmanaged, want) {
		t.Errorf("unmanaged %q", report.Unmanaged)
	}
	want := []string{
		`group "cron" has no Machine: fly deploy would create some`,
		`group "old" is not in the file: fly deploy would destroy its Machine old1`,
		`env.LOG_LEVEL of 2 Machines of group "web": live ‹hidden, 5 bytes›, file ‹hidden, 4 bytes›: changed on ` +
			`the Machines since version 42; a deploy would undo it`,
		`restart.policy of Machine hand2 of group "web": live "always", file none: changed on the Machines since ` +
			`version 42; a deploy would undo it`,
	}
	if got := report.Lines(0); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := report.Lines(2); !slices.Equal(got, []string{want[0], "and 3 more"}) {
		t.Errorf("got %q", got)
	}
	if got := report.Lines(4); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}

	// One entry for all that differ alike, and one order for every order.
	in.File = file(t, with(text, `"info"`, `"debug"`))
	first := compare(t, in)
	if n := len(first.Groups[2].Differences); n != 3 {
		t.Fatalf("%d entries, want 3", n)
	}
	if got := first.Groups[2].Differences[2].Machines; len(got) != 201 || got[0] != "m000" || !slices.IsSorted(got) {
		t.Errorf("got %d Machines: %q…", len(got), got[:2])
	}
	slices.Reverse(in.Machines)
	if again := compare(t, in); !reflect.DeepEqual(again, first) {
		t.Error("the report depends on the order of the Machines")
	}
}

// TestBehind: a Machine that the release did not reach is not taken for one that
// was changed by hand.
func TestBehind(t *testing.T) {
	debug := with(released, `"info"`, `"debug"`)
	at := func(text, version string) machine.Config {
		return live(t, text, "app", "metadata",
			`{"fly_platform_version":"v2","fly_process_group":"app","fly_release_version":"`+version+`"}`)
	}
	in := drift.Input{File: file(t, debug), Release: file(t, debug), Version: 14, Machines: []drift.Machine{
		{ID: "m1", Config: at(released, "13")}, {ID: "m2", Config: at(released, "14")},
		{ID: "m3", Config: at(released, "x")}, {ID: "m4", Config: at(debug, "13")},
	}}
	report := compare(t, in)
	if got, want := report.Groups[0].Behind, []string{"m1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := `Machine m1 of group "app" did not get version 14: what differs there may be older than ` +
		`it`; !slices.Contains(
		report.Lines(0), want) {
		t.Errorf("got %q", report.Lines(0))
	}
	origins := make(map[drift.Origin][]string)
	for _, e := range report.Entries() {
		origins[e.Origin] = append(origins[e.Origin], e.Machines...)
	}
	if want := map[drift.Origin][]string{drift.Behind: {"m1"}, drift.FromLive: {"m2",
		"m3"}}; !reflect.DeepEqual(origins, want) {
		t.Errorf("got %q, want %q", origins, want)
	}
	// What only the file has changed is the file's all the same.
	edited := in
	edited.File, edited.Machines = file(t, with(debug, "8080", "9090")), in.Machines[:1]
	for _, e := range compare(t, edited).Entries() {
		want := drift.FromFile
		if e.Path == "env.LOG_LEVEL" {
			want = drift.Behind
		}
		if e.Origin != want || e.Origin.Undoes() {
			t.Errorf("%s: got %s, want %s", e.Path, e.Origin, want)
		}
	}
	in.Version = 0
	if got := compare(t, in).Groups[0].Behind; len(got) > 0 {
		t.Errorf("got %q without a version", got)
	}
}

// TestSecrets: no value that may be a secret is in a report.
func TestSecrets(t *testing.T) {
	const secret = "sw0rdfish"
	text := released + "[[files]]\nguest_path = \"/a\"\nraw_value = \"" + secret + "\"\n" +
		"[[http_service.checks]]\npath = \"/\"\n[http_service.checks.headers]\nX-Key = \"" + secret + "\"\n"
	in := drift.Input{
		File: file(t, with(text, `"info"`, `"`+secret+`"`)), Release: file(t, with(text, secret, "swordfish")),
		Machines: []drift.Machine{{ID: "m1", Config: live(t, released, "app", "env", `{"PASSWORD":"`+secret+`"}`)}},
	}
	report := compare(t, in)
	body, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	all := string(body) + strings.Join(report.Lines(0), "\n")
	for _, leak := range []string{secret, "swordfish", "c3cwcmRmaXNo"} { // the last is the file's content in base64
		if strings.Contains(all, leak) {
			t.Errorf("%s is in the report", leak)
		}
	}
	for _, path := range []string{"env.PASSWORD", "files[0].raw_value", "services[0].checks[0].headers[0].values"} {
		if !strings.Contains(all, path) {
			t.Errorf("no %s in the report", path)
		}
	}
}

// TestHostile: names from outside make no further line.
func TestHostile(t *testing.T) {
	config := live(t, released, "app", "env", `{"A\n\u001b[31mdone":"x"}`)
	in := drift.Input{File: file(t, released), Machines: []drift.Machine{
		{ID: "m1", Config: config}, {ID: "m2\x00", Group: "bad\n" + strings.Repeat("x", 100), Config: config},
	}}
	for _, line := range compare(t, in).Lines(0) {
		if strings.ContainsAny(line, "\n\x1b\x00") || len([]rune(line)) > 300 {
			t.Errorf("got %q", line)
		}
	}
}

// TestRefuses: a file that flyctl could not convert is an error, naming the group.
func TestRefuses(t *testing.T) {
	in := drift.Input{
		File:     file(t, released+"[[files]]\nguest_path = \"/a\"\nlocal_path = \"b\"\n"),
		Machines: []drift.Machine{{ID: "m1", Config: live(t, released, "app")}},
	}
	if _, err := drift.Compare(in); err == nil || !strings.Contains(err.Error(), `group "app"`) ||
		!strings.Contains(err.Error(), "local_path") {
		t.Errorf("got %v", err)
	}
	in = drift.Input{File: file(t, released), Machines: []drift.Machine{
		{ID: "m1", Config: live(t, released, "app", "mounts", `"none"`)}}}
	if _, err := drift.Compare(in); err == nil || !strings.Contains(err.Error(), "mounts") {
		t.Errorf("got %v", err)
	}
}
