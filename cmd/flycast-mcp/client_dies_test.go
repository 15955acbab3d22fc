package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
)

// mortal is the program over stdio as a process, with the test at the other
// ends of its three pipes, any of which it closes, or stops reading.
type mortal struct {
	t        *testing.T
	platform *flysim.Platform
	clock    *sharedClock
	env      []string
	dir      string

	cmd                   *exec.Cmd
	stdin, stdout, stderr *os.File
	lines                 *bufio.Reader
	nextID                int
}

func newMortal(t *testing.T) *mortal {
	m := &mortal{t: t, clock: newSharedClock(t), dir: t.TempDir()}
	m.platform = flysim.New(m.clock.platform(flysim.Options{}))
	if err := m.platform.Seed(context.Background()); err != nil {
		t.Fatal(err)
	}
	listening, err := m.platform.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listening.Close() })
	if err := m.platform.WriteConfigs(m.dir); err != nil {
		t.Fatal(err)
	}
	m.env = []string{"HOME=" + t.TempDir(), "TEST_CLOCK=" + m.clock.file, "GORACE=atexit_sleep_ms=0"}
	for _, v := range listening.Environment(m.platform.Token()) {
		if strings.HasPrefix(v, "FLY_") {
			m.env = append(m.env, v)
		}
	}
	return m
}

// pipe is a pipe of which the program gets one end and the test the other.
func (m *mortal) pipe() (r, w *os.File) {
	m.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

// full is a pipe that takes no more bytes.
func (m *mortal) full() (r, w *os.File) {
	r, w = m.pipe()
	if err := w.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		m.t.Fatal(err)
	}
	for {
		if _, err := w.Write(make([]byte, 512)); err != nil {
			return r, w
		}
	}
}

// start starts the program. Prepare may put other ends in place of its pipes.
func (m *mortal) start(prepare func(*exec.Cmd)) {
	m.t.Helper()
	path, err := exec.LookPath("flycast-mcp")
	if err != nil {
		m.t.Fatal(err)
	}
	m.cmd, m.nextID = exec.Command(path, "stdio", "--log-level", "debug", "--hold", "1h"), 0
	m.cmd.Dir, m.cmd.Env = m.dir, m.env
	in, stdin := m.pipe()
	stdout, out := m.pipe()
	stderr, errs := m.pipe()
	m.stdin, m.stdout, m.stderr, m.lines = stdin, stdout, stderr, bufio.NewReader(stdout)
	m.cmd.Stdin, m.cmd.Stdout, m.cmd.Stderr = in, out, errs
	if prepare != nil {
		prepare(m.cmd)
	}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for _, f := range []any{m.cmd.Stdin, m.cmd.Stdout, m.cmd.Stderr} {
		if f, ok := f.(*os.File); ok && f != nil {
			_ = f.Close()
		}
	}
	if m.stderr == stderr { // else the test wants nobody to read
		go io.Copy(io.Discard, stderr)
	}
}

func (m *mortal) send(method string, params map[string]any) {
	m.t.Helper()
	m.nextID++
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": m.nextID, "method": method, "params": params})
	if err == nil {
		_, err = m.stdin.Write(append(body, '\n'))
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *mortal) read() rpcReply {
	m.t.Helper()
	for {
		line, err := m.lines.ReadBytes('\n')
		if err != nil {
			m.t.Fatalf("the server ended: %v", err)
		}
		var reply rpcReply
		if err := json.Unmarshal(line, &reply); err != nil {
			m.t.Fatalf("stdout is not the protocol: %q", line)
		}
		if !strings.HasPrefix(reply.Method, "notifications/") {
			return reply
		}
	}
}

func (m *mortal) hello() {
	m.t.Helper()
	m.send("initialize", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": map[string]any{"elicitation": map[string]any{}},
		"clientInfo": map[string]any{"name": "mortal", "version": "1"},
	})
}

func (m *mortal) call(tool string, arguments map[string]any) {
	m.t.Helper()
	m.send(
		"tools/call",
		map[string]any{"name": tool, "arguments": arguments, "_meta": map[string]any{"progressToken": m.nextID + 1}},
	)
}

