package call

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// plainSession is a session that cannot be asked, as over HTTP+SSE.
type plainSession struct {
	capabilities  mcp.ClientCapabilities
	notifications chan mcp.JSONRPCNotification
}

func (s *plainSession) Initialize()                                         {}
func (s *plainSession) Initialized() bool                                   { return true }
func (s *plainSession) SessionID() string                                   { return "test" }
func (s *plainSession) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notifications }
func (s *plainSession) GetClientInfo() mcp.Implementation                   { return mcp.Implementation{} }
func (s *plainSession) SetClientInfo(mcp.Implementation)                    {}
func (s *plainSession) GetClientCapabilities() mcp.ClientCapabilities       { return s.capabilities }
func (s *plainSession) SetClientCapabilities(c mcp.ClientCapabilities)      { s.capabilities = c }

// askedSession answers a question with whatever is sent on answers.
type askedSession struct {
	*plainSession
	asked   chan mcp.ElicitationParams
	answers chan any // *mcp.ElicitationResult or error
	ended   chan struct{}
}

func (s *askedSession) RequestElicitation(ctx context.Context,
	request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	s.asked <- request.Params
	select {
	case answer := <-s.answers:
		if err, ok := answer.(error); ok {
			return nil, err
		}
		return answer.(*mcp.ElicitationResult), nil
	case <-ctx.Done():
		close(s.ended)
		return nil, ctx.Err()
	}
}

func newAskedSession() *askedSession {
	form := mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{}}
	return &askedSession{
		plainSession: &plainSession{capabilities: form, notifications: make(chan mcp.JSONRPCNotification, 100)},
		asked:        make(chan mcp.ElicitationParams, 1),
		answers:      make(chan any, 1),
		ended:        make(chan struct{}),
	}
}

// callHandler runs one handler as a tool, in a session, with params._meta as given.
func callHandler(ctx context.Context, t *testing.T, session mcpserver.ClientSession, meta string,
	handler mcpserver.ToolHandlerFunc) {
	t.Helper()
	s := mcpserver.NewMCPServer("test", "1")
	s.AddTool(mcp.NewTool("probe"), handler)
	if session != nil {
		ctx = s.WithContext(ctx, session)
	}
	raw := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"probe","_meta":%s}}`, meta)
	if response, ok := s.HandleMessage(ctx, json.RawMessage(raw)).(mcp.JSONRPCError); ok {
		t.Errorf("the call failed: %s", response.Error.Message)
	}
}

func modernMeta(capabilities string) string {
	return `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":` +
		capabilities + `}`
}

func TestCanElicit(t *testing.T) {
	capable := func(c *mcp.ElicitationCapability) *askedSession {
		s := newAskedSession()
		s.capabilities = mcp.ClientCapabilities{Elicitation: c}
		return s
	}
	var yes = &struct{}{}
	tests := []struct {
		name    string
		session mcpserver.ClientSession
		meta    string
		want    ElicitKind
	}{
		{"modern, declared", capable(nil), modernMeta(`{"elicitation":{}}`), ElicitRoundTrip},
		{"modern, declared form", capable(nil), modernMeta(`{"elicitation":{"form":{}}}`), ElicitRoundTrip},
		{"modern, form and url", capable(nil), modernMeta(`{"elicitation":{"form":{},"url":{}}}`), ElicitRoundTrip},
		{"modern, url only", capable(nil), modernMeta(`{"elicitation":{"url":{}}}`), ElicitNone},
		{"modern, not declared", capable(nil), modernMeta(`{}`), ElicitNone},
		{"modern, declared only in another request", capable(&mcp.ElicitationCapability{}), modernMeta(`{}`), ElicitNone},
		{"modern, declared, a transport without questions", &plainSession{},
			modernMeta(`{"elicitation":{}}`), ElicitRoundTrip},
		{"handshake, declared", capable(&mcp.ElicitationCapability{}), `{}`, ElicitSession},
		{"handshake, form", capable(&mcp.ElicitationCapability{Form: yes}), `{}`, ElicitSession},
		{"handshake, url only", capable(&mcp.ElicitationCapability{URL: yes}), `{}`, ElicitNone},
		{"handshake, not declared", capable(nil), `{}`, ElicitNone},
		{"handshake, declared, a transport without questions",
			&plainSession{capabilities: mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapability{}}}, `{}`, ElicitNone},
		{"no session", nil, `{}`, ElicitNone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := ElicitKind(-1)
			callHandler(t.Context(), t, tt.session, tt.meta,
				func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
					got = CanElicit(ctx)
					return mcp.NewToolResultText(""), nil
				})
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

var releaseForm = mcp.ElicitationParams{Message: "Release?", RequestedSchema: map[string]any{"type": "object"}}

func elicitationResult(action mcp.ElicitationResponseAction, content any) *mcp.ElicitationResult {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: action, Content: content}}
}

