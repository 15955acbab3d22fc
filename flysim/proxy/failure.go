package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
)

// codeHost is the code for names and kinds of requests that the platform does not have.
const codeHost = "HOST"

// Failure says why Fly Proxy could not serve a request. Codes with two letters and two digits are
// Fly's own (Fly docs, "Error codes"). Where a client of Fly gets no code, these are the
// platform's: DNS for a name that does not resolve, PORT for a port that no service has, HOST
// (codeHost), and REFUSED for a refused connection that bypasses Fly Proxy.
type Failure struct {
	Code   string // such as PC01
	Status int    // of the answer, if there is one
	Text   string // a sentence; Fly's own from its log if the code is Fly's
}

// Error returns the code and the sentence.
func (f *Failure) Error() string { return "[" + f.Code + "] " + f.Text }

func fail(code string, status int, format string, arguments ...any) *Failure {
	return &Failure{code, status, fmt.Sprintf(format, arguments...)}
}

func failRefused(port int) *Failure {
	return fail("PC01", http.StatusBadGateway,
		"instance refused connection. is your app listening on 0.0.0.0:%d? make sure it is not only listening on 127.0.0.1"+
			" (hint: look at your startup logs, servers often print the address they are listening on)", port)
}

func failTooLarge() *Failure {
	return fail("PA01", http.StatusBadGateway,
		"cannot retry/replay request because request body has been read past what we're willing to buffer")
}

// failConnection returns the failure for an error of a connection to a Machine.
func failConnection(err error, port int) *Failure {
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.Is(err, syscall.ECONNREFUSED):
		return failRefused(port)
	case errors.Is(err, syscall.ECONNRESET):
		return fail("PC03", http.StatusBadGateway, "connection reset by the instance")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return fail("PC05", http.StatusGatewayTimeout, "connection to the instance timed out")
	}
	return fail("PU02", http.StatusBadGateway, "could not complete HTTP request to instance")
}

// failSent returns the failure for an error after a request was sent on the connection. If the
// program no longer accepts connections, it has ended; that does not count as a refusal.
func failSent(err error) *Failure {
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = io.ErrUnexpectedEOF
	}
	return failConnection(err, 0)
}

// errorHeader is the header with the code of a failure.
const errorHeader = "Fly-Proxy-Error"

// write answers with the failure.
func (f *Failure) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set(errorHeader, f.Code)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, f.Error()+"\n") // the client is gone
}
