package program

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// report is the content of the page, in any format.
type report struct {
	App            string   `json:"app"`
	Group          string   `json:"group,omitempty"`
	Machine        string   `json:"machine"`
	Region         string   `json:"region"`
	ReleaseVersion string   `json:"release_version,omitempty"`
	Instance       string   `json:"instance"`
	Image          string   `json:"image"`
	Listening      string   `json:"listening"` // the socket that took this request
	Sockets        []string `json:"sockets"`   // all sockets of the program
	Awake          string   `json:"awake"`     // "woken 0.4 s ago"
	AwakeSeconds   float64  `json:"awake_seconds"`
	UpSeconds      float64  `json:"up_seconds"` // of its memory; after a suspend this is longer than awake
	Requests       int64    `json:"requests"`   // since then
	Method         string   `json:"method"`
	URL            string   `json:"url"`
	Host           string   `json:"host"`
	Headers        []field  `json:"headers"`
	Environment    []field  `json:"environment"`
}

// field is a name with a value.
type field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (p *program) report(req *http.Request) report {
	now := p.runner.clock.Now()
	r := report{
		App: p.App, Group: p.Config.ProcessGroup(), Machine: p.Machine, Region: p.Region,
		ReleaseVersion: p.Config.Label(spec.ReleaseVersionKey), Instance: p.Instance, Image: p.Config.Image(),
		Awake: p.awake(), AwakeSeconds: now.Sub(p.started).Seconds(), UpSeconds: now.Sub(p.born).Seconds(),
		Requests: p.requests.Load(),
		Method:   req.Method, URL: req.URL.RequestURI(), Host: req.Host, Environment: p.environment(),
	}
	if at, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		r.Listening = at.String()
	}
	if m, err := p.runner.platform.Program(p.App, p.Machine); err == nil {
		r.Sockets = m.Listen
	}
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, value := range req.Header[name] {
			r.Headers = append(r.Headers, field{name, value})
		}
	}
	return r
}

// awake says how long the program has been running, and how it was started.
func (p *program) awake() string {
	verb := map[string]string{"created": "started", "suspended": "resumed", "restarting": "restarted"}[p.from]
	if verb == "" {
		verb = "woken"
	}
	return verb + " " + ago(p.runner.clock.Now().Sub(p.started)) + " ago"
}

// ago formats a duration for people.
func ago(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", max(d, 0).Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// environment returns what a program on Fly finds in its environment: the Machine's own variables
// and Fly's. The platform does not store the values of secrets.
func (p *program) environment() []field {
	var fields []field
	env := environment(p.Identity)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fields = append(fields, field{name, env[name]})
	}
	return fields
}

func servePage(p *program, w http.ResponseWriter, req *http.Request) {
	r := p.report(req)
	switch formatFor(req.Header.Values("Accept")) {
	case "html":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_ = p.runner.page.Execute(w, r)
	case "json":
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(r)
	default:
		writeText(w, http.StatusOK, r.text())
	}
}

// formatFor returns the format of the answer: the first known one in the Accept header, or text.
func formatFor(accept []string) string {
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.TrimSpace(strings.ToLower(kind)) {
		case "text/html", "application/xhtml+xml":
			return "html"
		case "application/json":
			return "json"
		case "text/plain", "text/*", "*/*":
			return "text"
		}
	}
	return "text"
}

func (r report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", r.App, r.Awake)
	for _, f := range r.Facts() {
		fmt.Fprintf(&b, "%-12s %s\n", f.Name, f.Value)
	}
	fmt.Fprintf(&b, "\n%s %s\nHost: %s\n", r.Method, r.URL, r.Host)
	for _, f := range r.Headers {
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	b.WriteString("\n")
	for _, f := range r.Environment {
		fmt.Fprintf(&b, "%s=%s\n", f.Name, f.Value)
	}
	return b.String()
}

// Facts returns the lines of the page about the Machine.
func (r report) Facts() []field {
	version := r.Instance
	if r.ReleaseVersion != "" {
		version = "v" + r.ReleaseVersion + ", " + version
	}
	facts := []field{{"Machine", r.Machine}, {"region", r.Region}}
	if r.Group != "" {
		facts = append(facts, field{"group", r.Group})
	}
	return append(facts,
		field{"version", version},
		field{"image", r.Image},
		field{"listening", r.Listening},
		field{"up for", ago(time.Duration(r.UpSeconds * float64(time.Second)))},
		field{"requests", strconv.FormatInt(r.Requests, 10)})
}

//go:embed page.html
var pageText string
