package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/pelletier/go-toml/v2"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// marker is text from outside that tries to pass for the program's own: a line
// of its own, an end of its quotation, colors, reordered and invisible text.
const marker = "MA\"'RK\nINJECTED line\r\x1b[31m\u202e\u2066\u200b\U000e0041\u3164\u115f\u2800\ufe0f\" QUOTE-END"

// badOutput says what is wrong with a text that the program shows; empty if
// nothing is.
func badOutput(text string) string {
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimLeft(line, " +-#\t"), "INJECTED") {
			return "a line of the marker stands alone"
		}
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && !outside.IsVisible(r) {
			return fmt.Sprintf("%U is shown as it is", r)
		}
	}
	if endsQuotation.MatchString(text) {
		return "the marker ends its quotation"
	}
	if endsQuotationEarly.MatchString(text) {
		return "the marker ends its quotation early"
	}
	return ""
}

var (
	endsQuotation      = regexp.MustCompile(`[\s(:=]"[^"\n]{0,20}RK[^"\n]*[^"\\\n]" QUOTE-END`)
	endsQuotationEarly = regexp.MustCompile(`(^|[\s(:=,\[])("MA"|'MA\\?"')`)
)

// checkOutput judges every text in a message, but those under the names that
// hold the caller's own text.
func checkOutput(t *testing.T, where string, value any) {
	t.Helper()
	switch value := value.(type) {
	case string:
		if why := badOutput(value); why != "" {
			t.Errorf("%s: %s: %.600q", where, why, value)
		}
	case []any:
		for i, v := range value {
			checkOutput(t, fmt.Sprintf("%s[%d]", where, i), v)
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(value)) {
			if why := badOutput(k); why != "" {
				t.Errorf("%s: the name %.200q: %s", where, k, why)
			}
			if k != "arguments" && k != "requestState" { // of a next call: what was sent comes back
				checkOutput(t, where+"."+k, value[k])
			}
		}
	}
}

// spoiler changes one place of the platform's answers.
type spoiler struct {
	next http.RoundTripper

	mu    sync.Mutex
	place string // empty: none
	how   func(string) string
	fail  string // the request whose answer is an error with the marker
	seen  map[string]bool
}

// anyID matches what differs between requests of one kind.
var anyID = regexp.MustCompile(`/[0-9a-f]{14}|/v1/apps/[a-z-]+`)

