package seed_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// example returns the example file in docs/flysim.md.
func example(t testing.TB) []byte {
	t.Helper()
	page, err := os.ReadFile("../../docs/flysim.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "## Your own apps")
	_, text, _ := strings.Cut(section, "```toml\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		t.Fatal("the documentation has no example")
	}
	return []byte(text)
}

// start is later than everything in the file.
var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const billingToml = `app = "billing"
primary_region = "ams"
[http_service]
internal_port = 3000
auto_stop_machines = "stop"
[mounts]
source = "data"
destination = "/data"
initial_size = "3gb"
`

// TestDocumentedExample builds the example in the documentation.
func TestDocumentedExample(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "billing"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "billing", "fly.toml"), []byte(billingToml), 0o600); err != nil {
		t.Fatal(err)
	}
	apps, err := seed.Read(example(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	clock := flysim.NewClock(func() time.Time { return start })
	p := flysim.New(flysim.Options{Clock: clock, StartDelay: time.Second})
	for range 2 { // the second time changes nothing
		if err := seed.Build(t.Context(), p, apps); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := p.AppNames(), []string{"billing", "hello", "misbound"}; !slices.Equal(got, want) {
		t.Fatalf("apps %v, want %v", got, want)
	}
	clock.Advance(time.Second)
	site := func(app string) flysim.Site {
		s, err := p.Site(app)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	hello, misbound, billing := site("hello"), site("misbound"), site("billing")
	if hello.Status != "deployed" || hello.Public() || !hello.Flycast() || len(hello.Machines) != 3 ||
		hello.Machines[2].Region != "iad" {
		t.Errorf("hello: %+v", hello)
	}
	m := hello.Machines[0]
	services, err := m.Config.Services()
	if err != nil || len(services) != 1 || services[0].Autostop != spec.AutostopSuspend ||
		services[0].Concurrency.Soft != 20 || m.State != "starting" {
		t.Errorf("its Machine: %+v, %v", m, err)
	}
	if env, err := m.Config.Env(); err != nil || env["GREETING"] != "good morning" ||
		env["PRIMARY_REGION"] != "fra" || m.Config.Label("fly_release_version") != "1" {
		t.Errorf("its configuration: %+v, %v", env, err)
	}
	if misbound.Network != "staging" || misbound.Addresses[0].Network != "staging" ||
		len(misbound.Machines) != 3 || misbound.Machines[2].Group != "db" ||
		misbound.Machines[0].Config.Image() != "registry.fly.io/misbound:42" ||
		misbound.Machines[0].Listen[0] != "tcp://127.0.0.1:8080" {
		t.Errorf("misbound: %+v", misbound)
	}
	if !billing.Public() || !billing.Flycast() || billing.Hostnames[0] != "billing.example.com" ||
		len(billing.Machines) != 1 ||
		billing.Machines[0].Region != "ams" || len(billing.Machines[0].Listen) != 0 ||
		billing.Machines[0].State != "started" {
		t.Errorf("billing: %+v", billing)
	}
	if v := p.Volumes("billing"); len(v) != 1 || v[0].SizeGB != 3 || v[0].Machine != billing.Machines[0].ID {
		t.Errorf("its volumes: %+v", v)
	}
	if file, ok := p.FlyToml("billing"); !ok || string(file) != billingText() {
		t.Errorf("its fly.toml: %s", file)
	}
	d := apps[2]
	if d.Dir != filepath.Join(dir, "billing") || d.Command[0] != "python3" {
		t.Errorf("its command: %q in %s", d.Command, d.Dir)
	}
	clock.Advance(500 * time.Millisecond)
	if got := site("hello").Machines[0].State; got != "started" {
		t.Errorf("after its own start delay hello is %s", got)
	}
	if n := len(p.Calls()); n != 0 {
		t.Errorf("building left %d calls", n)
	}
}

func billingText() string { return billingToml }

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"fly.toml": billingToml,
		"bad.toml": "app = 'x'\n[http_service]\n", "syntax.toml": "app = \n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const head = "[[apps]]\nname = 'x'\nhttp_service = { internal_port = 80 }\n"
	tests := []struct{ text, want string }{
		{"[[apps]]\nname = 'x'\ncomand = ['x']\n", "line 3: unknown key apps.comand"},
		{head + "[[apps.services]]\ninternal_prt = 1\n", "line 5: unknown key apps.services.internal_prt"},
		{"[[apps]]\nname = 3\n", "line 2"},
		{"[[apps]]\nname = \n", "line 2"},
		{"[[apps]]\nname = 'Big'\n", "name: want lower-case"},
		{"[[apps]]\n", "name: want lower-case"},
		{head + head, "two apps are named x"},
		{head + "start_delay = 'soon'\n", "start_delay"},
		{head + "listen = ['nowhere:x']\n", "listen address"},
		{head + "listen = ['example.com:80']\n", "the host is not an IP address"},
		{head + "hostnames = ['a b']\n", "hostname"},
		{head + "hostnames = ['a.example', 'a.example']\n", "hostname"},
		{head + "addresses = ['egress']\n", `addresses: "egress" is not one of`},
		{head + "addresses = ['public', 'v6']\n", "v6 is listed twice"},
		{head + "addresses = ['none', 'v6']\n", "none cannot be combined"},
		{head + "dir = '.'\n", "dir needs a command"},
		{head + "command = ['']\n", "command"},
		{head + "command = ['x']\nlisten = ['0.0.0.0:80']\n", "listen is for the built-in program"},
		{head + "machines = [{ region = 'Mars' }]\n", "machines: 1 in \"Mars\""},
		{head + "machines = [{ count = -1 }]\n", "machines: -1"},
		{head + "machines = [{ count = 9999 }, { count = 2 }]\n", "10001 Machines"},
		{head + "machines = [{ group = 'worker' }]\n", "no process group"},
		{"[[apps]]\nname = 'x'\nhttp_service = { internal_port = 80, auto_stop_machines = 'on' }\n", "autostop"},
		{"[[apps]]\nfly_toml = 'fly.toml'\nprimary_region = 'fra'\n", "must be in that file"},
		{"[[apps]]\nname = 'other'\nfly_toml = 'fly.toml'\n", "for another app"},
		{"[[apps]]\nfly_toml = 'none.toml'\n", "none.toml"},
		{"[[apps]]\nfly_toml = '.'\n", "not a regular file"},
		{"[[apps]]\nfly_toml = 'syntax.toml'\n", "syntax.toml:1"},
		{strings.Repeat("#", seed.MaxSize+1), "more than the"},
	}
	for _, tt := range tests {
		got, err := seed.Read([]byte(tt.text), dir)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.200s\ngot %v, %v; want an error with %q", tt.text, got, err, tt.want)
		}
	}
}

// TestBuildRefuses checks that mistakes which only the platform can find are errors too, and not a
// panic.
func TestBuildRefuses(t *testing.T) {
	apps, err := seed.Read(
		[]byte("[[apps]]\nname = 'x'\norganization = 'nobodys'\nhttp_service = { internal_port = 80 }\n"), ".")
	if err != nil {
		t.Fatal(err)
	}
	p := flysim.New(flysim.Options{})
	if err := seed.Build(t.Context(), p, apps); err == nil || !strings.Contains(err.Error(), "Organization") {
		t.Errorf("got %v", err)
	}
}

// FuzzRead checks that what Read accepts can be built.
func FuzzRead(f *testing.F) {
	f.Add(example(f))
	f.Add([]byte(
		"[[apps]]\nname = 'x'\nhttp_service = { internal_port = 80 }\nmachines = [{ count = 3 }]\nlisten = " +
			"[':80', 'tcp6://[::]:80']\n"))
	f.Add([]byte(
		"[[apps]]\nname = 'x'\nprocesses = { a = 'b', c = 'd' }\nservices = [{ internal_port = 1, processes = " +
			"['c'], ports = [{ start_port = 1, end_port = 9 }] }]\n"))
	f.Add([]byte(
		"[[apps]]\nname = 'x'\ncommand = ['./x', 'y']\nenv = { A = 'b' }\naddresses = ['public', 'flycast', 'v4']\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		apps, err := seed.Read(data, dir)
		if err != nil {
			return
		}
		machines := 0
		for _, d := range apps {
			for _, m := range d.Machines {
				machines += m.Count
			}
		}
		if machines > 100 {
			return
		}
		p := flysim.New(flysim.Options{})
		if err := seed.Build(t.Context(), p, apps); err != nil && !strings.Contains(err.Error(), "Organization") {
			t.Errorf("accepted, but cannot be built: %v", err)
		}
	})
}
