package local

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// TestCommandEnvironment checks which source may set which variable.
func TestCommandEnvironment(t *testing.T) {
	t.Setenv("PATH", "/bin")
	t.Setenv("OWN", "x")
	config, err := spec.Parse([]byte(`{"image": "nginx", "env": {
		"GREETING": "hello", "PORT": "8080", "HOME": "/root", "ld_preload": "x", "PYTHONPATH": "x", "PATH": "x",
		"NODE_ENV": "production",
		"GUNICORN_CMD_ARGS": "-c /tmp/x.py", "MAKEFLAGS": "x", "HTTP_PROXY": "x", "UNHEARD_OF": "x",
		"FLY_REGION": "x", "FLY_API_BASE_URL": "x",
		"FLY_ACCESS_TOKEN": "x", "A=B": "x", "NUL": "a\u0000b", "": "x"
	}}`))
	if err != nil {
		t.Fatal(err)
	}
	operator := map[string]string{
		"PYTHONPATH": "lib", "GREETING": "hi", "NODE_ENV": "development", "ONLY_HERE": "1", "NUL": "",
		"FLY_ACCESS_TOKEN": "", "A=B": "", "PORT": "1", "PATH": "/own",
	}
	got, left := commandEnvironment(program.Identity{App: "hello", Region: "fra",
		Address: netip.MustParseAddr("fdaa::3"), Config: config}, operator, 4000, "/tmp/h")
	want := []string{
		"FLY_APP_NAME=hello", "FLY_IMAGE_REF=nginx", "FLY_PRIVATE_IP=fdaa::3", "FLY_REGION=fra",
		"GREETING=hello", "HOME=/tmp/h", "NODE_ENV=production", "ONLY_HERE=1", "PATH=/own", "PORT=4000",
		"PYTHONPATH=lib", "TMPDIR=/tmp/h",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	want = []string{"", "A=B", "FLY_ACCESS_TOKEN", "FLY_API_BASE_URL", "GUNICORN_CMD_ARGS", "HTTP_PROXY",
		"MAKEFLAGS", "NUL", "UNHEARD_OF", "ld_preload"}
	if !slices.Equal(left, want) {
		t.Errorf("left out %q, want %q", left, want)
	}
}

// TestOutput splits a command's output into lines of limited length.
func TestOutput(t *testing.T) {
	var got []string
	o := &output{line: func(text string) { got = append(got, text) }}
	for _, piece := range []string{"one\r\ntw", "o\n\n", strings.Repeat("x", maxLine), "yyy", "zzz\nlast\xff"} {
		if n, err := o.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	o.flush()
	o.flush()
	if want := []string{"one", "two", "", strings.Repeat("x", maxLine), "last\uFFFD"}; !slices.Equal(got, want) {
		t.Errorf("got %.80q", got)
	}
}

func TestReadStop(t *testing.T) {
	tests := []struct {
		config string
		want   stopConfig
	}{
		{`{}`, stopConfig{"SIGINT", 5 * time.Second}},
		{`{"stop_config": {"timeout": "1m0s", "signal": "SIGTERM"}}`, stopConfig{"SIGTERM", time.Minute}},
		{`{"stop_config": {"timeout": 2000000000}}`, stopConfig{"SIGINT", 2 * time.Second}},
		{`{"stop_config": {"timeout": "1h"}}`, stopConfig{"SIGINT", 5 * time.Minute}},
		{`{"stop_config": {"timeout": -1}}`, stopConfig{"SIGINT", 5 * time.Second}},
		{`{"stop_config": 3}`, stopConfig{"SIGINT", 5 * time.Second}},
	}
	for _, tt := range tests {
		config, err := spec.Parse([]byte(tt.config))
		if err != nil {
			t.Fatal(err)
		}
		if got := readStop(config); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.config, got, tt.want)
		}
	}
}
