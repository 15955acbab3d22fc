package terminal

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/page"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const firstApp, shopA, shopB = "shop-api", "148e21ea7d9d89", "3d8d9e0b59e318"

// busyTable returns a table of a platform on which a little of everything happens.
func busyTable(t *testing.T) table {
	t.Helper()
	clock := flysim.NewClock(func() time.Time { return noon })
	p := flysim.New(flysim.Options{Clock: clock, StartDelay: 2 * time.Second})
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	traffic := new(flysim.Traffic)
	visits := []flysim.Visit{
		{Door: flysim.DoorFlycast, App: firstApp, Machine: shopA, Method: "GET", Path: "/orders/17?token=hunter2",
			Status: 200, Woke: true, Held: 1500 * time.Millisecond},
		{Door: flysim.DoorPublic, App: firstApp, Method: "GET", Path: "/\x1b[2J\nbroken", Status: 502, Code: "PC01"},
		{Door: flysim.DoorInternal, App: "legacy-api", Machine: "91857d02b4e683"},
		{Door: flysim.DoorFlycast, Method: "GET", Path: "/東京/" + strings.Repeat("long", 20), Status: 502, Code: "PP02"},
	}
	for _, v := range visits {
		v.At = clock.Now()
		traffic.Add(v)
		clock.Advance(3 * time.Second)
	}
	t.Cleanup(traffic.Begin(shopA))
	for _, err := range []error{p.Park("legacy-api", "91857d02b4e683", true), p.Park(firstApp, shopB, false),
		p.Wake(firstApp, shopB)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.SetHost("tenant-7", p.MachineIDs("tenant-7")[0], "unreachable")
	p.AddAddress("tenant-7", "private_v6", "", "")
	p.AddApp("empty", "personal", "")
	clock.SetSpeed(60)
	source := watch.Source{Platform: p, Traffic: traffic}
	links := page.Links{API: "http://127.0.0.1:4280", Flycast: "http://127.0.0.1:4282"}
	return newTable(View{Source: source, Links: links, PageURL: "http://127.0.0.1:4281"})
}

var styling = regexp.MustCompile(`\x1b\[[0-9;]*m`)

func send(t *testing.T, m table, messages ...tea.Msg) table {
	t.Helper()
	for _, message := range messages {
		next, _ := m.Update(message)
		m = next.(table)
	}
	return m
}

func press(key string) tea.Msg {
	switch key {
	case "up":
		return tea.KeyPressMsg{Code: tea.KeyUp}
	case "down":
		return tea.KeyPressMsg{Code: tea.KeyDown}
	case "end":
		return tea.KeyPressMsg{Code: tea.KeyEnd}
	}
	return tea.KeyPressMsg{Code: []rune(key)[0], Text: key}
}

func TestTableView(t *testing.T) {
	tests := []struct {
		name          string
		width, height int
		keys          []string
	}{
		{"80x24", 80, 24, nil},
		{"120x40", 120, 40, []string{"down", "down"}},
		{"40x10", 40, 10, []string{"end"}},
		{"help", 80, 24, []string{"?"}},
		{"1x1", 1, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := send(t, busyTable(t), tea.WindowSizeMsg{Width: tt.width, Height: tt.height})
			for _, key := range tt.keys {
				m = send(t, m, press(key))
			}
			content := m.View().Content
			if strings.Count(content, "\n") >= tt.height {
				t.Errorf("%d lines in a window of %d", strings.Count(content, "\n")+1, tt.height)
			}
			for line := range strings.Lines(content) {
				if w := lipgloss.Width(strings.TrimSuffix(line, "\n")); w > tt.width {
					t.Errorf("%d columns in a window of %d: %q", w, tt.width, line)
				}
			}
			if tt.keys == nil && tt.width >= 80 && !strings.Contains(content, "\x1b[3") {
				t.Error("no colors")
			}
			plain := styling.ReplaceAllString(content, "")
			if strings.ContainsAny(plain, "\x1b\a\r") || strings.Contains(plain, "hunter2") {
				t.Errorf("the view shows what it must not: %q", plain)
			}
			compareGolden(t, tt.name+".txt", plain+"\n")
		})
	}
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}

// TestTableKeys checks what each key does to the platform and its clock.
func TestTableKeys(t *testing.T) {
	m := busyTable(t)
	p := m.view.Source.Platform
	state := func(app, id string) string { return p.Machine(app, id).State }

	m = send(t, m, press("up"), press("s"))
	if m.cursor != (row{app: "empty"}) || !strings.Contains(m.message, "select a Machine") {
		t.Fatalf("the cursor is on %+v, said %q", m.cursor, m.message)
	}
	for m.cursor.machine != shopA {
		m = send(t, m, press("down"))
	}
	m = send(t, m, press("s"))
	if got := state(firstApp, shopA); got != "stopped" || !strings.Contains(m.message, shopA) {
		t.Fatalf("s: %s, said %q", got, m.message)
	}
	m = send(t, m, press("s"))
	if !strings.Contains(m.message, "unable to stop") {
		t.Errorf("s of a stopped Machine: said %q", m.message)
	}
	m = send(t, m, press("w"))
	if got := state(firstApp, shopA); got != "starting" {
		t.Errorf("w: %s", got)
	}
	before := p.Clock().Now()
	m = send(t, m, press("a"))
	if got := state(firstApp, shopA); got != "started" || !p.Clock().Now().Equal(before.Add(time.Minute)) {
		t.Errorf("a: %s at %s", got, p.Clock().Now())
	}
	for _, step := range []struct {
		key  string
		want float64
	}{{"+", 300}, {"-", 60}, {"-", 30}, {"-", 10}, {"-", 5}, {"-", 2}, {"-", 1}, {"-", 0}, {"-", 0}, {"+", 1}} {
		m = send(t, m, press(step.key))
		if got := p.Clock().Speed(); got != step.want || m.scene.Speed != step.want {
			t.Fatalf("%s: speed %g, want %g", step.key, got, step.want)
		}
	}
	// The Machine under the cursor is destroyed: the cursor stays near.
	p.DestroyMachine(firstApp, shopA)
	m = send(t, m, sceneMsg(m.view.Source.Scene(m.focus.open)))
	if m.cursor != (row{firstApp, shopB}) {
		t.Errorf("the cursor is on %+v", m.cursor)
	}
	for _, key := range []tea.Msg{press("q"), tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}} {
		if _, cmd := m.Update(key); cmd == nil || cmd() != (tea.QuitMsg{}) {
			t.Errorf("%v does not quit", key)
		}
	}
}

// TestTableManyApps checks that only the app under the cursor is open if all apps together have too
// many Machines.
func TestTableManyApps(t *testing.T) {
	m := busyTable(t)
	p := m.view.Source.Platform
	config := p.MachineConfig(firstApp, shopA)
	p.AddApp("zz-crowd", "personal", "")
	for range maxWatched {
		p.AddMachine("zz-crowd", "iad", config)
	}
	m = send(t, m, sceneMsg(m.view.Source.Scene(m.focus.open)))
	if len(m.scene.Sites) != 1 || m.scene.Sites[0].App != "empty" {
		t.Fatalf("%d sites", len(m.scene.Sites))
	}
	m = send(t, m, press("end"), press("end"))
	if m.cursor.app != "zz-crowd" || len(m.scene.Sites) != 1 || len(m.scene.Sites[0].Machines) != maxWatched {
		t.Errorf("cursor %+v, %d sites", m.cursor, len(m.scene.Sites))
	}
}
