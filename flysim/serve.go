package flysim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody is the size of the largest request body; a larger one is answered with 413.
const maxBody = 1 << 20

// apiRequest is one request while the platform serves it.
type apiRequest struct {
	*http.Request
	platform *Platform
	body     []byte
	now      time.Time
	grant    grant
	plan     preset
	call     *Call
	graph    graphRequest // of the GraphQL route
}

// apiAnswer is the reply of a handler. A nil body is an empty one.
type apiAnswer struct {
	status      int
	body        []byte
	contentType string // empty: JSON
	retryAfter  time.Duration
	allow       string // the Allow header
}

func reply(status int, v any) apiAnswer {
	body, err := json.Marshal(v)
	if err != nil {
		return reply(http.StatusInternalServerError, errorBody{Error: err.Error()})
	}
	return apiAnswer{status: status, body: body}
}

// errorBody is Fly's error document.
type errorBody struct {
	Error  string `json:"error"`
	Status string `json:"status,omitempty"`
}

// refuse turns an error into an answer.
func refuse(err error) apiAnswer {
	var refusal *apiError
	if !errors.As(err, &refusal) {
		return reply(http.StatusInternalServerError, errorBody{Error: err.Error()})
	}
	body := errorBody{Error: refusal.message}
	switch refusal.code {
	case "name_taken", "insufficient_capacity", "volume_placement_capacity": // the ones that Fly documents
		body.Status = refusal.code
	}
	return reply(refusal.status, body)
}

// routes registers every route. A request for any other path is recorded too.
func (p *Platform) routes() http.Handler {
	mux := http.NewServeMux()
	methods := make(map[string]bool)
	for _, rt := range routeTable() {
		mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) { p.serve(rt, w, r) })
		method, _, _ := strings.Cut(rt.pattern, " ")
		methods[method] = true
	}
	known := slices.Sorted(maps.Keys(methods))
	other := func(w http.ResponseWriter, r *http.Request) {
		p.serve(unknown(mux, known, r), w, r)
	}
	mux.HandleFunc("/", other)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path { // otherwise the mux would redirect
			other(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// unknownOperation is the operation of a request without a route. Such a request needs no token:
// there is nothing to protect, and a 401 would make its client log in.
const unknownOperation = "unknown"

// unknown returns the route of a request that matches none: either nothing has that path, or the
// path exists with other methods.
func unknown(mux *http.ServeMux, methods []string, r *http.Request) route {
	var allowed []string
	if path.Clean(r.URL.Path) == r.URL.Path {
		for _, method := range methods {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/" {
				allowed = append(allowed, method)
			}
		}
	}
	return route{
		operation: unknownOperation, write: r.Method != http.MethodGet && r.Method != http.MethodHead,
		handle: func(*apiRequest) apiAnswer {
			if len(allowed) == 0 || isManagedPostgres(r.URL.Path) {
				return notEmulatedAnswer(r.Method, r.URL.Path)
			}
			a := reply(http.StatusMethodNotAllowed, errorBody{Error: "method not allowed"})
			a.allow = strings.Join(allowed, ", ")
			return a
		},
	}
}

// notEmulatedAnswer returns the answer for a path that does not exist, in the form of its API. From the form
// flyctl can tell a missing route from a missing thing.
func notEmulatedAnswer(method, path string) apiAnswer {
	what := fmt.Sprintf("%s %.200s is not emulated", method, path)
	switch {
	case strings.HasPrefix(path, "/v1/"):
		return apiAnswer{status: http.StatusNotFound, body: []byte("404 page not found: " + what + "\n"),
			contentType: "text/plain; charset=utf-8"}
	case strings.HasPrefix(path, "/api/v1/"):
		status := http.StatusNotFound
		if isManagedPostgres(path) { // flyctl takes any 404 here for a missing cluster
			status = http.StatusNotImplemented
		}
		return reply(status, map[string]map[string]string{"errors": {"detail": what}})
	}
	return reply(http.StatusNotFound, errorBody{Error: what})
}

// isManagedPostgres reports whether a path belongs to Managed Postgres, of which only an empty list
// is emulated.
func isManagedPostgres(path string) bool {
	return strings.HasPrefix(path, "/api/v1/") && strings.Contains(path, "/postgres")
}

// serve passes one request through recording, token, faults and limits to its handler. It drops a
// connection by panicking with http.ErrAbortHandler.
func (p *Platform) serve(rt route, w http.ResponseWriter, r *http.Request) {
	p.catchUp()
	req := &apiRequest{Request: r, platform: p, plan: presetOf(r.Context()), now: p.clock.Now()}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	req.body = body
	req.call = &Call{
		Time: req.now, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Operation: rt.operation, App: r.PathValue("app"), Target: r.PathValue("target"), Write: rt.write,
	}
	if !rt.private {
		req.call.Body = bytes.Clone(body[:min(len(body), maxCallBody)])
	}
	if rt.classify != nil {
		rt.classify(req)
	}
	req.grant = p.authenticate(r)
	req.grant.asked = req.asks(rt)
	req.call.Token = req.grant.kind

	var tooLarge *http.MaxBytesError
	switch {
	case !req.plan.at.IsZero():
		req.now = req.plan.at
		p.send(w, req.run(rt))
		return
	case errors.As(err, &tooLarge):
		p.recorder.add(req.call)
		p.finish(w, req.call, reply(http.StatusRequestEntityTooLarge, errorBody{Error: "request body too large"}), false)
		return
	}
	p.recorder.add(req.call)
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away in the middle of its body
	}
	if req.grant.kind == TokenNone && rt.operation != unknownOperation {
		p.finish(w, req.call, reply(http.StatusUnauthorized, errorBody{Error: "authenticate: token validation error"}), false)
		return
	}
	fault, hit := p.faults.take(req.call)
	if !hit {
		p.finish(w, req.call, p.serveLimited(rt, req), false)
		return
	}
	p.serveFaulty(w, rt, req, fault)
}

