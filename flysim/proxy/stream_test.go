package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestStream reads events while the answer continues, and disconnects in the middle.
func TestStream(t *testing.T) {
	b := newProxyServer(t, Options{})
	id := b.app("shop-api", web, "iad")[0]
	next, gone := make(chan string), make(chan struct{})
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(gone)
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case event := <-next:
				fmt.Fprintf(w, "data: %s\n\n", event)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop-api.flycast/", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { next <- "one" }()
	res, err := b.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for _, event := range []string{"one", "two"} {
		if event == "two" {
			next <- event
		}
		if line, err := lines.ReadString('\n'); line != "data: "+event+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
		_, _ = lines.ReadString('\n')
	}
	if got := b.traffic.Load(id); got != 1 {
		t.Errorf("load %d, want 1", got)
	}
	cancel()
	<-gone
	if v := b.visit(1); v.Machine != id || v.Code != "" || b.traffic.Load(id) != 0 {
		t.Errorf("the visit is %+v, load %d", v, b.traffic.Load(id))
	}
}

// TestUpgrade uses another protocol after 101.
func TestUpgrade(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", web, "iad")
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil || r.Header.Get("Upgrade") != "echo" {
			t.Error(err, r.Header)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, _ := buffered.ReadString('\n')
		_, _ = io.WriteString(conn, line)
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://shop-api.flycast/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	res, err := b.web.Do(req)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(res, err)
	}
	conn := res.Body.(io.ReadWriteCloser)
	defer conn.Close()
	if _, err := io.WriteString(conn, "ping\n"); err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(conn); string(got) != "ping\n" {
		t.Errorf("got %q", got)
	}
	conn.Close() // each side must be closed
	if v := b.visit(1); v.Status != 101 {
		t.Errorf("the visit is %+v", v)
	}
}

// TestTrailers checks that trailers pass in both directions, and that HEAD has no body.
func TestTrailers(t *testing.T) {
	b := newProxyServer(t, Options{})
	b.app("shop-api", web, "iad")
	b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "1000")
			return
		}
		w.Header().Set("Trailer", "X-Sum")
		_, _ = io.Copy(w, r.Body)
		w.Header().Set("X-Sum", r.Trailer.Get("X-Count")+"!")
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://shop-api.flycast/",
		struct{ io.Reader }{strings.NewReader("body")})
	if err != nil {
		t.Fatal(err)
	}
	req.Trailer = http.Header{"X-Count": {"4"}}
	res, err := b.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "body" || res.Trailer.Get("X-Sum") != "4!" {
		t.Errorf("%q with %v", body, res.Trailer)
	}
	if res, body := b.ask(b.web, http.MethodHead, "http://shop-api.flycast/"); res.ContentLength != 1000 || body != "" {
		t.Errorf("HEAD: %d %q", res.ContentLength, body)
	}
}

// zeros is a body that is larger than what is kept of it.
type zeros int64

func (z *zeros) Read(p []byte) (int, error) {
	if *z == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), int64(*z))
	clear(p[:n])
	*z -= zeros(n)
	return int(n), nil
}

// TestBigBody checks that a large body passes, but to one Machine only.
func TestBigBody(t *testing.T) {
	b := newProxyServer(t, Options{})
	ids := b.app("shop-api", web, "iad", "fra")
	for _, tt := range []struct {
		size   int64
		replay string
		code   string
	}{
		{replayLimit + 1<<20, "", ""},
		{flyReplayLimit, "region=fra", ""},
		{flyReplayLimit + 1, "region=fra", "PA01"},
		{replayLimit + 1, "region=fra", "PA01"},
	} {
		b.programs.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				t.Error(err)
			}
			if w.Header().Get("X-Machine") == ids[0] && tt.replay != "" {
				w.Header().Set("Fly-Replay", tt.replay)
			}
			fmt.Fprint(w, n)
		})
		body := zeros(tt.size)
		res, err := b.web.Post("http://shop-api.flycast/", "text/plain", &body)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if code := res.Header.Get(errorHeader); code != tt.code || tt.code == "" && string(got) != fmt.Sprint(tt.size) {
			t.Errorf("%d bytes, %q: %s %s", tt.size, tt.replay, code, got)
		}
	}
}

// TestReplayBody reads a body twice, with a partial reading in between.
func TestReplayBody(t *testing.T) {
	b := &replayBody{source: strings.NewReader("abcdef")}
	first, _ := b.open()
	_, _ = io.ReadFull(first, make([]byte, 3))
	_ = first.Close()
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("closed: %v", err)
	}
	for range 2 {
		r, err := b.open()
		if got, _ := io.ReadAll(r); string(got) != "abcdef" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	big := &replayBody{source: bytes.NewReader(make([]byte, replayLimit+1))}
	r, _ := big.open()
	if n, _ := io.Copy(io.Discard, r); n != replayLimit+1 || big.kept != nil {
		t.Errorf("%d bytes, %d kept", n, len(big.kept))
	}
	if _, err := big.open(); err == nil {
		t.Error("a body that cannot be replayed was opened again")
	}
}
