package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/netstack"
)

// accepts reports whether a connection is accepted. Fly Proxy accepts before the app does, so an
// accepted connection proves nothing about the app.
func (g *Gateway) accepts(f netstack.Flow) bool {
	if f.To.Addr() == resolverOf(f.From.Addr()) {
		return f.To.Port() == portDNS || f.To.Port() == portAPI && g.options.API != ""
	}
	_, ok := g.find(f.From.Addr(), f.To.Addr())
	return ok
}

// serveTCP leads a connection to where its address leads.
func (g *Gateway) serveTCP(f netstack.Flow, caller net.Conn) {
	if f.To == netip.AddrPortFrom(resolverOf(f.From.Addr()), portAPI) {
		g.api.serve(caller)
		return
	}
	defer caller.Close()
	if f.To.Addr() == resolverOf(f.From.Addr()) {
		g.answerTCP(f, caller)
		return
	}
	at, ok := g.find(f.From.Addr(), f.To.Addr())
	if !ok {
		return
	}
	door, err := g.door(at.caller)
	if err != nil {
		return
	}
	inside, err := net.Dial("tcp", strings.TrimPrefix(door.Flycast, "http://"))
	if err != nil {
		return
	}
	if joined, err := connect(inside, fmt.Sprintf("%s:%d", at.name, f.To.Port())); err == nil {
		join(caller, joined)
		return
	}
	_ = inside.Close()
}

// connect asks Fly Proxy's entrance for a raw connection.
func connect(inside net.Conn, to string) (net.Conn, error) {
	if _, err := fmt.Fprintf(inside, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", to, to); err != nil {
		return nil, err
	}
	r := bufio.NewReader(inside)
	response, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("CONNECT %s: %s", to, response.Status)
	}
	return buffered{inside, r}, nil
}

// buffered is a connection of which some bytes were read already.
type buffered struct {
	net.Conn
	r io.Reader
}

// Read implements [net.Conn].
func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// join copies between two connections until one of them ends, and closes both.
func join(a, b net.Conn) {
	defer a.Close()
	defer b.Close()
	var copying sync.WaitGroup
	pour := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		if half, ok := to.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			return
		}
		// The other direction has little time to end by itself.
		_ = a.SetDeadline(time.Now().Add(time.Second))
		_ = b.SetDeadline(time.Now().Add(time.Second))
	}
	copying.Go(func() { pour(a, b) })
	pour(b, a)
	copying.Wait()
}
