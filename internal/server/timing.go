package server

import (
	"net/http"
	"time"
)

// timing says how long the parts of a request over HTTP may take. Together, the limits
// end every connection without a valid token within 30 seconds, whatever it sends or
// reads. Tests use shorter ones.
type timing struct {
	header    time.Duration // for the header, from when the connection is accepted
	request   time.Duration // from then to the last byte of the body
	linger    time.Duration // for a refused request to finish its body
	write     time.Duration // for the client to read one piece of a response
	idle      time.Duration // between two requests on a connection
	keepalive time.Duration // between two comments on a stream
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

// server returns an HTTP server with these limits. Its read deadline would also end a
// working handler, which therefore calls [liftDeadline].
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

// liftDeadline removes the read deadline of a request that has been read completely;
// otherwise it would cancel the call.
func liftDeadline(w http.ResponseWriter) {
	// Only the writers of tests do not support it.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// refuse answers a request that is not handled, and closes its connection without
// waiting for the rest of the body.
func (t timing) refuse(w http.ResponseWriter, text string, status int) {
	t.closeAfter(w)
	http.Error(w, text, status)
}

// closeAfter makes the server close the connection after the response.
func (t timing) closeAfter(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	control, now := http.NewResponseController(w), time.Now()
	_ = control.SetReadDeadline(now.Add(t.linger))
	_ = control.SetWriteDeadline(now.Add(t.write))
}
