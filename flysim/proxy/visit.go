package proxy

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strconv"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// visit is one request or raw connection, and its record.
type visit struct {
	proxy  *Proxy
	client *callerConn
	record flysim.Visit
	silent bool // it only led to another one, or its name is not the platform's
}

// maxPath is how many bytes of a path are kept.
const maxPath = 256

func (p *Proxy) visit(c *callerConn, method, path string) *visit {
	return &visit{proxy: p, client: c, record: flysim.Visit{At: p.clock.Now(), Method: method,
		Path: path[:min(len(path), maxPath)]}}
}

// finish records the end of the visit and keeps it.
func (v *visit) finish() {
	if v.silent {
		return
	}
	v.record.Took = v.proxy.clock.Now().Sub(v.record.At)
	v.proxy.traffic.Add(v.record)
}

// setDestination records where a name leads.
func (v *visit) setDestination(n hostName) {
	v.record.App = n.app
	switch n.kind {
	case kindFlycast:
		v.record.Door = flysim.DoorFlycast
	case kindInternal:
		v.record.Door = flysim.DoorInternal
	case kindPublic:
		v.record.Door = flysim.DoorPublic
	}
}

// note records a failure's code. Names that are not the platform's leave no visit, because a
// browser that uses the proxy for all its traffic requests many of them.
func (v *visit) note(f *Failure) {
	v.record.Code = f.Code
	v.silent = v.silent || f.Code == codeHost
}

// fail answers with the failure. A client that went away gets nothing.
func (v *visit) fail(w http.ResponseWriter, err error) {
	f, ok := isFailure(err)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	v.note(f)
	v.record.Status = f.Status
	f.write(w)
}

// forward sends a request on and copies the answer, including streams, trailers and upgrades. The
// two functions change the headers that the app sees and the answer.
func (v *visit) forward(w http.ResponseWriter, r *http.Request, through http.RoundTripper,
	request func(http.Header), respond func(*http.Response)) {
	complete := false
	defer func() {
		cause := context.Cause(r.Context())
		if _, late := isFailure(cause); !complete && v.record.Code == "" && (late || cause == nil) {
			v.record.Code = "PU02" // the answer was cut off
		}
	}()
	reverse := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.Host, p.Out.URL.RawQuery = p.In.Host, p.In.URL.RawQuery
			p.Out.Trailer = p.In.Trailer // filled in when the body ends
			for _, key := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				if values := p.In.Header[key]; values != nil {
					p.Out.Header[key] = values
				}
			}
			request(p.Out.Header)
		},
		ModifyResponse: func(res *http.Response) error {
			v.record.Status = res.StatusCode
			respond(res)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			_, ok := isFailure(err)
			switch cause := context.Cause(r.Context()); {
			case ok:
			case cause == nil:
				err = failConnection(err, 0)
			default:
				err = cause
			}
			v.fail(w, err)
		},
		Transport:  through,
		BufferPool: v.proxy.buffers,
		ErrorLog:   log.New(io.Discard, "", 0), // visits have the errors
	}
	reverse.ServeHTTP(w, r)
	complete = true
}

// directTo directs a request to a port of a Machine.
func directTo(r *http.Request, b *flysim.Backend, port int) {
	r.URL.Scheme, r.URL.Host = "http", b.ID+":"+strconv.Itoa(port)
}

// buffers are the buffers through which answers are copied.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get implements [httputil.BufferPool].
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return p[:]
	}
	return make([]byte, bufferSize)
}

// Put implements [httputil.BufferPool].
func (b *buffers) Put(p []byte) {
	if cap(p) >= bufferSize {
		b.pool.Put((*[bufferSize]byte)(p[:bufferSize]))
	}
}

// isFailure returns the failure that an error is, if any. All other errors mean that the client
// went away.
func isFailure(err error) (*Failure, bool) {
	var f *Failure
	ok := errors.As(err, &f)
	return f, ok
}