// serveLimited serves a call unless it comes too soon. On a clock that is stopped no call is refused,
// because waiting would not help.
func (p *Platform) serveLimited(rt route, req *apiRequest) apiAnswer {
	if p.options.RateLimits && isLimited(req.URL.Path) && p.clock.Speed() > 0 {
		if wait := p.delayForLimit(rt, req); wait > 0 {
			a := reply(http.StatusTooManyRequests, errorBody{Error: "rate limit exceeded"})
			a.retryAfter = wait
			return a
		}
	}
	return req.run(rt)
}

// delayForLimit returns how long the caller must wait before it asks again, or 0 if the call may go ahead. A
// call of flyctl waits here instead.
func (p *Platform) delayForLimit(rt route, req *apiRequest) time.Duration {
	key := limitOf(rt, req.call)
	if !isFlyctl(req.UserAgent()) {
		return p.limits.take(key, req.now)
	}
	wait, ok := p.limits.queue(key, req.now)
	if !ok {
		return wait
	}
	if wait > 0 {
		if p.clock.Wait(req.Context(), req.now.Add(wait), nil) != nil {
			p.drop(req.call) // the client went away
		}
		p.catchUp()
		req.now = p.clock.Now()
	}
	return 0
}

// run checks what the token allows and serves the call.
func (req *apiRequest) run(rt route) apiAnswer {
	p := req.platform
	p.mu.Lock()
	if err := req.allowed(rt); err != nil {
		p.mu.Unlock()
		return refuse(err)
	}
	p.mu.Unlock()
	if !rt.waits {
		given, written := req.handle(rt)
		return p.keeper.answer(given, written)
	}
	given := rt.handle(req)
	if !req.call.Write {
		return given
	}
	if err := p.Sync(); err != nil {
		return refuse(err)
	}
	return given
}

