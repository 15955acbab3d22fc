package program_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/internal/flysimtest"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const app = "hello"

// web returns a configuration with an HTTP service; more are further fields.
func web(port int, more ...string) string {
	fields := append([]string{
		`"image": "registry.fly.io/hello:7"`,
		`"metadata": {"fly_process_group": "web", "fly_release_version": "7"}`,
		fmt.Sprintf(`"services": [{"protocol": "tcp", "internal_port": %d, "ports": [{"port": 80, "handlers": ["http"]}]}]`,
			port),
	}, more...)
	return "{" + strings.Join(fields, ", ") + "}"
}

func config(t testing.TB, text string) spec.Config {
	t.Helper()
	c, err := spec.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newRunningApp returns an app whose Machine has a configuration. Nothing runs before Follow.
func newRunningApp(t *testing.T, text string) *flysimtest.App {
	clock := flysim.NewClock(func() time.Time { return start })
	p := flysim.New(flysim.Options{Clock: clock, CrashAfter: 10 * time.Second})
	p.AddApp(app, "personal", "")
	b := &flysimtest.App{T: t, Platform: p, Clock: clock, Name: app, ID: p.AddMachine(app, "fra", config(t, text))}
	b.Runner = program.New(program.Options{Platform: p})
	t.Cleanup(func() { b.Close() })
	return b
}

func TestPage(t *testing.T) {
	b := newRunningApp(t, web(8080, `"env": {"GREETING": "<b>hi</b>"}`))
	b.Clock.Advance(400 * time.Millisecond)
	resp, body := b.Get("/any/path?x=1", "X-Asked-By", "a <script>")
	if got := resp.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("to curl it is %s", got)
	}
	m := b.Platform.Machine(app, b.ID)
	for _, want := range []string{
		"hello: started 0.4 s ago\n", b.ID, "fra", "web", "v7, " + m.InstanceID, "registry.fly.io/hello:7",
		"0.0.0.0:8080", "requests     1\n",
		"GET /any/path?x=1\nHost: hello.flycast\n", "X-Asked-By: a <script>\n", "GREETING=<b>hi</b>\n",
		"FLY_REGION=fra\n", "FLY_PRIVATE_IP=" + m.PrivateIP + "\n",
		"FLY_MACHINE_VERSION=" + m.InstanceID + "\n",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the text lacks %q:\n%s", want, body)
		}
	}
	resp, body = b.Get("/", "Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "X-Asked-By", "a <script>")
	if got := resp.Header.Get("Content-Type"); got != "text/html; charset=utf-8" ||
		!strings.Contains(body, "started 0.4 s ago") {
		t.Errorf("to a browser it is %s:\n%s", got, body)
	}
	if strings.Contains(body, "<script>") || strings.Contains(body, "<b>hi") {
		t.Error("text from outside is part of the page")
	}
	resp, body = b.Get("/", "Accept", "application/json")
	var report map[string]any
	if err := json.Unmarshal([]byte(body), &report); err != nil || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("JSON: %v: %s", err, body)
	}
	for key, want := range map[string]any{"app": app, "group": "web", "machine": b.ID, "region": "fra",
		"release_version": "7", "awake_seconds": 0.4, "requests": 3.0} {
		if report[key] != want {
			t.Errorf("%s is %v, want %v", key, report[key], want)
		}
	}
	t.Setenv("SANDBOX_OWN_SECRET", "hunter2")
	if _, body := b.Get("/env"); strings.Contains(body, "hunter2") || strings.Contains(body, "PATH=") {
		t.Errorf("the sandbox's own environment is shown:\n%s", body)
	}
}

