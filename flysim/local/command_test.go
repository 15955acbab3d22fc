//go:build unix

package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/internal/flysimtest"
	"github.com/flycast-mcp/flycast-mcp/flysim/local"
	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
)

// TestMain makes this binary serve as the command that the tests run.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "command":
		os.Exit(command(os.Args[2]))
	case len(os.Args) > 2 && os.Args[1] == "runner":
		os.Exit(runAndSay(os.Args[2]))
	}
	os.Exit(m.Run())
}

// command serves on a host and the PORT in its environment. It ends with code 3 on /crash, and with
// code 0 on SIGINT unless it is stubborn.
func command(host string) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	if host == "stubborn" {
		go func() {
			for range stop {
				fmt.Println("no")
			}
		}()
		child := exec.Command(os.Args[0], "command", "127.0.0.1") // must end too
		child.Env = append(os.Environ(), "PORT=0")
		if err := child.Start(); err != nil {
			return 1
		}
		fmt.Println("child", child.Process.Pid)
		host = "0.0.0.0"
	}
	ended := make(chan int, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { ended <- 3; select {} })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		dir, _ := os.Getwd()
		_ = json.NewEncoder(w).Encode(map[string]any{"env": os.Environ(), "dir": dir, "pid": os.Getpid()})
	})
	network := "tcp" // with it Go listens on [::] for 0.0.0.0
	if !strings.Contains(host, ":") {
		network = "tcp4"
	}
	l, err := net.Listen(network, net.JoinHostPort(host, os.Getenv("PORT")))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("listening")
	go func() { _ = http.Serve(l, mux) }()
	if host == "0.0.0.0" && len(os.Args) > 2 && os.Args[2] == "stubborn" {
		return <-ended
	}
	select {
	case <-stop:
		fmt.Print("bye")
		return 0
	case code := <-ended:
		return code
	}
}

var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const app = "hello"

// server is a platform with one app that runs a command.
type server struct {
	*flysimtest.App
	lines chan local.Line
	dir   string
}

// newServer starts the test's command on a host. more is more TOML of the app.
func newServer(t *testing.T, host, more string) *server { return newLimited(t, host, more, 100) }

