package flysim

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestRequestDeadline checks that half a request does not hold a connection, and that the limit
// does not apply to a handler that has the whole request.
func TestRequestDeadline(t *testing.T) {
	release, cancelled := make(chan struct{}), make(chan bool, 1)
	server := httptest.NewUnstartedServer(liftDeadlines(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			return // half a request
		}
		<-release
		cancelled <- r.Context().Err() != nil
	})))
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		done := make(chan error, 1)
		go func() {
			r, err := http.NewRequest(method, server.URL, nil)
			if method == http.MethodPost {
				r, err = http.NewRequest(method, server.URL, strings.NewReader("{}"))
			}
			if err == nil {
				var response *http.Response
				if response, err = http.DefaultClient.Do(r); err == nil {
					_ = response.Body.Close()
				}
			}
			done <- err
		}()
		for range 2 { // their handlers run after the time limit
			c, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, c) // ends when the server closes it
			_ = c.Close()
		}
		release <- struct{}{}
		if <-cancelled {
			t.Errorf("%s: the call was cancelled", method)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}
