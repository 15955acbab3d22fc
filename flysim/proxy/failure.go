package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
)

// codeHost is that of names, and ways to ask, that are none of the platform's.
const codeHost = "HOST"

// Failure is why Fly Proxy did not get through. Codes with two letters and two
// digits are Fly's own (Fly docs, "Error codes"); DNS is a name that does not
// resolve and PORT a port that nothing serves, of which a client of Fly sees no
// more than that; HOST (see codeHost) and REFUSED (past Fly Proxy) are the
// platform's.
type Failure struct {
	Code   string // such as PC01
	Status int    // of the answer, where there is one
	Text   string // a sentence; Fly's own from its log if the code is Fly's
}

// Error is the code and the sentence.
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

// failConnection is the failure for an error of a connection to a Machine.
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

// failSent is the failure for an error of a connection on which a request was
// sent. That its program takes none any more is how it ended, and no refusal.
func failSent(err error) *Failure {
	if errors.Is(err, syscall.ECONNREFUSED) {
		err = io.ErrUnexpectedEOF
	}
	return failConnection(err, 0)
}

// errorHeader carries the code of a failure.
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
