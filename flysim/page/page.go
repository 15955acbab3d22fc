// Package page shows the emulated platform as a web page: the ways into an app, Fly Proxy, the
// app's Machines by region and the requests. The page is one file without external resources, and
// it follows the platform's changes.
//
//	GET /            the page
//	GET /state       what it shows, as JSON; ?app=NAME chooses the app
//	GET /events      the same as server-sent events: "state" first, then "change"
//
// It only reads, and it answers only under loopback names, so that a foreign page whose name was
// made to point here gets nothing.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

//go:embed page.html
var document []byte

// Options configure the page.
type Options struct {
	Platform *flysim.Platform
	Traffic  *flysim.Traffic
	Title    string // empty: Emulated Fly platform
	App      string // shown first; empty: the first by name
	Links    Links
}

// Links are base URLs that the page shows, unless they are empty.
type Links struct {
	API     string `json:"api,omitempty"`     // of all three APIs
	Flycast string `json:"flycast,omitempty"` // of .flycast and .internal
	Public  string `json:"public,omitempty"`  // of .fly.dev
	Control string `json:"control,omitempty"` // of faults and the clock
}

// New returns the page's handler.
func New(options Options) http.Handler {
	if options.Title == "" {
		options.Title = "Emulated Fly platform"
	}
	s := &screen{
		options: options,
		source:  watch.Source{Platform: options.Platform, Traffic: options.Traffic},
		streams: make(chan struct{}, maxStreams),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /state", s.state)
	mux.HandleFunc("GET /events", s.events)
	return guard(mux)
}

type screen struct {
	options Options
	source  watch.Source
	streams chan struct{} // one value for each open stream
}

func (s *screen) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(document) // a client that went away is no error
}

// guard allows only reads under loopback hosts, and sets the headers of every answer.
func guard(next http.Handler) http.Handler {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src " + hashOf("script"), "style-src " + hashOf("style"), "img-src data:",
		"connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _ := loopback.Split(r.Host)
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !loopback.IsHost(host):
			http.Error(w, "this page answers loopback addresses and localhost only", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet:
			h.Set("Allow", http.MethodGet)
			http.Error(w, "this page is read-only", http.StatusMethodNotAllowed)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// hashOf returns the CSP source expression for the document's only element of a name.
func hashOf(element string) string {
	_, rest, _ := bytes.Cut(document, []byte("<"+element+">"))
	content, _, _ := bytes.Cut(rest, []byte("</"+element+">"))
	sum := sha256.Sum256(content)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