// never is a timer that does not fire.
func never(time.Duration) <-chan time.Time { return nil }

func TestRequestElicitation(t *testing.T) {
	tests := []struct {
		name     string
		answer   any
		want     Answer
		wantCode int    // of the ElicitationError, if wantErr
		wantErr  string // part of its text
	}{
		{"accept", elicitationResult("accept", map[string]any{"app": "shop-api"}),
			Answer{Action: "accept", Content: map[string]any{"app": "shop-api"}}, 0, ""},
		{"accept without content", elicitationResult("accept", nil), Answer{Action: "accept"}, 0, ""},
		{"accept with odd content", elicitationResult("accept", "yes"), Answer{Action: "accept"}, 0, ""},
		{"decline", elicitationResult("decline", map[string]any{"app": "x"}), Answer{Action: "decline"}, 0, ""},
		{"cancel", elicitationResult("cancel", nil), Answer{Action: "cancel"}, 0, ""},
		{"no such action", elicitationResult("ok", nil), Answer{}, 0, "neither accept"},
		{"client error", errors.New("elicitation/create error -32601: Method\nnot found"), Answer{}, -32601,
			"error -32601: Method not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session := newAskedSession()
			session.answers <- tt.answer
			var got Answer
			var err error
			callHandler(t.Context(), t, session, `{}`,
				func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
					got, err = RequestElicitation(ctx, releaseForm, ElicitOptions{Within: time.Minute, After: never})
					return mcp.NewToolResultText(""), nil
				})
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			var clientErr *ElicitationError
			switch {
			case tt.wantErr == "" && err != nil:
				t.Errorf("got error %v", err)
			case tt.wantErr != "" && (!errors.As(err, &clientErr) || clientErr.Code != tt.wantCode ||
				!strings.Contains(err.Error(), tt.wantErr)):
				t.Errorf("got error %v, want code %d and %q", err, tt.wantCode, tt.wantErr)
			}
			if asked := <-session.asked; asked.Message != releaseForm.Message {
				t.Errorf("asked %q, want %q", asked.Message, releaseForm.Message)
			}
		})
	}
}

// timers gives out timers that fire when the test says so.
type timers map[time.Duration]chan time.Time

func (t timers) after(d time.Duration) <-chan time.Time { return t[d] }

func TestLateAnswer(t *testing.T) {
	const within = 5 * time.Minute
	tests := []struct {
		name     string
		end      func(timers, context.CancelFunc) // what ends the call
		then     func(timers, *askedSession)      // what comes after
		wantErr  error
		wantLate string
	}{
		{
			name:     "a yes after the limit",
			end:      func(clock timers, _ context.CancelFunc) { clock[within] <- time.Time{} },
			then:     func(_ timers, s *askedSession) { s.answers <- elicitationResult("accept", map[string]any{"app": "a"}) },
			wantErr:  ErrNoAnswer,
			wantLate: "accept",
		},
		{
			name:     "a no after the client left",
			end:      func(_ timers, leave context.CancelFunc) { leave() },
			then:     func(_ timers, s *askedSession) { s.answers <- elicitationResult("decline", nil) },
			wantErr:  ErrClientGone,
			wantLate: "decline",
		},
		{
			name:    "the client has left",
			end:     func(clock timers, _ context.CancelFunc) { clock[within] <- time.Time{} },
			then:    func(clock timers, s *askedSession) { clock[lateWait] <- time.Time{} },
			wantErr: ErrNoAnswer,
		},
		{
			name:    "an error after the limit",
			end:     func(clock timers, _ context.CancelFunc) { clock[within] <- time.Time{} },
			then:    func(_ timers, s *askedSession) { s.answers <- errors.New("gone") },
			wantErr: ErrNoAnswer,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session := newAskedSession()
			clock := timers{within: make(chan time.Time), lateWait: make(chan time.Time)}
			late := make(chan Answer, 1)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			go func() {
				<-session.asked
				tt.end(clock, leave)
			}()
			var err error
			callHandler(ctx, t, session, `{}`, func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
				_, err = RequestElicitation(ctx, releaseForm,
					ElicitOptions{Within: within, After: clock.after, Late: func(a Answer) { late <- a }})
				return mcp.NewToolResultText(""), nil
			})
			if !errors.Is(err, tt.wantErr) {
				t.Errorf("got error %v, want %v", err, tt.wantErr)
			}
			tt.then(clock, session)
			if tt.wantLate != "" {
				if got := <-late; string(got.Action) != tt.wantLate {
					t.Errorf("late answer %q, want %q", got.Action, tt.wantLate)
				}
				return
			}
			if tt.name == "the client has left" {
				<-session.ended // the question was given up
			}
			select {
			case got := <-late:
				t.Errorf("late answer %+v, want none", got)
			default:
			}
		})
	}
}

