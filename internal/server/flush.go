package server

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// mcp-go passes a handler's notifications to its transports through a channel of the
// session, which another goroutine reads: some are written after their response,
// some never, and in an HTTP session they can end up on another call's stream. So
// every call gets its own session, whose notifications are written, in order, before
// its handler returns.

// clientSession is implemented by the sessions of all transports.
type clientSession interface {
	mcpserver.SessionWithLogging
	mcpserver.SessionWithClientInfo
}

// callSession is the session of one call: that of the connection, with its own
// notifications.
type callSession struct {
	clientSession
	queue chan mcp.JSONRPCNotification
	write func(mcp.JSONRPCNotification)
}

// callQueue is how many notifications of one call may wait for a slow client; more
// are dropped.
const callQueue = 256

// newCallSession returns the session of a call. It calls write for one notification
// at a time, in order, and only between [callSession.deliver] and its finish.
func newCallSession(
	session clientSession, write func(mcp.JSONRPCNotification),
) (mcpserver.ClientSession, *callSession) {
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

// deliver starts to write the call's notifications. finish writes those that were
// sent before it, and stops: later ones are never written.
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

// NotificationChannel returns the call's own channel.
func (c *callSession) NotificationChannel() chan<- mcp.JSONRPCNotification { return c.queue }

// ProtocolVersion returns the version that initialize agreed on, if the transport
// keeps it.
func (c *callSession) ProtocolVersion() string {
	if s, ok := c.clientSession.(mcpserver.SessionWithProtocolVersion); ok {
		return s.ProtocolVersion()
	}
	return ""
}

// UpgradeToSSEWhenReceiveNotification tells mcp-go's HTTP transport that the response
// is a stream now.
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

// RequestElicitation asks the client over the connection.
func (c askingCall) RequestElicitation(
	ctx context.Context, request mcp.ElicitationRequest,
) (*mcp.ElicitationResult, error) {
	return c.asker.RequestElicitation(ctx, request)
}

type callKey struct{}

// withDelivery makes the middleware below deliver the call's notifications, for a
// transport that does not see when its handlers return.
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
