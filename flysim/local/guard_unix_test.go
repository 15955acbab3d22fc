//go:build unix

package local_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/local"
	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
)

// runAndSay runs the commands of a file until it is killed, and prints what happens to them.
func runAndSay(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	apps, err := seed.Read(text, filepath.Dir(file))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	p := flysim.New(flysim.Options{})
	if err := seed.Build(ctx, p, apps); err != nil {
		fmt.Println(err)
		return 1
	}
	r := local.New(local.Options{Platform: p, Apps: apps, Log: func(l local.Line) { fmt.Println(l.Text) }})
	defer r.Close()
	if err := r.Run(ctx); err != nil {
		return 1
	}
	return 0
}

// TestCommandOrphans checks that, however the runner ends, no process that a command started
// survives, and no folder remains.
func TestCommandOrphans(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(end.String(), func(t *testing.T) {
			dir, temp := t.TempDir(), filepath.Join(t.TempDir(), "a folder's $name")
			if err := os.Mkdir(temp, 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "apps.toml")
			// The shell that is started has the program as a child.
			script := `"$0" command 127.0.0.1 "$PORT" & echo "port $PORT"; wait`
			text := fmt.Sprintf(
				"[[apps]]\nname = 'hello'\nhttp_service = { internal_port = 8080 }\ncommand = ['/bin/sh', '-c', %q, "+
					"%q]\n", script, binary)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(binary, "runner", file)
			cmd.Env = append(os.Environ(), "TMPDIR="+temp)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill() }()
			port, listens := "", false
			for lines := bufio.NewScanner(out); (port == "" || !listens) && lines.Scan(); {
				if text, ok := strings.CutPrefix(lines.Text(), "port "); ok {
					port = text
				}
				listens = listens || lines.Text() == "listening"
			}
			conn, err := net.Dial("tcp4", "127.0.0.1:"+port)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if home := homeOf(t, conn); filepath.Dir(filepath.Dir(home)) != temp {
				t.Errorf("its home is %s", home)
			}

			if err := cmd.Process.Signal(end); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a process that the command started survives")
			}
			_, _ = io.Copy(io.Discard, out)
			if err := cmd.Wait(); (err == nil) != (end == syscall.SIGTERM) {
				t.Errorf("the runner ended with %v", err)
			}
			for late := time.Now().Add(20 * time.Second); ; runtime.Gosched() { // the guard ends later than the runner
				left, err := os.ReadDir(temp)
				if err != nil {
					t.Fatal(err)
				}
				if len(left) == 0 {
					return
				}
				if time.Now().After(late) {
					t.Fatalf("left: %v", left)
				}
			}
		})
	}
}

// homeOf asks the test's command for its HOME.
func homeOf(t *testing.T, conn net.Conn) string {
	t.Helper()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: hello\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var a commandInfo
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(a.Env, func(v string) bool { return strings.HasPrefix(v, "HOME=") })
	if i < 0 {
		t.Fatal("it has no HOME")
	}
	return strings.TrimPrefix(a.Env[i], "HOME=")
}
