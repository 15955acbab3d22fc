package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

// The checks every HTTP request passes before MCP sees it, each a policy with a
// middleware of its own. In this order: Host, Origin, bearer; then, for a path
// that exists, method, Content-Type, size of the body. Answers repeat nothing
// of the request, and close the connection. Most come from the specification's "Security Best Practices"
// (local server compromise, session hijacking) and its transport page.

type middleware func(http.Handler) http.Handler

// chain puts the first middleware outermost.
func chain(h http.Handler, checks ...middleware) http.Handler {
	for _, check := range slices.Backward(checks) {
		h = check(h)
	}
	return h
}

// checkHost refuses a page whose name was rebound to the loopback address: its
// requests carry that name.
func (t timing) checkHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback.IsOwn(r.Host, loopback.Port(r)) {
			t.refuse(w, "Host is not this server", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bearerPolicy knows the one token by its hash.
type bearerPolicy struct {
	hash   [sha256.Size]byte
	timing timing
}

func newBearerPolicy(token string, t timing) (bearerPolicy, error) {
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return bearerPolicy{}, errors.New("a bearer token is printable ASCII without spaces")
		}
	}
	if token == "" {
		return bearerPolicy{}, errors.New("a bearer token is required")
	}
	return bearerPolicy{sha256.Sum256([]byte(token)), t}, nil
}

// allows compares in constant time, whatever the token's length.
func (p bearerPolicy) allows(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(hash[:], p.hash[:]) == 1
}

// caller is who bears the token. Its hash names him; the token does not leave
// this file.
func (p bearerPolicy) caller() call.Caller {
	id := hex.EncodeToString(p.hash[:])[:16]
	return call.Caller{ID: "http:" + id, Name: "an HTTP client (token " + id[:8] + "…)"}
}

// check lets the bearer through, marks the call as his, and takes the header
// off: handlers see the headers of a call.
func (p bearerPolicy) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given := r.Header.Values("Authorization")
		token, ok := "", false
		if len(given) == 1 {
			token, ok = bearerToken(given[0])
		}
		if !ok || !p.allows(token) {
			challenge := `Bearer realm="flycast-mcp"`
			if len(given) > 0 {
				challenge += `, error="invalid_token"`
			}
			w.Header().Set("WWW-Authenticate", challenge)
			p.timing.refuse(w, "a bearer token is required", http.StatusUnauthorized)
			return
		}
		r = r.Clone(call.WithCaller(r.Context(), p.caller()))
		r.Header.Del("Authorization")
		next.ServeHTTP(w, r)
	})
}

// bearerToken reads an Authorization header. The scheme's case does not matter
// (RFC 9110, 11.1).
func bearerToken(header string) (token string, ok bool) {
	scheme, token, found := strings.Cut(header, " ")
	return token, found && strings.EqualFold(scheme, "Bearer") && token != ""
}

// methodPolicy is what a path is for.
type methodPolicy struct {
	timing  timing
	methods []string
}

func (p methodPolicy) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(p.methods, r.Method) {
			w.Header().Set("Allow", strings.Join(p.methods, ", "))
			p.timing.refuse(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isJSON: a browser cannot send this type to another origin without asking
// first, and it is never allowed to.
func isJSON(contentType string) bool {
	mediaType, params, err := mime.ParseMediaType(contentType)
	charset, given := params["charset"]
	return err == nil && mediaType == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

func (t timing) checkContentType(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && !isJSON(r.Header.Get("Content-Type")) {
			t.refuse(w, "Content-Type must be application/json", http.StatusUnsupportedMediaType)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// posted is the body of a POST and what it is about. A body that is not a
// JSON-RPC message has no more than its bytes.
type postedBody struct {
	body   []byte
	method string
	id     json.RawMessage
	token  json.RawMessage // see [progressToken]
	modern bool            // says that it is of revision 2026-07-28 or later
}

type postedKey struct{}

func postedBodyFrom(ctx context.Context) postedBody {
	p, _ := ctx.Value(postedKey{}).(postedBody)
	return p
}

// bodyPolicy is how large a body may be. How long it may take is the server's
// limit for a whole request.
type bodyPolicy struct {
	limit  int64
	timing timing
}

// check reads the body of a POST, within the limits, and keeps it in the
// context for the checks that depend on it.
func (p bodyPolicy) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			if r.ContentLength != 0 {
				p.timing.refuse(w, r.Method+" takes no body", http.StatusBadRequest)
				return
			}
			liftDeadline(w)
			next.ServeHTTP(w, r)
			return
		}
		var body []byte
		var err error
		if r.ContentLength <= p.limit { // of a larger one nothing is waited for
			body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, p.limit))
		}
		var tooLarge *http.MaxBytesError
		switch {
		case r.ContentLength > p.limit, errors.As(err, &tooLarge):
			p.timing.refuse(w, "the body is larger than "+strconv.FormatInt(p.limit, 10)+" bytes", http.StatusRequestEntityTooLarge)
			return
		case err != nil:
			p.timing.refuse(w, "the body could not be read", http.StatusBadRequest)
			return
		}
		liftDeadline(w)
		message, plain := readPosted(body, r.Header)
		r = r.WithContext(context.WithValue(r.Context(), postedKey{}, message))
		r.Body = io.NopCloser(bytes.NewReader(plain))
		next.ServeHTTP(w, r)
	})
}

// readPosted reads a body. What it returns beside is the body as mcp-go gets it.
func readPosted(body []byte, header http.Header) (p postedBody, plain []byte) {
	p = postedBody{body: body}
	var m rpcMessage
	if json.Unmarshal(body, &m) != nil {
		return p, body
	}
	if m.Method != nil {
		p.method = *m.Method
	}
	p.id, p.token = m.ID, progressToken(m.Params)
	plain = withStandIns(body, m)
	p.modern = isModern(plain) || mcp.IsModernProtocol(header.Get(mcp.HeaderProtocolVersion))
	return p, plain
}