func (s *spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Method + " " + anyID.ReplaceAllString(r.URL.Path, "/…")
	if r.URL.Path == "/graphql" && r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		kind += " " + graphqlField.FindString(string(body))
	}
	response, err := s.next.RoundTrip(r)
	if err != nil {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen["! "+kind] = true
	var document any
	switch {
	case s.fail == kind:
		response.StatusCode = http.StatusUnprocessableEntity
		document = map[string]any{"error": marker, "message": marker, "details": marker,
			"errors": []any{map[string]any{"message": marker, "extensions": map[string]any{"code": marker}}}}
		if r.URL.Path == "/graphql" {
			response.StatusCode = http.StatusOK
		}
	case json.Unmarshal(body, &document) == nil:
		document = s.walk(kind, document)
	}
	if document != nil {
		if body, err = json.Marshal(document); err != nil {
			return nil, err
		}
	}
	response.Header.Del("Content-Length")
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

var graphqlField = regexp.MustCompile(`\{\s*\w+`)

// walk notes the place of every string and name, and changes the chosen one.
func (s *spoiler) walk(place string, value any) any {
	switch value := value.(type) {
	case string:
		s.seen[place] = true
		if place == s.place {
			return s.how(value)
		}
	case []any:
		for i := range value {
			value[i] = s.walk(place+"[]", value[i])
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(value)) {
			value[k] = s.walk(place+"."+k, value[k])
		}
		for _, named := range []string{"env", "metadata", "checks", "labels"} {
			if strings.HasSuffix(place, "."+named) {
				s.seen[place+" (name)"] = true
				if s.place == place+" (name)" {
					value[marker] = "x"
				}
			}
		}
	}
	return value
}

func (s *spoiler) choose(place, fail string, how func(string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place, s.fail, s.how = place, fail, how
}

// looker makes calls and judges the answers.
type looker struct {
	t *testing.T
	c *client
}

// request sends any request and waits for its answer; what is asked is declined
// by leaving it open.
func (l looker) request(where, method string, params map[string]any) {
	l.t.Helper()
	l.c.nextID++
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion":    "2026-07-28",
		"io.modelcontextprotocol/clientCapabilities": map[string]any{"elicitation": map[string]any{}},
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": l.c.nextID, "method": method, "params": params})
	if err != nil {
		l.t.Fatal(err)
	}
	l.c.send(string(body))
	m := <-l.c.answers
	var whole any
	if err := json.Unmarshal(m.raw, &whole); err != nil {
		l.t.Fatal(err)
	}
	checkOutput(l.t, where+": "+method, whole)
}

func (l looker) tool(where, name string, args arguments) {
	l.t.Helper()
	l.request(where+": "+name, "tools/call", map[string]any{"name": name, "arguments": args})
}

// newHostileServer is a server whose app has one of everything that an answer of the
// platform can name, behind a spoiler.
func newHostileServer(ctx context.Context, t *testing.T, dir string) (looker, *spoiler, *twoServers) {
	t.Helper()
	key, err := gate.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	w := newTwoServers(ctx, t, key.Public())
	w.AddAddress(firstApp, "v4", "", "")
	w.AddAddress(firstApp, "v6", "", "")
	w.AddAddress(firstApp, "private_v6", "personal", foreignNetworks()[0])
	w.AddCertificate(firstApp, "api.shop.example")
	w.AddRelease(firstApp, "registry.fly.io/app:1",
		json.RawMessage(
			`{"app":"alpha","primary_region":"ams","env":{"MODE":"x"},"http_service":{"internal_port":8080,`+
				`"force_https":true},"checks":{"alive":{"type":"http","port":8080,"path":"/"}}}`))
	s := &spoiler{next: w.Transport(), seen: make(map[string]bool)}
	in := install(ctx, t, setup{name: "hostile", approver: key.Public(), platform: w.Platform, transport: s,
		dirs: []string{dir}})
	w.installations = append(w.installations, in)
	return looker{t, in.clients[1]}, s, w
}

// calls are the calls whose answers show what the platform says.
func (l looker) calls(where string) {
	l.t.Helper()
	const file = "app = 'alpha'\nprimary_region = 'ams'\n[env]\nMODE = 'y'\n[http_service]\ninternal_port = 8080\n"
	l.tool(where, "list_ips", arguments{"app": firstApp})
	l.tool(where, "allocate_flycast", arguments{"app": firstApp, "network": "partners"})
	l.tool(where, "allocate_flycast", arguments{"app": firstApp, "dry_run": true})
	l.tool(where, "patch_services", arguments{"app": firstApp})
	l.tool(where, "deploy", arguments{"app": firstApp, "content": file})
	l.tool(where, "deploy", arguments{"app": firstApp, "content": file, "dry_run": true})
	l.tool(where, "release_public_ips", arguments{"app": firstApp, "allow_unreachable": true})
	l.tool(where, "release_public_ips", arguments{"app": firstApp, "dry_run": true})
	l.request(where, "resources/read", map[string]any{"uri": "flycast://apps/alpha/status"})
	l.request(where, "resources/read", map[string]any{"uri": "flycast://apps/alpha/fly.toml"})
	for _, ref := range []map[string]any{{"type": "ref/prompt", "name": "make_private"},
		{"type": "ref/resource", "uri": "flycast://apps/{app}/status"}} {
		l.request(where, "completion/complete", map[string]any{"ref": ref, "argument": map[string]any{
			"name": "app", "value": ""}})
	}
	for _, prompt := range []string{"audit_exposure", "make_private"} {
		l.request(where+": "+prompt, "prompts/get", map[string]any{"name": prompt, "arguments": map[string]any{
			"app": firstApp}})
	}
}

// TestHostileArguments puts the marker into every argument and name that a client
// gives, and looks at the answers.
func TestHostileArguments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l, _, w := newHostileServer(ctx, t, t.TempDir())
		defer w.close()
		escapedMarker := url.PathEscape(marker)
		for _, uri := range []string{
			"fly-toml:///" + escapedMarker + ".toml", "fly-toml:////etc/" + escapedMarker, "fly-toml:///a%00" +
				escapedMarker, "fly-toml://" + marker,
			"flycast://apps/" + escapedMarker + "/status", "flycast://apps/" + escapedMarker + "/fly.toml",
			"flycast://" + escapedMarker, marker,
		} {
			l.request("resource "+uri, "resources/read", map[string]any{"uri": uri})
		}
		for _, name := range []string{"list_ips", "allocate_flycast", "patch_services", "deploy", "deploy_status",
			"deploy_stop", "release_public_ips"} {
			l.tool("an unknown argument", name, arguments{"app": firstApp, marker: "x"})
			for _, argument := range []string{
				"app", "approval", "dry_run", "network", "org", "adopt", "content", "draft", "image", "max_unavailable",
				"on_failure", "path", "scope", "strategy",
				"wait_timeout", "wake", "run", "autostop", "create", "internal_port", "min_machines_running",
				"plain_ports", "process_groups", "soft_limit", "allow_unreachable", "ips",
			} {
				for _, value := range []any{marker, []any{marker}} {
					args := arguments{"app": firstApp, argument: value}
					if _, given := args["content"]; !given && argument != "draft" && argument != "path" &&
						(name == "deploy" || name == "patch_services") {
						args["content"] = "app = 'alpha'\n[http_service]\ninternal_port = 8080\n"
					}
					l.tool(argument, name, args)
				}
			}
		}
		l.tool("an unknown tool", marker, arguments{})
		l.request("an unknown prompt", "prompts/get", map[string]any{"name": marker})
		for _, prompt := range []string{"audit_exposure", "make_private"} {
			l.request("an app: "+prompt, "prompts/get", map[string]any{"name": prompt, "arguments": map[string]any{
				"app": marker}})
			l.request("an argument: "+prompt, "prompts/get", map[string]any{"name": prompt,
				"arguments": map[string]any{"app": firstApp, marker: marker}})
		}
		for _, ref := range []map[string]any{{"type": "ref/prompt", "name": marker}, {"type": "ref/prompt",
			"name": "make_private"}, {"type": "ref/resource", "uri": marker}, {"type": marker}} {
			for _, argument := range []string{"app", marker} {
				l.request("completion", "completion/complete", map[string]any{"ref": ref, "argument": map[string]any{
					"name": argument, "value": marker}})
			}
		}
		l.request("a method", marker, map[string]any{})
	})
}

