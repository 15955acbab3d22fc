package flysim

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// Transport returns a transport that serves requests in memory, whatever their host, on the
// caller's goroutine. Nothing waits on a socket, so a client and a platform can share a
// testing/synctest bubble and its time. A dropped connection is io.ErrUnexpectedEOF.
func (p *Platform) Transport() http.RoundTripper { return inMemory{p} }

type inMemory struct{ platform *Platform }

// RoundTrip implements [http.RoundTripper].
func (m inMemory) RoundTrip(r *http.Request) (response *http.Response, err error) {
	defer func() {
		switch cause := recover(); {
		case cause == http.ErrAbortHandler:
			response, err = nil, io.ErrUnexpectedEOF
		case cause != nil:
			panic(cause)
		}
		if gone := r.Context().Err(); gone != nil {
			response, err = nil, gone
		}
	}()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.Header = make(http.Header, len(r.Header)) // on the wire the spelling of names is lost
	for name, values := range r.Header {
		for _, value := range values {
			in.Header.Add(name, value)
		}
	}
	var recorded recording
	m.platform.handler.ServeHTTP(&recorded, in)
	return &http.Response{
		Status:     fmt.Sprintf("%d %s", recorded.status, http.StatusText(recorded.status)),
		StatusCode: recorded.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: recorded.Header(), Request: r,
		Body: io.NopCloser(bytes.NewReader(recorded.body.Bytes())), ContentLength: int64(recorded.body.Len()),
	}, nil
}

// recording is a response that records the status net/http would send.
type recording struct{ memoryResponse }

// Write implements [http.ResponseWriter].
func (r *recording) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.memoryResponse.Write(b)
}
