package page

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

const (
	maxStreams   = 64               // pages that are open at once
	writeTimeout = 10 * time.Second // for one event, of a client that is slow or gone
)

func (s *screen) state(w http.ResponseWriter, r *http.Request) {
	choose := s.choose(r.URL.Query().Get("app"))
	scene := s.source.Scene(choose)
	f := follower{app: choose(scene.Apps)[0]}
	data, err := json.Marshal(f.first(s, scene))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(data, '\n')) // a client that went away is no error
}

// events streams until the client or the server goes away. There is at most one second between two
// events.
func (s *screen) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(name string, value any) error {
		data, err := json.Marshal(value)
		if err != nil {
			return err
		}
		var event bytes.Buffer
		event.WriteString("event: " + name + "\ndata: ")
		event.Write(data) // JSON has no line ends
		event.WriteString("\n\n")
		_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has deadlines
		if _, err := w.Write(event.Bytes()); err != nil {
			return err
		}
		return control.Flush()
	}
	choose := s.choose(r.URL.Query().Get("app"))
	var f follower
	open := func(list []flysim.AppOverview) []string {
		if f.app != "" {
			return []string{f.app} // fixed, even if apps are created and deleted
		}
		return choose(list)
	}
	begun := false
	for scene := range s.source.Scenes(r.Context(), open) {
		var err error
		if app := open(scene.Apps)[0]; !begun || app != f.app {
			begun, f = true, follower{app: app}
			_, _ = w.Write([]byte("retry: 1000\n")) // the next write reports whether it arrived
			err = send("state", f.first(s, scene))
		} else {
			err = send("change", f.next(scene))
		}
		if err != nil {
			return
		}
	}
}