func TestRequestElicitationOutsideACall(t *testing.T) {
	if _, err := RequestElicitation(t.Context(), releaseForm, ElicitOptions{After: never}); err == nil {
		t.Error("got no error")
	}
}

func TestElicitationErrorIsOneShortLine(t *testing.T) {
	got := NewElicitationError(-1, "a\x1b[31m\nb\xff"+strings.Repeat("é", 500)).Message
	if strings.ContainsAny(got, "\x1b\n") || len([]rune(got)) > 120 {
		t.Errorf("got %q", got)
	}
}

// askingClient answers questions as the test's person.
type askingClient func(mcp.ElicitationRequest) mcp.ElicitationResponse

func (f askingClient) Elicit(_ context.Context, r mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: f(r)}, nil
}

// Both eras, with mcp-go's own client.
func TestElicitationWithRealClient(t *testing.T) {
	person := askingClient(func(r mcp.ElicitationRequest) mcp.ElicitationResponse {
		return mcp.ElicitationResponse{Action: "accept", Content: map[string]any{"app": "shop-api"}}
	})
	tests := []struct {
		version  string
		declares bool
		want     string
	}{
		{mcp.ProtocolVersion20260728, true, "roundtrip shop-api"},
		{mcp.ProtocolVersion20260728, false, "none"},
		{mcp.ProtocolVersion20251125, true, "session shop-api"},
		{mcp.ProtocolVersion20251125, false, "none"},
		{mcp.ProtocolVersion20250618, true, "session shop-api"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s declares %v", tt.version, tt.declares), func(t *testing.T) {
			s := mcpserver.NewMCPServer("test", "1")
			s.AddTool(mcp.NewTool("ask"), askTool)
			options := []client.ClientOption{client.WithProtocolVersion(tt.version)}
			if tt.declares {
				options = append(options, client.WithElicitationHandler(person))
			}
			c, err := client.NewInProcessClientWithOptions(s, options...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if err := c.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			initialize := mcp.InitializeRequest{}
			initialize.Params.ProtocolVersion = tt.version
			initialize.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
			if _, err := c.Initialize(t.Context(), initialize); err != nil {
				t.Fatal(err)
			}
			request := mcp.CallToolRequest{}
			request.Params.Name = "ask"
			answer, err := c.CallTool(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if got := answer.Content[0].(mcp.TextContent).Text; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// askTool asks for a name by whatever way there is and tells the way and the name.
func askTool(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	kind := CanElicit(ctx)
	switch kind {
	case ElicitRoundTrip:
		answer := mcpserver.ElicitationResponse(request.Params.InputResponses, "name")
		if answer == nil {
			return mcpserver.NewInputRequestBuilder("state").Elicit("name", releaseForm).ToolResult(), nil
		}
		return mcp.NewToolResultText(fmt.Sprint(kind, " ", answer.Content.(map[string]any)["app"])), nil
	case ElicitSession:
		answer, err := RequestElicitation(ctx, releaseForm, ElicitOptions{Within: time.Minute, After: never})
		if err != nil {
			return nil, err
		}
		return mcp.NewToolResultText(fmt.Sprint(kind, " ", answer.Content["app"])), nil
	}
	return mcp.NewToolResultText(kind.String()), nil
}
