package edit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Each file in testdata/edit has its expected results next to it: NAME.after, the file
// after the blueprint with a soft limit, and NAME.diff.
func TestEditGolden(t *testing.T) {
	e := blueprint()
	e.SoftLimit = ptr(20)
	var paths []string
	for _, extension := range []string{"toml", "json", "yaml"} {
		found, err := filepath.Glob("testdata/edit/*." + extension)
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s files: %v", extension, err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		base := filepath.Base(path)
		name := strings.TrimSuffix(base, filepath.Ext(base))
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := flytoml.Parse(base, data)
			if err != nil {
				t.Fatal(err)
			}
			edited, err := Apply(f, e)
			if err != nil {
				t.Fatal(err)
			}
			outcome := filepath.Join(filepath.Dir(path), name)
			flytomltest.Golden(t, outcome+".after", edited.After)
			flytomltest.Golden(t, outcome+".diff", []byte(edited.Diff("fly"+filepath.Ext(base))))
		})
	}
}

// TestEditAligned checks that a comment stays in its column when the value before it
// changes its length, as far as there are enough spaces, and that a new key has its
// sign in the column of the signs around it.
func TestEditAligned(t *testing.T) {
	for _, tt := range []struct{ name, file, text, want string }{
		{"comments in a column", "fly.toml",
			"[http_service]\n  internal_port = 80    # a\n  force_https = true    # b\n",
			"[http_service]\n  internal_port = 80    # a\n  force_https = false   # b\n"},
		{"one blank, and a column", "fly.toml",
			"[http_service]\nforce_https = true # b\nauto_stop_machines = \"off\" # c\n",
			"[http_service]\nforce_https = false # b\nauto_stop_machines = \"stop\" # c\n"},
		{"a shorter value beside a column", "fly.toml",
			"[http_service]\nauto_stop_machines   = \"suspended\" # a\nmin_machines_running = 1           # b\n",
			"[http_service]\nauto_stop_machines   = \"stop\"      # a\nauto_start_machines  = true\n" +
				"min_machines_running = 0           # b\n"},
		{"no column", "fly.toml", "[http_service]\nmin_machines_running = 10 # a\n",
			"[http_service]\nmin_machines_running = 0 # a\n"},
		{"too few blanks", "fly.toml", "[http_service]\nauto_start_machines = \"\"  # a\n",
			"[http_service]\nauto_start_machines = true # a\n"},
		{"YAML", "fly.yaml", "http_service:\n  internal_port: 80   # a\n  force_https: true   # b\n",
			"http_service:\n  internal_port: 80   # a\n  force_https: false  # b\n"},
		{"CRLF", "fly.toml", "[http_service]\r\nforce_https = true   # b\r\n",
			"[http_service]\r\nforce_https = false  # b\r\n"},
		{"the longest key of a column", "fly.toml",
			"[http_service]\ninternal_port          = 80\nprocesses              = []\n",
			"[http_service]\ninternal_port          = 80\nauto_stop_machines     = \"stop\"\n" +
				"auto_start_machines    = true\nmin_machines_running   = 0\nprocesses              = []\n"},
		{"beside the longest key", "fly.toml",
			"[http_service]\nauto_start_machines_x = 1\ninternal_portt        = 2\n",
			"[http_service]\nauto_start_machines_x = 1\ninternal_portt        = 2\nauto_stop_machines    = \"stop\"\n" +
				"auto_start_machines   = true\nmin_machines_running  = 0\n"},
		{"behind the longest key", "fly.toml",
			"[http_service]\ninternal_portt        = 2\nauto_start_machines_x = 1\n",
			"[http_service]\ninternal_portt        = 2\nauto_start_machines_x = 1\nauto_stop_machines    = \"stop\"\n" +
				"auto_start_machines   = true\nmin_machines_running  = 0\n"},
	} {
		f, err := flytoml.Parse(tt.file, []byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		edited, err := Apply(f, Blueprint())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		got := string(edited.After)
		if i := strings.Index(tt.want, "auto_stop_machines"); i < 0 || !strings.Contains(tt.want, "min_machines_running") {
			// Only lines of the old file matter.
			var kept []string
			for line := range strings.Lines(got) {
				if strings.Contains(tt.text, strings.Fields(line)[0]) {
					kept = append(kept, line)
				}
			}
			got = strings.Join(kept, "")
		}
		if got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

// TestEditKeepsSuspend checks that suspended Machines stay suspended unless another
// value is requested.
func TestEditKeepsSuspend(t *testing.T) {
	const text = "[http_service]\ninternal_port = 80\nauto_stop_machines = %q\nauto_start_machines = true\n" +
		"min_machines_running = 0\n"
	stop, off := Blueprint(), Blueprint()
	stop.KeepSuspend = false
	off.Autostop = ptr(machine.AutostopOff)
	for _, tt := range []struct {
		edit       Request
		is, become string
	}{{Blueprint(), "suspend", "suspend"}, {Blueprint(), "off", "stop"}, {Blueprint(), "stop", "stop"},
		{stop, "suspend", "stop"}, {off, "suspend", "off"}} {
		edited, err := Apply(parse(t, fmt.Sprintf(text, tt.is)), tt.edit)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(text, tt.become); string(edited.After) != want {
			t.Errorf("%s: got %s, want %s", tt.is, edited.After, want)
		}
	}
}

// TestEditComments checks that a change has the file's comment on the value.
func TestEditComments(t *testing.T) {
	for _, tt := range []struct{ file, text, want string }{
		{"fly.toml", "[http_service]\nauto_stop_machines = \"off\" # a stopped machine would drop every open " +
			"game\n", "a stopped machine would drop every open game"},
		{"fly.toml", "[http_service]\n# Two lines,\n  # above it.\n  auto_stop_machines = 'off'\n", "Two lines, above it."},
		{"fly.toml", "[http_service]\n## above\nauto_stop_machines = false # and behind\n", "above and behind"},
		{"fly.toml", "[http_service]\n# not above\n\nauto_stop_machines = false\n# below\n", ""},
		{"fly.toml", "http_service = { auto_stop_machines = false } # in braces\n", "in braces"},
		{"fly.toml", "http_service = { auto_stop_machines = false, note = '# no comment' }\n", ""},
		{"fly.yaml", "http_service:\n  # games!\n  auto_stop_machines: off\n", "games!"},
		{"fly.yaml", "env:\n  A: |\n    # hunter2\nhttp_service: {auto_stop_machines: off}\n", ""},
		{"fly.json", `{"http_service": {"auto_stop_machines": false}}`, ""},
	} {
		f, err := flytoml.Parse(tt.file, []byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		edited, err := Apply(f, Request{Autostop: ptr(machine.AutostopStop)})
		if err != nil || len(edited.Changes) != 1 || edited.Changes[0].Comment != tt.want {
			t.Errorf("%q: %v, changes %+v, want the comment %q", tt.text, err, edited.Changes, tt.want)
		}
	}
}
