package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestEmbeddedPlatform runs stdio with a platform of its own, and calls what it
// says it serves.
func TestEmbeddedPlatform(t *testing.T) {
	in, client := io.Pipe()
	logged, stderr := io.Pipe()
	var stdout strings.Builder
	home, clock := t.TempDir(), newSharedClock(t)
	done := make(chan int, 1)
	go func() {
		done <- run(context.Background(), program{
			args: []string{"stdio", "--sandbox", "--root", t.TempDir()},
			lookup: func(name string) (string, bool) {
				return home, name == "HOME"
			},
			stdin: in, stdout: &stdout, stderr: stderr, clock: clock, tune: clock.tune,
		})
		_ = stderr.Close()
	}()
	var entry struct{ Level, Msg, Page, Inside, Public string }
	log := bufio.NewScanner(logged)
	for entry.Page == "" && log.Scan() {
		if err := json.Unmarshal(log.Bytes(), &entry); err != nil {
			t.Fatalf("%v: %s", err, log.Text())
		}
	}
	go io.Copy(io.Discard, logged)
	if entry.Level != "INFO" || entry.Page == "" || entry.Inside == "" || entry.Public == "" {
		t.Fatalf("the log entry is %+v", entry)
	}
	get := func(through, address string) (status int, body string) {
		t.Helper()
		transport := new(http.Transport)
		defer transport.CloseIdleConnections()
		if through != "" {
			proxy, err := url.Parse(through)
			if err != nil {
				t.Fatal(err)
			}
			transport.Proxy = http.ProxyURL(proxy)
		}
		resp, err := (&http.Client{Transport: transport}).Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	if status, body := get("", entry.Page); status != 200 || !strings.Contains(body, "<html") {
		t.Errorf("the page: %d %.100s", status, body)
	}
	if status, body := get(entry.Inside, "http://inner-circle.flycast/healthz"); status != 200 {
		t.Errorf("inside: %d %s", status, body)
	}
	if status, body := get(entry.Public, "http://inner-circle.fly.dev/"); status != 502 ||
		!strings.Contains(body, "no public address") {
		t.Errorf("public: %d %s", status, body)
	}
	if status, body := get("", entry.Page+"/state?app=inner-circle"); status != 200 ||
		!strings.Contains(body, `"door":"flycast"`) {
		t.Errorf("the page does not show the request: %d %s", status, body)
	}

	_ = client.Close()
	if code := <-done; code != 0 || stdout.Len() > 0 {
		t.Errorf("exit code %d, and on stdout is %q", code, stdout.String())
	}
	for _, base := range []string{entry.Page, entry.Inside, entry.Public} {
		if conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://")); err == nil {
			conn.Close()
			t.Errorf("%s is open after the end", base)
		}
	}
}
