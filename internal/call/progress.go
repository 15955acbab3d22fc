package call

import (
	"context"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// Progress reports how far a call has come, to a client that asked for it by
// sending a progress token. For any other client, and after Done or the end of
// the call's context, every method does nothing. It may be used from several
// goroutines.
//
// The values sent are the steps done; between two steps heartbeats add ever
// smaller fractions, because a value must be larger than the one before it
// (MCP, "Progress").
type Progress struct {
	ctx    context.Context
	server *mcpserver.MCPServer
	token  mcp.ProgressToken

	mu    sync.Mutex
	step  float64
	beats float64
	sent  bool // whether step itself was sent
	total int
	done  bool
}

// NewProgress returns the progress of one call.
func NewProgress(ctx context.Context, request mcp.CallToolRequest) *Progress {
	p := &Progress{ctx: ctx, server: mcpserver.ServerFromContext(ctx)}
	if request.Params.Meta != nil {
		p.token = request.Params.Meta.ProgressToken
	}
	p.done = p.token == nil || p.server == nil
	return p
}

type progressKey struct{}

// ReportProgress says, in a tool that only reads, how far the call has come: see
// [Progress.Step].
func ReportProgress(ctx context.Context, done, total int, message string) {
	if p, ok := ctx.Value(progressKey{}).(*Progress); ok {
		p.Step(done, total, message)
	}
}

// Step says that so many steps of total are done, and what is happening now. A
// total of 0 means that it is not known. Steps do not go back: a number lower
// than the last one counts as a heartbeat.
func (p *Progress) Step(done, total int, message string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = total
	if value := float64(done); value > p.step {
		p.step, p.beats, p.sent = value, 0, false
	}
	p.send(message)
}

// Heartbeat repeats, at every tick, that the call is alive, until stop is
// called or the ticks end. The message is asked for each time. Stop waits
// until nothing more will be sent; it may be called more than once.
func (p *Progress) Heartbeat(ticks <-chan time.Time, message func() string) (stop func()) {
	p.mu.Lock()
	silent := p.done
	p.mu.Unlock()
	if silent {
		return func() {}
	}
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case _, ok := <-ticks:
				if !ok {
					return
				}
				text := message()
				p.mu.Lock()
				p.send(text)
				p.mu.Unlock()
			case <-quit:
				return
			case <-p.ctx.Done():
				return
			}
		}
	}()
	var once sync.Once
	return func() {
		once.Do(func() { close(quit) })
		<-gone
	}
}

// Done ends the reporting: nothing is sent after it returns. Call it before
// the result is returned, above all when the work goes on after the answer.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
}

// send is called with the lock held, so that values leave in their order.
func (p *Progress) send(message string) {
	if p.done || p.ctx.Err() != nil {
		return
	}
	value := p.step
	if p.sent {
		p.beats++
		value += p.beats / (p.beats + 1) // below the next step for ever
	}
	p.sent = true
	params := map[string]any{"progressToken": p.token, "progress": value}
	if p.total > 0 {
		params["total"] = p.total
	}
	if message != "" {
		params["message"] = message
	}
	// A client that does not read its progress loses some of it; the result
	// of the call is not affected.
	_ = p.server.SendNotificationToClient(p.ctx, "notifications/progress", params)
}
