package server

import (
	"context"
	"crypto/rand"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// peerSession is what mcp-go keeps of a [peer]'s client. For a request of revision
// 2026-07-28, it lives only as long as the request, which leaves nothing behind for
// the next.
type peerSession struct {
	id            string
	notifications chan mcp.JSONRPCNotification

	mu           sync.Mutex
	initialized  bool
	level        mcp.LoggingLevel
	version      string
	info         mcp.Implementation
	capabilities mcp.ClientCapabilities
}

func newPeerSession() *peerSession {
	return &peerSession{
		id:            rand.Text(),
		notifications: make(chan mcp.JSONRPCNotification, callQueue),
		level:         mcp.LoggingLevelError,
	}
}

// forRequest returns the session of one request that has its own client information.
// It gets no broadcasts.
func (s *peerSession) forRequest() *peerSession {
	return &peerSession{id: s.id, initialized: true, level: mcp.LoggingLevelError}
}

func (s *peerSession) SessionID() string { return s.id }

func (s *peerSession) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notifications }

func (s *peerSession) Initialize() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initialized = true
}

func (s *peerSession) Initialized() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.initialized
}

func (s *peerSession) SetLogLevel(level mcp.LoggingLevel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.level = level
}

func (s *peerSession) GetLogLevel() mcp.LoggingLevel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.level
}

func (s *peerSession) SetProtocolVersion(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version = version
}

func (s *peerSession) ProtocolVersion() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

func (s *peerSession) SetClientInfo(info mcp.Implementation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.info = info
}

func (s *peerSession) GetClientInfo() mcp.Implementation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.info
}

func (s *peerSession) SetClientCapabilities(capabilities mcp.ClientCapabilities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capabilities = capabilities
}

func (s *peerSession) GetClientCapabilities() mcp.ClientCapabilities {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.capabilities
}

// askingPeerSession is the session of a peer that can be asked.
type askingPeerSession struct {
	*peerSession
	ask func(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error)
}

func (s askingPeerSession) RequestElicitation(
	ctx context.Context, request mcp.ElicitationRequest,
) (*mcp.ElicitationResult, error) {
	return s.ask(ctx, request)
}

var (
	_ clientSession                        = (*peerSession)(nil)
	_ mcpserver.SessionWithProtocolVersion = (*peerSession)(nil)
	_ mcpserver.SessionWithElicitation     = askingPeerSession{}
)