// approve answers the question of the last call as a person does.
func (m *mortal) approve(content string) {
	m.t.Helper()
	question := m.read()
	if question.Method != "elicitation/create" {
		m.t.Fatalf("no question, but %.500s", question.Result)
	}
	m.clock.pass(3 * time.Second)
	const accept = `{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":%s}}` + "\n"
	if _, err := fmt.Fprintf(m.stdin, accept, question.ID, content); err != nil {
		m.t.Fatal(err)
	}
}

// hold makes the platform hold the next such write until letGo.
func (m *mortal) hold(operation string) {
	m.t.Helper()
	script, err := fault.Parse(operation + " delay=30s")
	if err != nil {
		m.t.Fatal(err)
	}
	m.platform.ResetCalls()
	m.platform.Play(script)
}

func (m *mortal) held(operation string) {
	m.t.Helper()
	m.until(operation+" is not held", func() bool {
		return slices.ContainsFunc(m.platform.Calls(), func(c flysim.Call) bool {
			return c.Operation == operation && c.Status == 0
		})
	})
}

func (m *mortal) letGo() {
	m.clock.pass(30 * time.Second)
	m.platform.Clock().Advance(0)
}

func (m *mortal) until(problem string, done func() bool) {
	m.t.Helper()
	for start := time.Now(); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Since(start) > 3*time.Minute {
			m.t.Fatal(problem)
		}
	}
}

// ends waits for the program, which must end with status 0.
func (m *mortal) ends() {
	m.t.Helper()
	if err := m.cmd.Wait(); err != nil {
		m.t.Errorf("the program ended with %v, want status 0", err)
	}
}

func (m *mortal) count(app string, kinds ...string) int {
	n := 0
	for _, a := range m.platform.Addresses(app) {
		if slices.Contains(kinds, a.Kind) {
			n++
		}
	}
	return n
}

// death is a change that a client starts, and how to make it again.
type death struct {
	operation string // the write that is held
	start     func(*mortal)
	check     func(*mortal)
}

func deaths() map[string]death {
	const app = "shop-api"
	public := []string{"v4", "v6", "shared_v4"}
	deploys := 0
	return map[string]death{
		"allocate": {
			operation: "graphql.allocateIpAddress",
			start: func(m *mortal) {
				for _, a := range m.platform.Addresses(app) {
					if a.Kind == "private_v6" {
						m.platform.RemoveAddress(app, a.IP)
					}
				}
				m.call("allocate_flycast", map[string]any{"app": app})
			},
			check: func(m *mortal) {
				if n := m.count(app, "private_v6"); n != 1 {
					m.t.Errorf("%d Flycast addresses, want 1", n)
				}
			},
		},
		"release": {
			operation: "graphql.releaseIpAddress",
			start: func(m *mortal) {
				if m.count(app, "private_v6") == 0 {
					m.platform.AddAddress(app, "private_v6", "", "")
				}
				for m.count(app, public...) < 2 {
					m.platform.AddAddress(app, "v6", "", "")
				}
				m.call("release_public_ips", map[string]any{"app": app})
				m.approve(`{"app":"` + app + `","confirm":true}`)
			},
			check: func(m *mortal) {
				if n := m.count(app, public...); n != 0 {
					m.t.Errorf("%d public addresses are left", n)
				}
			},
		},
		"deploy": {
			operation: "machine.update",
			start: func(m *mortal) {
				deploys++
				file := filepath.Join(m.dir, app, "fly.toml")
				text, err := os.ReadFile(file)
				if err != nil {
					m.t.Fatal(err)
				}
				text = regexp.MustCompile(`LOG_LEVEL +=.*`).ReplaceAll(text, fmt.Appendf(nil, `LOG_LEVEL = "%d"`, deploys))
				if err := os.WriteFile(file, text, 0o600); err != nil {
					m.t.Fatal(err)
				}
				m.call("deploy", map[string]any{"app": app, "path": app + "/fly.toml"})
				m.approve(`{"app":"` + app + `","confirm":true}`)
			},
			check: func(m *mortal) {
				for _, id := range m.platform.MachineIDs(app) {
					config, want := m.platform.MachineConfig(app, id).String(), fmt.Sprintf(`"LOG_LEVEL":"%d"`, deploys)
					if !strings.Contains(config, want) {
						m.t.Errorf("Machine %s did not get the new configuration", id)
					}
				}
			},
		},
	}
}