// TestHostilePlatform puts the marker into every string of every answer of the
// platform, one after the other, and into the answers' errors, and looks at all
// that the server says then.
func TestHostilePlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l, s, w := newHostileServer(ctx, t, t.TempDir())
		defer w.close()
		l.calls("as it is")
		places := slices.Sorted(maps.Keys(s.seen))
		if len(places) < 80 {
			t.Errorf("%d places of the platform's answers are known, want more: %s", len(places), places)
		}
		for i, place := range places {
			if i%share != 0 {
				continue
			}
			if kind, ok := strings.CutPrefix(place, "! "); ok {
				s.choose("", kind, nil)
				l.calls(place)
				continue
			}
			s.choose(place, "", func(string) string { return marker })
			l.calls(place)
			s.choose(place, "", func(was string) string { return was + marker })
			l.calls(place + " (appended)")
		}
		t.Logf("%d places", len(places))
	})
}

// TestHostileFile puts the marker into every string, name and comment of files
// as people write them, and looks at all that is said of them.
func TestHostileFile(t *testing.T) {
	files, err := filepath.Glob("../../flytoml/testdata/realworld/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	texts := hostileFiles(t, files)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l, _, w := newHostileServer(ctx, t, dir)
		defer w.close()
		for i, place := range slices.Sorted(maps.Keys(texts)) {
			if i%share != 0 {
				continue
			}
			text := texts[place]
			l.tool(place, "patch_services", arguments{"app": firstApp, "content": text, "dry_run": true})
			l.tool(place, "deploy", arguments{"app": firstApp, "content": text})
			if err := os.WriteFile(filepath.Join(dir, "fly.toml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			l.tool(place, "patch_services", arguments{"app": firstApp, "path": "fly.toml"})
			l.request(place, "resources/read", map[string]any{"uri": "fly-toml:///fly.toml"})
			file, err := flytoml.Parse("fly.toml", []byte(text))
			if err != nil {
				checkOutput(t, place+": parse", err.Error())
				continue
			}
			for _, f := range lint.Lint(file) {
				for _, text := range []string{f.Path, f.What, f.Why, f.Fix} {
					checkOutput(t, place+": lint "+string(f.Code), text)
				}
			}
		}
		t.Logf("%d texts", len(texts))
	})
}

// hostileFiles are the files with the marker in one place each; of places that
// several files have, one.
func hostileFiles(t *testing.T, files []string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out["comment"] = "# " + strings.NewReplacer("\n", " ", "\r", " ", "\x1b", " ").Replace(marker) + "\n" + string(data)
		var tree map[string]any
		if toml.Unmarshal(data, &tree) != nil {
			continue
		}
		tree["app"] = firstApp
		mutations(tree, "", func(place string) {
			if _, have := out[place]; have {
				return
			}
			text, err := toml.Marshal(tree)
			if err != nil {
				t.Fatalf("%s: %v", place, err)
			}
			out[place] = string(text)
		})
	}
	return out
}

// mutations calls try once for every string and every name of a tree, with the
// marker in its place.
func mutations(tree map[string]any, at string, try func(place string)) {
	for _, k := range slices.Sorted(maps.Keys(tree)) {
		was, place := tree[k], at+"."+k
		delete(tree, k)
		tree[marker] = was
		try(place + " (name)")
		delete(tree, marker)
		tree[k] = was
		mutate(was, place, func(v any) { tree[k] = v }, try)
		tree[k] = was
	}
}

func mutate(value any, place string, set func(any), try func(place string)) {
	switch value := value.(type) {
	case string:
		set(marker)
		try(place)
		set(value + marker)
		try(place + " (appended)")
	case []any:
		if len(value) > 0 {
			was := value[0]
			mutate(was, place+"[]", func(v any) { value[0] = v }, try)
			value[0] = was
		}
	case map[string]any:
		mutations(value, place, try)
	default: // a number, a boolean, a date: text has no place there
		set(marker)
		try(place + " (text)")
	}
}
