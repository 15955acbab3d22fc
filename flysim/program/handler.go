package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limits on what a request can ask for.
const (
	maxEcho  = 1 << 20 // bytes
	maxSleep = time.Hour
)

// pathHandler handles the requests for one path.
type pathHandler func(p *program, w http.ResponseWriter, req *http.Request)

// routes returns the handler for all Machines. The connection says which Machine is meant.
func (r *Runner) routes() http.Handler {
	mux := http.NewServeMux()
	for path, answer := range map[string]pathHandler{
		"/":              servePage,
		"/healthz":       serveHealth,
		"/env":           serveEnv,
		"/headers":       serveHeaders,
		"/echo":          serveEcho,
		"/sleep":         serveSleep,
		"/stream":        serveStream,
		"/status/{code}": serveStatus,
		"/replay":        serveReplay,
		"/exit":          serveExit,
		"/crash":         serveCrash,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
			p, ok := req.Context().Value(programKey{}).(*program)
			if !ok {
				http.Error(w, "no Machine", http.StatusInternalServerError)
				return
			}
			p.requests.Add(1)
			w.Header().Set("Cache-Control", "no-store")
			answer(p, w, req)
		})
	}
	return mux
}

func writeText(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func serveHealth(_ *program, w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok\n")
}

func serveEnv(p *program, w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	for _, f := range p.environment() {
		fmt.Fprintf(&b, "%s=%s\n", f.Name, f.Value)
	}
	writeText(w, http.StatusOK, b.String())
}

func serveHeaders(_ *program, w http.ResponseWriter, req *http.Request) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\nHost: %s\n", req.Method, req.RequestURI, req.Proto, req.Host)
	_ = req.Header.Write(&b)
	writeText(w, http.StatusOK, strings.ReplaceAll(b.String(), "\r\n", "\n"))
}

// serveEcho reads the whole body before it sends it back, because the proxy may still be reading.
func serveEcho(_ *program, w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxEcho))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		writeText(w, http.StatusRequestEntityTooLarge,
			fmt.Sprintf("a body of more than %d bytes is not sent back\n", maxEcho))
		return
	case err != nil:
		panic(http.ErrAbortHandler)
	}
	kind := req.Header.Get("Content-Type")
	if kind == "" || strings.Contains(kind, "html") { // the sender must not choose the page's HTML
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

func serveSleep(p *program, w http.ResponseWriter, req *http.Request) {
	d, err := time.ParseDuration(req.FormValue("for"))
	if err != nil || d < 0 || d > maxSleep {
		writeText(w, http.StatusBadRequest, "want for=2s, one hour at the most\n")
		return
	}
	if p.wait(req.Context(), d) {
		writeText(w, http.StatusOK, fmt.Sprintf("slept %s\n", d))
	}
}

// wait waits for d on the platform's clock. It reports false if the client is gone.
func (p *program) wait(ctx context.Context, d time.Duration) bool {
	clock := p.runner.clock
	return clock.Wait(ctx, clock.Now().Add(d), nil) == nil
}

func serveStream(p *program, w http.ResponseWriter, req *http.Request) {
	count := 0 // endless
	if s := req.FormValue("count"); s != "" {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil || n == 0 {
			writeText(w, http.StatusBadRequest, "want count=5, or none\n")
			return
		}
		count = int(n)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for n := 1; ; n++ {
		_, err := fmt.Fprintf(w, "id: %d\nevent: awake\ndata: Machine %s, %s\n\n", n, p.Machine, p.awake())
		if err != nil || http.NewResponseController(w).Flush() != nil || n == count || !p.wait(req.Context(), time.Second) {
			return
		}
	}
}

func serveStatus(_ *program, w http.ResponseWriter, req *http.Request) {
	code, err := strconv.Atoi(req.PathValue("code"))
	if err != nil || code < 200 || code > 599 {
		writeText(w, http.StatusBadRequest, "want a status from 200 to 599\n")
		return
	}
	if code == http.StatusNoContent || code == http.StatusNotModified {
		w.WriteHeader(code)
		return
	}
	writeText(w, code, fmt.Sprintf("%d %s\n", code, http.StatusText(code)))
}

var replayTarget = regexp.MustCompile(`^[A-Za-z0-9-]{1,63}$`)

func serveReplay(_ *program, w http.ResponseWriter, req *http.Request) {
	var fields []string
	for _, name := range []string{"region", "app", "instance"} {
		if value := req.FormValue(name); replayTarget.MatchString(value) {
			fields = append(fields, name+"="+value)
		}
	}
	if len(fields) == 0 {
		writeText(w, http.StatusBadRequest, "want region=fra, app=shop-api or instance=148e21ea7d9d89\n")
		return
	}
	w.Header().Set("fly-replay", strings.Join(fields, ";"))
	writeText(w, http.StatusConflict, "fly-replay: "+strings.Join(fields, ";")+"\n")
}

// serveExit ends the program after its answer. A connection in memory has no buffer, so once the
// answer is flushed the other side has read it.
func serveExit(p *program, w http.ResponseWriter, req *http.Request) {
	code := 0
	if s := req.FormValue("code"); s != "" {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil {
			writeText(w, http.StatusBadRequest, "want code=0 to code=255\n")
			return
		}
		code = int(n)
	}
	body := fmt.Sprintf("Machine %s: the program ends with code %d\n", p.Machine, code)
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	writeText(w, http.StatusOK, body)
	_ = http.NewResponseController(w).Flush()
	p.exit(code)
	p.runner.retire(p)
}

func serveCrash(p *program, _ http.ResponseWriter, _ *http.Request) {
	p.exit(1)
	p.runner.retire(p)
	panic(http.ErrAbortHandler)
}
