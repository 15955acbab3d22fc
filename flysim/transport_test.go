package flysim

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// TestTransport checks that a request is served in memory as over a socket, with the time of a
// synctest bubble.
func TestTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{StartDelay: 30 * time.Second})
		p.AddApp("shop", "personal", "")
		config, err := spec.Parse([]byte(`{"image":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		id := p.AddMachine("shop", "iad", config)
		send := func(ctx context.Context, method, path, body string) (int, string, error) {
			request, err := http.NewRequestWithContext(ctx, method, "http://anywhere/v1/apps/shop/machines/"+id+path,
				strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header["authorization"] = []string{"Bearer " + p.Token()} // as the wire would spell it
			response, err := (&http.Client{Transport: p.Transport()}).Do(request)
			if err != nil {
				return 0, "", err
			}
			answer, err := io.ReadAll(response.Body)
			if err := errors.Join(err, response.Body.Close()); err != nil {
				t.Fatal(err)
			}
			return response.StatusCode, string(answer), nil
		}
		began := time.Now()
		if status, answer, err := send(t.Context(), "GET", "/wait?state=started", ""); status != 200 ||
			err != nil || time.Since(began) != 30*time.Second {
			t.Errorf("got %d %s, %v after %v", status, answer, err, time.Since(began))
		}
		if status, answer, err := send(t.Context(), "POST", "/stop", "{}"); status != 200 || err != nil ||
			p.Machine("shop", id).State != "stopped" {
			t.Errorf("got %d %s, %v", status, answer, err)
		}
		p.Inject(Fault{Operation: "machine.start", Reset: ResetAfter})
		if _, _, err := send(t.Context(), "POST", "/start", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("dropped: got %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := send(ctx, "GET", "/wait?state=started", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("canceled: got %v", err)
		}
		time.Sleep(time.Minute)
		if state := p.Machine("shop", id).State; state != "started" {
			t.Errorf("the start whose answer was lost: the Machine is %s", state)
		}
	})
}