// TestAwake follows a program through stop, suspend and a deploy.
func TestAwake(t *testing.T) {
	b := newRunningApp(t, web(8080))
	first := func() (awake, version string, requests int) {
		t.Helper()
		_, body := b.Get("/", "Accept", "application/json")
		var r struct {
			Awake    string `json:"awake"`
			Release  string `json:"release_version"`
			Requests int    `json:"requests"`
		}
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Fatal(err)
		}
		return r.Awake, r.Release, r.Requests
	}
	check := func(what, awake, version string, requests int) {
		t.Helper()
		if gotAwake, gotVersion, gotRequests := first(); gotAwake != awake || gotVersion != version ||
			gotRequests != requests {
			t.Errorf("%s: %s, v%s, %d requests; want %s, v%s, %d", what, gotAwake, gotVersion, gotRequests, awake,
				version, requests)
		}
	}
	check("new", "started 0.0 s ago", "7", 1)
	b.Clock.Advance(3 * time.Minute)
	check("later", "started 3 min ago", "7", 2)
	b.Platform.StopMachine(app, b.ID)
	b.Clock.Advance(time.Hour)
	if err := b.Platform.Wake(app, b.ID); err != nil {
		t.Fatal(err)
	}
	b.Clock.Advance(1500 * time.Millisecond)
	check("woken", "woken 1.5 s ago", "7", 1)
	if err := b.Platform.Park(app, b.ID, true); err != nil {
		t.Fatal(err)
	}
	b.Clock.Advance(time.Hour)
	if err := b.Platform.Wake(app, b.ID); err != nil {
		t.Fatal(err)
	}
	b.Clock.Advance(30 * time.Second)
	check("resumed, with what it remembers", "resumed 30 s ago", "7", 2)
	b.Platform.SetMachineConfig(app, b.ID, config(t, strings.Replace(web(8080), `"7"`, `"8"`, 1)))
	check("deployed", "started 0.0 s ago", "8", 1)
}