// newLimited is newServer with a limit on commands that run at once.
func newLimited(t *testing.T, host, more string, most int) *server {
	w := &server{App: &flysimtest.App{T: t, Name: app}, lines: make(chan local.Line, 100), dir: t.TempDir()}
	w.Clock = flysim.NewClock(func() time.Time { return start })
	w.Platform = flysim.New(flysim.Options{Clock: w.Clock})
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	timeout := "1m"
	if host == "stubborn" && more != patient {
		timeout = "50ms"
	}
	file := "app = 'hello'\nprimary_region = 'fra'\nkill_timeout = '" + timeout +
		"'\n[env]\nGREETING = 'hi'\nGORACE = 'atexit_sleep_ms=0'\nLD_DEBUG_OUTPUT = " +
		"'mine'\n[http_service]\ninternal_port = 8080\n"
	if err := os.WriteFile(filepath.Join(w.dir, "fly.toml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("[[apps]]\nfly_toml = 'fly.toml'\ncommand = [%q, 'command', %q]\n%s\n", binary, host, more)
	apps, err := seed.Read([]byte(text), w.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := seed.Build(t.Context(), w.Platform, apps); err != nil {
		t.Fatal(err)
	}
	w.ID = w.Platform.MachineIDs(app)[0]
	w.Runner = local.NewLimited(local.Options{Platform: w.Platform, Apps: apps,
		Log: func(l local.Line) { w.lines <- l }}, most)
	t.Cleanup(func() { w.Close() })
	w.Follow()
	return w
}

// line waits for a log line that contains text, and for one with each of the others, in any order.
// It returns the first one.
func (w *server) line(text string, others ...string) (first local.Line) {
	w.T.Helper()
	late := time.After(20 * time.Second)
	for missing := append([]string{text}, others...); len(missing) > 0; {
		select {
		case l := <-w.lines:
			i := slices.IndexFunc(missing, func(text string) bool { return strings.Contains(l.Text, text) })
			if i < 0 {
				continue
			}
			if missing[i] == text {
				first = l
			}
			missing = slices.Delete(missing, i, i+1)
		case <-late:
			w.T.Fatalf("no line says %q", missing)
		}
	}
	return first
}

// bound waits until the Machine listens on something, and returns the sockets.
func (w *server) bound() []string {
	w.T.Helper()
	late := time.After(20 * time.Second)
	for {
		changed := w.Platform.Changed()
		m, err := w.Platform.Program(app, w.ID)
		if err != nil {
			w.T.Fatal(err)
		}
		if len(m.Listen) > 0 && m.State == "started" {
			return m.Listen
		}
		select {
		case <-changed:
		case <-late:
			w.T.Fatal("the command listens nowhere")
		}
	}
}

// commandInfo is what the command reports about itself.
type commandInfo struct {
	Env []string
	Dir string
	PID int
}

func (w *server) ask() (a commandInfo) {
	w.T.Helper()
	_, body := w.Get("/")
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		w.T.Fatalf("%v: %s", err, body)
	}
	return a
}

func TestCommand(t *testing.T) {
	t.Setenv("FLY_API_TOKEN", "the person's")
	t.Setenv("SOME_SECRET", "the person's")
	w := newServer(t, "0.0.0.0", "dir = 'www'\n")
	w.line("cannot be run") // the folder www does not exist
	if err := os.Mkdir(filepath.Join(w.dir, "www"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.Await("restarting")
	w.Clock.Advance(time.Minute)
	w.Await("started")
	w.line("listening")
	if got, want := w.bound(), []string{"tcp://0.0.0.0:8080"}; !slices.Equal(got, want) && runtime.GOOS == "linux" {
		t.Errorf("listens on %v, want %v", got, want)
	}
	a := w.ask()
	if !strings.HasSuffix(a.Dir, "/www") {
		t.Errorf("runs in %s", a.Dir)
	}
	m := w.Platform.Machine(app, w.ID)
	for _, want := range []string{
		"GREETING=hi", "FLY_APP_NAME=hello", "FLY_MACHINE_ID=" + w.ID, "FLY_ALLOC_ID=" + w.ID, "FLY_REGION=fra",
		"PRIMARY_REGION=fra",
		"FLY_PROCESS_GROUP=app", "FLY_MACHINE_VERSION=" + m.InstanceID, "PATH=" + os.Getenv("PATH"), "LD_DEBUG_OUTPUT=mine",
	} {
		if !slices.Contains(a.Env, want) {
			t.Errorf("the environment lacks %s: %q", want, a.Env)
		}
	}
	if text := strings.Join(a.Env, "\n"); strings.Contains(text, "the person's") ||
		strings.Contains(text, "HOME="+os.Getenv("HOME")+"\n") {
		t.Errorf("it has the user's own environment:\n%s", text)
	}

	// Variables from the API cannot get code into the command.
	changed, err := w.Platform.MachineConfig(app, w.ID).With("env", map[string]string{
		"GREETING": "hello", "GORACE": "atexit_sleep_ms=0", "LD_PRELOAD": "/tmp/x.so", "PATH": "/tmp",
		"NODE_OPTIONS": "-r /tmp/x", "LD_DEBUG_OUTPUT": "theirs", "FLY_API_TOKEN": "theirs", "PORT": "8080",
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Platform.SetMachineConfig(app, w.ID, changed)
	if l := w.line("bye", "listening"); l.Stream != "stdout" || l.App != app || l.Machine != w.ID {
		t.Errorf("the line is %+v", l)
	}
	w.bound()
	b := w.ask()
	if !slices.Contains(b.Env, "GREETING=hello") || !slices.Contains(b.Env, "LD_DEBUG_OUTPUT=mine") ||
		slices.Contains(b.Env, "PORT=8080") || b.PID == a.PID {
		t.Errorf("after the deploy: %q", b.Env)
	}
	if text := strings.Join(b.Env, "\n"); strings.Contains(text, "PRELOAD") ||
		strings.Contains(text, "NODE_OPTIONS") || strings.Contains(text, "theirs") || strings.Contains(text, "PATH=/tmp\n") {
		t.Errorf("variables of the API that run code:\n%s", text)
	}
}

// TestCommandEnds has the ways in which a command ends.
func TestCommandEnds(t *testing.T) {
	w := newServer(t, "0.0.0.0", "")
	w.bound()
	first := w.ask()
	c := w.Client(w.Target(8080, false))
	if resp, err := c.Get("http://hello.flycast/crash"); err == nil {
		resp.Body.Close()
		t.Error("it answered")
	}
	if l := w.line("ended"); l.Text != "the command ended with code 3" || l.Stream != "system" {
		t.Errorf("%+v", l)
	}
	w.Await("restarting")
	if _, err := w.Dial(t.Context(), w.Target(8080, false)); !errors.Is(err, syscall.EHOSTUNREACH) {
		t.Errorf("dialed between two runs: %v", err)
	}
	w.Clock.Advance(time.Minute)
	w.Await("started")
	w.line("listening")
	w.bound()
	second := w.ask()
	if second.PID == first.PID {
		t.Error("it was not started again")
	}

	if err := w.Platform.Park(app, w.ID, true); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" {
		for stat := ""; !strings.Contains(stat, ") T "); { // until it is stopped
			data, err := os.ReadFile("/proc/" + strconv.Itoa(second.PID) + "/stat")
			if err != nil {
				t.Fatal(err)
			}
			stat = string(data)
			runtime.Gosched()
		}
	}
	if err := w.Platform.Wake(app, w.ID); err != nil {
		t.Fatal(err)
	}
	w.Await("started")
	if third := w.ask(); third.PID != second.PID {
		t.Error("a resumed command is another one")
	}

	w.Platform.StopMachine(app, w.ID)
	w.line("ended with code 0", "bye")
	if got := w.Platform.Machine(app, w.ID).Events[0]; got != "exit stopped" {
		t.Errorf("the last event is %s", got)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(second.PID)); err == nil {
		t.Error("the process still exists")
	}
}

// TestCommandBind runs commands that listen where Fly Proxy does not reach them.
func TestCommandBind(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what host a command bound can be seen on Linux only")
	}
	for host, want := range map[string][]string{"127.0.0.1": {"tcp://127.0.0.1:8080"}, "::": {"tcp://[::]:8080"}} {
		w := newServer(t, host, "")
		w.line("listening")
		if got := w.bound(); !slices.Equal(got, want) {
			t.Errorf("%s: listens on %v, want %v", host, got, want)
		}
		conn, err := w.Dial(t.Context(), w.Target(8080, false))
		if err == nil {
			conn.Close()
		}
		if reached := err == nil; reached != (host == "::") || err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// patient makes a Machine give a stubborn command a minute.
const patient = "# patient\n"

// TestCommandRestarts restarts a Machine whose program does not end on request. At most two of its
// programs run at once. None runs after the runner has ended, which does not wait for a
// kill_timeout.
func TestCommandRestarts(t *testing.T) {
	w := newServer(t, "stubborn", patient)
	w.line("child ")
	w.bound()
	first := w.ask().PID
	w.Platform.SetMachineConfig(app, w.ID, w.Platform.MachineConfig(app, w.ID))
	w.line("child ") // the child of the second command
	w.Platform.SetMachineConfig(app, w.ID, w.Platform.MachineConfig(app, w.ID))
	w.line("child ", "ended with code 137")
	if err := syscall.Kill(first, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the first one, process %d, still exists: %v", first, err)
	}
	began := time.Now()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the end took %s", took)
	}
}

// TestCommandCount creates more Machines through the API than commands may run.
func TestCommandCount(t *testing.T) {
	w := newLimited(t, "0.0.0.0", "", 2)
	w.bound()
	for range 2 {
		w.Platform.AddMachine(app, "fra", w.Platform.MachineConfig(app, w.ID))
	}
	if l := w.line("cannot be run"); !strings.HasSuffix(l.Text, "2 commands are already running") {
		t.Errorf("%+v", l)
	}
}

// TestCommandStubborn kills a command that does not end, and the processes that it started.
func TestCommandStubborn(t *testing.T) {
	for _, how := range []string{"stop", "end of the runner"} {
		t.Run(how, func(t *testing.T) {
			w := newServer(t, "stubborn", "")
			_, pid, _ := strings.Cut(w.line("child ").Text, " ")
			w.bound()
			if how == "stop" {
				w.Platform.StopMachine(app, w.ID)
				w.line("no")
			} else if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			w.line("ended with code 137")
			if runtime.GOOS != "linux" {
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for ctx.Err() == nil { // a process that is not waited for stays as a zombie
				stat, err := os.ReadFile("/proc/" + pid + "/stat")
				if err != nil || strings.Contains(string(stat), ") Z ") {
					return
				}
				runtime.Gosched()
			}
			t.Errorf("process %s, which the command started, still exists", pid)
		})
	}
}
