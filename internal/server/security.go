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

// Every HTTP request passes these checks before MCP sees it, each in a middleware:
// Host, Origin and bearer token; then, for a path that exists, method, Content-Type
// and size of the body. A refusal repeats nothing of the request and closes the
// connection. Most checks come from the specification's "Security Best Practices"
// (local server compromise, session hijacking) and its transport page.

type middleware func(http.Handler) http.Handler

// chain wraps a handler in middleware, the first outermost.
func chain(h http.Handler, checks ...middleware) http.Handler {
	for _, check := range slices.Backward(checks) {
		h = check(h)
	}
	return h
}

// checkHost refuses requests with the name of another host, such as those of a web
// page whose name was rebound to the loopback address.
func (t timing) checkHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback.IsOwn(r.Host, loopback.Port(r)) {
			t.refuse(w, "the Host is not this server", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bearerPolicy accepts one token, of which it has the hash.
type bearerPolicy struct {
	hash   [sha256.Size]byte
	timing timing
}

func newBearerPolicy(token string, t timing) (bearerPolicy, error) {
	for _, c := range []byte(token) {
		if c <= ' ' || c > '~' {
			return bearerPolicy{}, errors.New("the bearer token may contain only printable ASCII, without spaces")
		}
	}
	if token == "" {
		return bearerPolicy{}, errors.New("a bearer token is required")
	}
	return bearerPolicy{sha256.Sum256([]byte(token)), t}, nil
}

// allows reports whether a token is the right one. It compares in constant time,
// whatever the token's length.
func (p bearerPolicy) allows(token string) bool {
	hash := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(hash[:], p.hash[:]) == 1
}

// caller returns the caller that has the token. Its id is from the hash: the token
// does not leave this file.
func (p bearerPolicy) caller() call.Caller {
	id := hex.EncodeToString(p.hash[:])[:16]
	return call.Caller{ID: "http:" + id, Name: "an HTTP client (token " + id[:8] + "…)"}
}

// check refuses requests without the token, sets the caller of the others, and removes
// the header: handlers can see the headers of a call.
func (p bearerPolicy) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers := r.Header.Values("Authorization")
		token, ok := "", false
		if len(headers) == 1 {
			token, ok = bearerToken(headers[0])
		}
		if !ok || !p.allows(token) {
			challenge := `Bearer realm="flycast-mcp"`
			if len(headers) > 0 {
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

// bearerToken returns the token in an Authorization header. The case of the scheme
// does not matter (RFC 9110, 11.1).
func bearerToken(header string) (token string, ok bool) {
	scheme, token, found := strings.Cut(header, " ")
	return token, found && strings.EqualFold(scheme, "Bearer") && token != ""
}

// methodPolicy says which methods a path allows.
type methodPolicy struct {
	timing  timing
	methods []string
}

func (p methodPolicy) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(p.methods, r.Method) {
			w.Header().Set("Allow", strings.Join(p.methods, ", "))
			p.timing.refuse(w, "the method is not allowed", http.StatusMethodNotAllowed)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isJSON reports whether a Content-Type is JSON. A browser sends this type to another
// origin only after a preflight request.
func isJSON(contentType string) bool {
	mediaType, params, err := mime.ParseMediaType(contentType)
	charset, ok := params["charset"]
	return err == nil && mediaType == "application/json" && (!ok || strings.EqualFold(charset, "utf-8"))
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

// postedBody is the body of a request, and what the checks need of it. Only a JSON-RPC
// message has more than its bytes.
type postedBody struct {
	body   []byte
	method string
	id     json.RawMessage
	token  json.RawMessage // see [progressToken]
	modern bool            // see [isModern]
}

type postedKey struct{}

func postedBodyFrom(ctx context.Context) postedBody {
	p, _ := ctx.Value(postedKey{}).(postedBody)
	return p
}

// bodyPolicy limits the size of a body. The time it may take is limited for the whole
// request.
type bodyPolicy struct {
	limit  int64
	timing timing
}

// check reads the body of a POST, within the limits, and adds it to the context for
// the checks that depend on it.
func (p bodyPolicy) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			if r.ContentLength != 0 {
				p.timing.refuse(w, r.Method+" takes no body", http.StatusBadRequest)
				return
			}
			liftDeadline(w)
			empty, _ := readPosted(nil, r.Header)
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), postedKey{}, empty)))
			return
		}
		var body []byte
		var err error
		if r.ContentLength <= p.limit { // do not wait for a larger one
			body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, p.limit))
		}
		var tooLarge *http.MaxBytesError
		switch {
		case r.ContentLength > p.limit, errors.As(err, &tooLarge):
			text := "the body is larger than " + strconv.FormatInt(p.limit, 10) + " bytes"
			p.timing.refuse(w, text, http.StatusRequestEntityTooLarge)
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

// readPosted parses a body. It also returns the body as mcp-go gets it.
func readPosted(body []byte, header http.Header) (p postedBody, plain []byte) {
	version := header.Get(mcp.HeaderProtocolVersion)
	var m rpcMessage
	if json.Unmarshal(body, &m) != nil {
		return postedBody{body: body, modern: isModern(nil, version)}, body
	}
	plain = withStandIns(body, m)
	p = postedBody{body: body, id: m.ID, token: progressToken(m.Params), modern: isModern(plain, version)}
	if m.Method != nil {
		p.method = *m.Method
	}
	return p, plain
}
