package flysim_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

func TestExecPrograms(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	_, rest := clients(t, w.Platform)
	for _, test := range []struct {
		cmd, stdin string
		code       int32
		out, err   string // contained
	}{
		{"true", "", 0, "", ""},
		{"/usr/bin/false", "", 1, "", ""},
		{`echo "a b" c\ d 'e"f' ""`, "", 0, "a b c d e\"f \n", ""},
		{"cat", "from stdin", 0, "from stdin", ""},
		{"cat - /etc/hostname", "x", 0, "x" + w.machine + "\n", ""},
		{"cat /etc/motd", "", 0, "hello\n", ""},
		{"cat /etc/passwd", "", 1, "", "cat: /etc/passwd: No such file or directory"},
		{"env", "", 0, "COLOUR=blue\nFLY_ALLOC_ID=" + w.machine + "\nFLY_APP_NAME=demo\n", ""},
		{"printenv FLY_REGION COLOUR", "", 0, "iad\nblue\n", ""},
		{"printenv NOTHING", "", 1, "", ""},
		{"hostname", "", 0, w.machine + "\n", ""},
		{"uname", "", 0, "Linux\n", ""},
		{"uname -sm", "", 0, "Linux x86_64\n", ""},
		{"uname -q", "", 1, "", "invalid option"},
		{"ps", "", 0, "  315 /app/server\n", ""},
		{"ls", "", 0, "app\nbin\ndev\netc\n", ""},
		{"ls -la /etc", "", 0, "hostname\nhosts\nmotd\n", ""},
		{"ls /app/server", "", 0, "/app/server\n", ""},
		{"ls /nowhere", "", 2, "", "No such file or directory"},
		{"pwd", "", 0, "/\n", ""},
		{"sleep 0", "", 0, "", ""},
		{"sleep a", "", 1, "", "invalid time interval"},
		{"sh -c ls", "", 127, "", "sh: not found"},
		{"../../bin/cat", "kept inside", 0, "kept inside", ""},
	} {
		got, err := rest.Exec(t.Context(), "demo", w.machine, &fly.MachineExecRequest{Cmd: test.cmd, Stdin: test.stdin})
		if err != nil {
			t.Errorf("%s: %v", test.cmd, err)
			continue
		}
		if got.ExitCode != test.code || !strings.Contains(got.StdOut, test.out) || !strings.Contains(got.StdErr, test.err) {
			t.Errorf("%s: %+v", test.cmd, got)
		}
	}
	if got := w.Machine("demo", w.machine); len(got.Events) != 2 {
		t.Errorf("commands left a trace: %v", got.Events)
	}
}

// TestExecTime checks that sleep passes on the platform's clock, up to a timeout and only while the
// Machine is started.
func TestExecTime(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	answers := make(chan reply)
	go func() { answers <- ask(t, w.Platform, "POST", w.fill("{one}/exec"), `{"cmd":"sleep 500"}`) }()
	advance(w.Platform, "machine.exec", 60*time.Second)
	wantStatus(t, <-answers, 408)
	for _, test := range []struct {
		body   string
		during func(*demoApp)
		status int
		code   string
	}{
		{`{"cmd":"sleep 5"}`, func(w *demoApp) { w.Clock().Advance(5 * time.Second) }, 200, "0"},
		{`{"cmd":"sleep 1.5"}`, func(w *demoApp) { w.Clock().Advance(1500 * time.Millisecond) }, 200, "0"},
		{`{"cmd":"sleep 50","timeout":10}`, func(w *demoApp) { w.Clock().Advance(10 * time.Second) }, 408, ""},
		// the Machine crashes before
		{`{"cmd":"sleep 50"}`, func(w *demoApp) { w.Clock().Advance(20 * time.Second) }, 200, "137"},
	} {
		w := newDemoApp(t, flysim.Options{CrashAfter: 15 * time.Second})
		w.FailMachine("demo", w.machine, flysim.FailCrash)
		w.do(`POST {one} {"config":{c}}`)
		answers := make(chan reply)
		go func() { answers <- ask(t, w.Platform, "POST", w.fill("{one}/exec"), test.body) }()
		advance(w.Platform, "machine.exec", 0)
		test.during(w)
		got := <-answers
		wantStatus(t, got, test.status)
		if test.code != "" {
			wantBody(t, got, "exit_code", test.code)
		}
	}
}

// FuzzExec runs any command.
func FuzzExec(f *testing.F) {
	for _, seed := range []string{"ls -la /", `echo "a\"b" '`, "cat - ../x", "uname --", "sleep 1e9",
		"printenv =", "\\", "\x00"} {
		f.Add(seed, "in")
	}
	p := seeded(f, flysim.Options{})
	f.Fuzz(func(t *testing.T, cmd, stdin string) {
		if strings.Contains(cmd, "sleep") {
			t.Skip("sleep would wait")
		}
		body, err := json.Marshal(map[string]any{"cmd": cmd, "stdin": stdin})
		if err != nil {
			t.Skip()
		}
		got := ask(t, p, "POST", shop+"/machines/"+shopA+"/exec", string(body))
		if got.status != 200 && got.status != 400 || !json.Valid(got.body) {
			t.Errorf("%q: %d %s", cmd, got.status, got.body)
		}
	})
}