// handle serves the call under the lock. written is the commit that must be on disk before the
// answer is sent, or nil if there is none.
func (req *apiRequest) handle(rt route) (given apiAnswer, written *commitWaiters) {
	p := req.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	if !req.call.Write {
		return rt.handle(req), nil
	}
	defer p.notify()
	given = rt.handle(req)
	if req.plan.at.IsZero() { // the fixture is stored in one commit
		written = p.keeper.pending()
	}
	return given, written
}

// allowed checks what the token allows. For GraphQL the resolvers check it, because the app is
// named in the query.
func (req *apiRequest) allowed(rt route) error {
	g, app, slug := req.grant, req.call.App, req.PathValue("organization")
	switch {
	case rt.graph, rt.operation == unknownOperation:
	case app != "" && !g.canSee(app):
		return errUnauthorized
	case rt.exec && !g.canExecute(app):
		return errUnauthorized
	case rt.write && !rt.exec && !g.canChange(app):
		return errUnauthorized
	case rt.wholeAccount && (!g.canList() || rt.write && !g.canChange("")):
		return errUnauthorized
	case slug != "" && !g.canSeeOrganization(slug):
		return notFound("organization")
	}
	return nil
}

// drop closes the connection without an answer.
func (p *Platform) drop(call *Call) {
	p.recorder.settle(call, 0, true)
	panic(http.ErrAbortHandler)
}

func (p *Platform) finish(w http.ResponseWriter, call *Call, a apiAnswer, injected bool) {
	p.recorder.settle(call, a.status, injected)
	if call.Method == http.MethodHead {
		a.body = nil
	}
	p.send(w, a)
}

func (p *Platform) send(w http.ResponseWriter, a apiAnswer) {
	p.mu.Lock()
	id := p.state.ids.ulid("request") + "-iad"
	p.mu.Unlock()
	w.Header().Set("Fly-Request-Id", id)
	if a.retryAfter > 0 {
		seconds := (a.retryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	if a.allow != "" {
		w.Header().Set("Allow", a.allow)
	}
	if len(a.body) > 0 {
		w.Header().Set("Content-Type", cmp.Or(a.contentType, "application/json; charset=utf-8"))
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body) // the client is gone
	}
}

// decode decodes the body into v; an empty body leaves v unchanged. Fields that v lacks are dropped
// silently, as Fly does.
func (req *apiRequest) decode(v any) error {
	if len(bytes.TrimSpace(req.body)) == 0 {
		return nil
	}
	if err := json.Unmarshal(req.body, v); err != nil {
		return invalid("unable to parse request body: %.200s", err.Error())
	}
	return nil
}

// app finds the app of the path. An app that belongs to another organization is forbidden, not
// missing.
func (req *apiRequest) app() (*appState, error) {
	s := req.platform.state
	switch name := req.PathValue("app"); {
	case s.apps[name] != nil:
		req.touch(s.apps[name])
		return s.apps[name], nil
	case s.takenNames[name]:
		return nil, errUnauthorized
	}
	return nil, notFound("app")
}

// machine finds the app and the Machine of the path, with the Machine's current state.
func (req *apiRequest) machine() (*appState, *vm, error) {
	a, err := req.app()
	if err != nil {
		return nil, nil, err
	}
	m := a.find(req.PathValue("target"))
	if m == nil {
		return nil, nil, notFound("machine")
	}
	if req.call.Write {
		m.touch()
	}
	m.settle(req.platform.state, req.now)
	return a, m, nil
}

// preset sets what an operation would otherwise generate: the fixture's ids, addresses and times.
// Only requests from within the process can carry one.
type preset struct {
	at                time.Time // zero: an ordinary request
	machine, instance string
	address, second   netip.Addr
	release           string
	version           int
	network           uint32
}

type presetKey struct{}

func withPreset(ctx context.Context, p preset) context.Context {
	return context.WithValue(ctx, presetKey{}, p)
}

func presetOf(ctx context.Context) preset {
	p, _ := ctx.Value(presetKey{}).(preset)
	return p
}
