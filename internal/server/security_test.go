package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

func TestOriginPolicy(t *testing.T) {
	tests := []struct {
		allowed []string
		origin  string
		want    bool
	}{
		{nil, "http://localhost:8787", true},
		{nil, "http://127.0.0.1:8787", true},
		{nil, "https://localhost:8787", false},
		{nil, "http://localhost:8788", false},
		{nil, "http://localhost:8787/", false},
		{nil, "http://localhost:8787@evil.example", false},
		{nil, "null", false},
		{nil, "", false},
		{[]string{"https://app.example"}, "https://app.example", true},
		{[]string{"https://app.example"}, "https://APP.example", false},
		{[]string{"https://app.example"}, "http://localhost:8787", false},
	}
	for _, tt := range tests {
		if got := (originPolicy{allowed: tt.allowed}).allows(tt.origin, "8787"); got != tt.want {
			t.Errorf("%v, origin %q: got %v", tt.allowed, tt.origin, got)
		}
	}
}

func TestBearerToken(t *testing.T) {
	tests := []struct {
		header, want string
		ok           bool
	}{
		{"Bearer abc", "abc", true},
		{"BEARER abc", "abc", true},
		{"Bearer  abc", " abc", true}, // which no token equals
		{"Bearer ", "", false},
		{"Bearer", "", false},
		{"Basic abc", "abc", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got, ok := bearerToken(tt.header); ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q: got %q, %v", tt.header, got, ok)
		}
	}
}

func TestBearerRefusesTwo(t *testing.T) {
	policy, err := newBearerPolicy(testToken, defaultTiming())
	if err != nil {
		t.Fatal(err)
	}
	h := policy.check(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("let through") }))
	r := httptest.NewRequest(http.MethodGet, "/mcp", nil)
	r.Header["Authorization"] = []string{"Bearer " + testToken, "Bearer other"}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("got %d", w.Code)
	}
}

func TestIsJSON(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/json":                        true,
		"Application/JSON; charset=utf-8":         true,
		"application/json; charset=iso-8859-1":    false,
		"application/json-seq":                    false,
		"text/plain":                              false,
		"text/plain; x=application/json":          false,
		"multipart/form-data; boundary=x":         false,
		"application/x-www-form-urlencoded":       false,
		"application/json, text/plain":            false,
		"":                                        false,
		"application/json; charset=\"unterminate": false,
	} {
		if got := isJSON(contentType); got != want {
			t.Errorf("%q: got %v", contentType, got)
		}
	}
}

// A request whose connection is unknown has no own host.
func TestHostWithoutConnection(t *testing.T) {
	h := defaultTiming().checkHost(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("let through") }))
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8787/mcp", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("got %d", w.Code)
	}
}

func testSessions(t *testing.T) *ownedSessions {
	return newOwnedSessions(newShutdown(t.Context(), 0), HTTPOptions{}.withDefaults())
}

func TestSessionsBelongToTheirCaller(t *testing.T) {
	sessions := testSessions(t)
	as := func(id string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/mcp", nil)
		return r.WithContext(call.WithCaller(r.Context(), call.Caller{ID: id}))
	}
	session, err := sessions.open("http:alice")
	if err != nil || len(session) < 26 {
		t.Errorf("a session id of %d characters, %v", len(session), err)
	}
	mine, foreign := sessions.ResolveSessionIdManager(as("http:alice")), sessions.ResolveSessionIdManager(
		as("http:mallory"))
	if _, err := mine.Validate(session); err != nil {
		t.Errorf("my session: %v", err)
	}
	if _, err := foreign.Validate(session); err == nil {
		t.Error("a foreign session was let in")
	}
	if _, err := foreign.Terminate(session); err == nil {
		t.Error("a foreign session was ended")
	}

	reached := false
	h := sessions.check(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	for caller, want := range map[string]int{"http:mallory": http.StatusNotFound, "http:alice": http.StatusOK} {
		r := as(caller)
		r.Header.Set("Mcp-Session-Id", session)
		w := httptest.NewRecorder()
		reached = false
		h.ServeHTTP(w, r)
		if w.Code != want || reached != (want == http.StatusOK) {
			t.Errorf("%s: got %d, reached %v", caller, w.Code, reached)
		}
	}

	// What mcp-go's own housekeeping does.
	if _, err := sessions.ResolveSessionIdManager(nil).Terminate(session); err != nil {
		t.Error(err)
	}
	if _, err := mine.Validate(session); err == nil {
		t.Error("an ended session was let in")
	}
	if n := len(sessions.byID); n != 0 {
		t.Errorf("%d ended sessions are kept", n)
	}
}
