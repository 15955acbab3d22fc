package server

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// mcp-go hands a handler's notifications to its transports through a channel of
// the session, read by a goroutine of its own: some are written after the
// response they belong to, some never, and in one HTTP session they end up on
// another call's stream. So every call gets a session of its own, whose
// notifications are written, in order, before its handler is allowed to return.

// clientSession is what every session of the transports served here can do.
type clientSession interface {
	mcpserver.SessionWithLogging
	mcpserver.SessionWithClientInfo
}

// callSession is the session of one call: the connection's session but for the
// notifications.
type callSession struct {
	clientSession
	queue chan mcp.JSONRPCNotification
	write func(mcp.JSONRPCNotification)
}

// callQueue is how many notifications of one call may wait for a client that
// reads slowly; more are dropped.
const callQueue = 256

// forCall gives a call its own session. Write is called for one notification at
// a time, in order, and only while [callSession.deliver] is at work.
func newCallSession(session clientSession, write func(mcp.JSONRPCNotification)) (mcpserver.ClientSession, *callSession) {
	call := &callSession{
		clientSession: session,
		queue:         make(chan mcp.JSONRPCNotification, callQueue),
		write:         write,
	}
	if asker, ok := session.(mcpserver.SessionWithElicitation); ok {
		return askingCall{call, asker}, call
	}
	return call, call
}

// deliver starts to write the call's notifications. Finish writes those that
// were sent before it and then stops: what comes later is never written.
func (c *callSession) deliver() (finish func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case n := <-c.queue:
				c.write(n)
			case <-stop:
				for {
					select {
					case n := <-c.queue:
						c.write(n)
					default:
						return
					}
				}
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

// NotificationChannel is the call's own.
func (c *callSession) NotificationChannel() chan<- mcp.JSONRPCNotification { return c.queue }

// ProtocolVersion is what initialize settled on, as far as the transport keeps it.
func (c *callSession) ProtocolVersion() string {
	if s, ok := c.clientSession.(mcpserver.SessionWithProtocolVersion); ok {
		return s.ProtocolVersion()
	}
	return ""
}

// UpgradeToSSEWhenReceiveNotification lets mcp-go's HTTP transport know that
// the response has become a stream.
func (c *callSession) UpgradeToSSEWhenReceiveNotification() {
	if s, ok := c.clientSession.(mcpserver.SessionWithStreamableHTTPConfig); ok {
		s.UpgradeToSSEWhenReceiveNotification()
	}
}

// askingCall is the session of a call over a transport that can carry a
// question to the client.
type askingCall struct {
	*callSession
	asker mcpserver.SessionWithElicitation
}

// RequestElicitation asks over the connection.
func (c askingCall) RequestElicitation(ctx context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return c.asker.RequestElicitation(ctx, request)
}

type callKey struct{}

// withDelivery lets the middleware below deliver the call's notifications, for
// a transport that does not see the end of its handlers itself.
func withDelivery(ctx context.Context, call *callSession) context.Context {
	return context.WithValue(ctx, callKey{}, call)
}

func startDelivery(ctx context.Context) (finish func()) {
	if call, ok := ctx.Value(callKey{}).(*callSession); ok {
		return call.deliver()
	}
	return func() {}
}

func deliverForTools(next mcpserver.ToolHandlerFunc) mcpserver.ToolHandlerFunc {
	return func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		ctx, done := handlerContext(ctx)
		defer done()
		defer startDelivery(ctx)()
		return next(ctx, request)
	}
}

func deliverForPrompts(next mcpserver.PromptHandlerFunc) mcpserver.PromptHandlerFunc {
	return func(ctx context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		ctx, done := handlerContext(ctx)
		defer done()
		defer startDelivery(ctx)()
		return next(ctx, request)
	}
}

func deliverForResources(next mcpserver.ResourceHandlerFunc) mcpserver.ResourceHandlerFunc {
	return func(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		ctx, done := handlerContext(ctx)
		defer done()
		defer startDelivery(ctx)()
		return next(ctx, request)
	}
}