// TestPaths requests the paths other than the page.
func TestPaths(t *testing.T) {
	b := newRunningApp(t, web(8080))
	tests := []struct {
		path   string
		status int
		body   string
	}{
		{"/healthz", 200, "ok\n"},
		{"/status/503", 503, "503 Service Unavailable\n"},
		{"/status/204", 204, ""},
		{"/status/99", 400, "want a status"},
		{"/sleep?for=x", 400, "want for="},
		{"/sleep?for=2h", 400, "want for="},
		{"/sleep?for=0s", 200, "slept 0s\n"},
		{"/headers", 200, "GET /headers HTTP/1.1\nHost: hello.flycast\n"},
		{"/replay?region=fra&app=shop-api", 409, "fly-replay: region=fra;app=shop-api\n"},
		{"/replay?region=a%0d%0ab", 400, "want region"},
		{"/exit?code=999", 400, "want code"},
		{"/stream?count=0", 400, "want count"},
		{"/stream?count=1", 200, "id: 1\nevent: awake\ndata: Machine " + b.ID + ", started 0.0 s ago\n\n"},
	}
	for _, tt := range tests {
		resp, body := b.Get(tt.path)
		if resp.StatusCode != tt.status || !strings.HasPrefix(body, tt.body) {
			t.Errorf("%s: %d %q, want %d %q", tt.path, resp.StatusCode, body, tt.status, tt.body)
		}
	}
	resp, _ := b.Get("/replay?region=fra")
	if got := resp.Header.Get("fly-replay"); got != "region=fra" {
		t.Errorf("fly-replay: %q", got)
	}
	c := b.Client(b.Target(8080, false))
	defer c.CloseIdleConnections()
	for body, want := range map[string]int{"<b>hi</b>": 200, strings.Repeat("x", 1<<20+1): 413} {
		resp, err := c.Post("http://hello.flycast/echo", "text/html", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want || want == 200 && (string(got) != body ||
			strings.Contains(resp.Header.Get("Content-Type"), "html")) {
			t.Errorf("echo of %d bytes: %s, %d bytes, %v", len(body), resp.Status, len(got), err)
		}
	}
}

// TestSleep holds a request until the platform's clock has moved.
func TestSleep(t *testing.T) {
	b := newRunningApp(t, web(8080))
	answered := make(chan string, 1)
	asked := make(chan struct{})
	c := b.Client(b.Target(8080, false))
	t.Cleanup(c.CloseIdleConnections)
	go func() {
		close(asked)
		resp, err := c.Get("http://hello.flycast/sleep?for=2s")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answered <- string(body)
	}()
	<-asked
	select {
	case got := <-answered:
		t.Fatalf("answered at once: %s", got)
	default:
	}
	for { // whenever the request reaches the clock
		b.Clock.Advance(time.Second)
		select {
		case got := <-answered:
			if got != "slept 2s\n" {
				t.Error(got)
			}
			return
		default:
			runtime.Gosched()
		}
	}
}

// TestEnd ends programs, by themselves and by the platform.
func TestEnd(t *testing.T) {
	t.Run("exit", func(t *testing.T) {
		b := newRunningApp(t, web(8080))
		_, body := b.Get("/exit?code=0")
		if !strings.Contains(body, "ends with code 0") {
			t.Errorf("answered %q", body)
		}
		b.Await("stopped")
		if got := b.Platform.Machine(app, b.ID).Events[0]; got != "exit stopped" {
			t.Errorf("the last event is %s", got)
		}
	})
	t.Run("crash", func(t *testing.T) {
		b := newRunningApp(t, web(8080))
		c := b.Client(b.Target(8080, false))
		resp, err := c.Get("http://hello.flycast/crash")
		if err == nil {
			resp.Body.Close()
			t.Error("a program that crashed has answered")
		}
		b.Await("restarting")
		b.Clock.Advance(time.Minute)
		if _, body := b.Get("/"); !strings.HasPrefix(body, "hello: restarted 59 s ago\n") {
			t.Errorf("after the restart: %q", body)
		}
	})
	for _, how := range []string{"stopped", "suspended", "destroyed", "deployed", "crashed later", "closed"} {
		t.Run(how, func(t *testing.T) {
			b := newRunningApp(t, web(8080))
			if how == "crashed later" {
				b.Platform.StopMachine(app, b.ID)
				b.Platform.FailMachine(app, b.ID, flysim.FailCrash)
				b.Platform.StartMachine(app, b.ID)
			}
			b.Follow()
			conn, err := b.Dial(t.Context(), b.Target(8080, false))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			switch how {
			case "stopped":
				b.Platform.StopMachine(app, b.ID)
			case "suspended":
				err = b.Platform.Park(app, b.ID, true)
			case "destroyed":
				b.Platform.DestroyMachine(app, b.ID)
			case "deployed":
				b.Platform.SetMachineConfig(app, b.ID, config(t, web(8080)))
			case "crashed later":
				b.Clock.Advance(10 * time.Second)
			case "closed":
				err = b.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
				t.Errorf("the connection is still open: %d, %v", n, err)
			}
		})
	}
}

// TestRaw connects to a port without HTTP.
func TestRaw(t *testing.T) {
	b := newRunningApp(t, `{"image": "postgres", "services": [
		{"protocol": "tcp", "internal_port": 5432, "ports": [{"port": 5432}]},
		{"protocol": "tcp", "internal_port": 8080, "ports": [{"port": 443, "handlers": ["tls", "http"]}]},
		{"protocol": "udp", "internal_port": 53, "ports": [{"port": 53}]}]}`)
	conn, err := b.Dial(t.Context(), b.Target(5432, false))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, b.ID) {
		t.Errorf("greeted with %q, %v", line, err)
	}
	go func() {
		_, _ = io.WriteString(conn, "SELECT 1;\n")
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
	}()
	if rest, err := io.ReadAll(in); err != nil || string(rest) != "SELECT 1;\n" {
		t.Errorf("sent back: %q, %v", rest, err)
	}
	if _, body := b.Get("/healthz"); body != "ok\n" {
		t.Errorf("HTTP on another port: %q", body)
	}
	if _, err := b.Dial(t.Context(), b.Target(53, false)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("UDP: %v", err)
	}
}