// ready brings the app to where each change can be made.
func (m *mortal) ready() {
	m.t.Helper()
	m.start(nil)
	m.hello()
	m.read()
	for _, tool := range []string{"allocate_flycast", "patch_services", "deploy"} {
		arguments := map[string]any{"app": "shop-api"}
		if tool != "allocate_flycast" {
			arguments["path"] = "shop-api/fly.toml"
		}
		m.call(tool, arguments)
		if tool == "deploy" {
			m.approve(`{"confirm":true}`)
		}
		if reply := m.read(); !strings.Contains(string(reply.Result), `"status":"applied"`) {
			m.t.Fatalf("%s: %s %s", tool, reply.Result, reply.Error)
		}
	}
	_ = m.stdin.Close()
	m.ends()
}

// TestClientDies closes the client's ends of the pipes in the middle of a
// write: the work is finished, and the program ends with status 0.
func TestClientDies(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGPIPE")
	}
	m := newMortal(t)
	m.ready()
	for name, d := range deaths() {
		for pipes := 1; pipes < 8; pipes++ {
			closed := func(i int) bool { return pipes&(1<<i) != 0 }
			t.Run(fmt.Sprintf("%s, stdin %v, stdout %v, stderr %v", name, closed(0), closed(1), closed(2)), func(t *testing.T) {
				m.t = t
				m.start(nil)
				m.hello()
				m.read()
				m.hold(d.operation)
				d.start(m)
				m.held(d.operation)
				for i, f := range []*os.File{m.stdin, m.stdout, m.stderr} {
					if closed(i) {
						_ = f.Close()
					}
				}
				m.letGo()
				if pipes == 1<<2 { // the client goes on without a log
					if reply := m.read(); !strings.Contains(string(reply.Result), `"status":"applied"`) {
						t.Errorf("got %s %s", reply.Result, reply.Error)
					}
					_ = m.stdin.Close()
				}
				m.ends()
				d.check(m)
			})
		}
	}
}

// TestClientDead starts the program with ends that nobody holds or reads.
func TestClientDead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGPIPE")
	}
	m := newMortal(t)
	m.ready()
	broken := func() *os.File {
		r, w := m.pipe()
		_ = r.Close()
		return w
	}
	allocate := deaths()["allocate"]
	for _, test := range []struct {
		name    string
		prepare func(*exec.Cmd)
	}{
		{"stderr broken", func(c *exec.Cmd) { c.Stderr = broken() }},
		{"stderr full", func(c *exec.Cmd) { m.stderr, c.Stderr = m.full() }},
		{"stdout broken", func(c *exec.Cmd) { c.Stdout = broken() }},
		{"stdout full", func(c *exec.Cmd) { m.stdout, c.Stdout = m.full() }},
		{"stdout and stderr full", func(c *exec.Cmd) { m.stdout, c.Stdout = m.full(); m.stderr, c.Stderr = m.full() }},
		{"stdout and stderr broken", func(c *exec.Cmd) { c.Stdout, c.Stderr = broken(), broken() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			m.t = t
			m.start(test.prepare)
			if strings.HasPrefix(test.name, "stdout broken") ||
				strings.HasSuffix(test.name, "stderr broken") && test.name != "stderr broken" {
				m.hello() // the first write fails: there is no client
				m.ends()
				return
			}
			m.hello()
			allocate.start(m) // nobody reads what is answered
			m.until("no address was allocated", func() bool { return m.count("shop-api", "private_v6") == 1 })
			_, _, _ = m.stdin.Close(), m.stdout.Close(), m.stderr.Close()
			m.ends()
		})
	}
}
