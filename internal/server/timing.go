package server

import (
	"net/http"
	"time"
)

// timing is how long the parts of an exchange over HTTP may take. Together they
// end every connection that shows no valid token within 30 seconds, whatever
// it sends or reads. Tests make them short.
type timing struct {
	header    time.Duration // for the header, from when the connection is accepted
	request   time.Duration // from then to the last byte of the body
	linger    time.Duration // what a refused request has left to finish its body
	write     time.Duration // for the client to accept one piece of an answer
	idle      time.Duration // between two requests of a client that had a token
	keepalive time.Duration // between two signs of life on a stream
	patience  time.Duration // until calls are cancelled when the server stops
	grace     time.Duration // until their connections are, then
}

func defaultTiming() timing {
	return timing{
		header:    5 * time.Second,
		request:   20 * time.Second,
		linger:    time.Second,
		write:     writeTime,
		idle:      2 * time.Minute,
		keepalive: 15 * time.Second,
		patience:  5 * time.Second,
		grace:     stopGrace,
	}
}

// server is an HTTP server with these limits. Its read deadline also covers
// the time in which a handler works, which has to lift it with [liftDeadline].
func (t timing) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            t.header,
		ReadTimeout:                  t.request,
		WriteTimeout:                 t.request + t.write,
		IdleTimeout:                  t.idle,
		MaxHeaderBytes:               64 << 10,
		DisableGeneralOptionsHandler: true, // OPTIONS * would be answered without a check
	}
}

// liftDeadline ends the time limit of a request that is here to its last byte.
// Left alone, it would cancel the call when it passes.
func liftDeadline(w http.ResponseWriter) {
	// A writer that cannot do it belongs to a test.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// refuse answers a request that goes no further, and closes its connection:
// what is left of its body is not waited for.
func (t timing) refuse(w http.ResponseWriter, text string, status int) {
	t.closeAfter(w)
	http.Error(w, text, status)
}

// closing has the connection closed after the answer that is about to be
// written.
func (t timing) closeAfter(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	control, now := http.NewResponseController(w), time.Now()
	_ = control.SetReadDeadline(now.Add(t.linger))
	_ = control.SetWriteDeadline(now.Add(t.write))
}
