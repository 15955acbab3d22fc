package flysim_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// exchange is one recorded request of flyctl and its answer.
type exchange struct {
	Method  string            `json:"m"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"h"`
	Body    json.RawMessage   `json:"body"`
	Code    int               `json:"code"`
	Result  any               `json:"res"`
}

// sameAsRecorded are the keys whose values do not depend on ids and times. These must be equal; all
// other values must only have the same JSON type.
var sameAsRecorded = map[string]bool{
	"state": true, "region": true, "config": true, "definition": true, "status": true, "strategy": true,
	"host_status": true, "cordoned": true, "shared": true, "deployed": true, "type": true, "platformVersion": true,
	"registry": true, "ok": true, "network": true, "handlers": true,
}

// TestTraceReplay sends, in order, everything that the official flyctl sent in a first deploy, a
// second one, ips list, status and machine list, and compares the answers with those that flyctl
// accepted.
func TestTraceReplay(t *testing.T) {
	p := flysim.New(flysim.Options{Token: "test"})
	wantStatus(t, ask(t, p, "POST", "/v1/apps", `{"name":"demo","org_slug":"personal"}`), 201)
	p.ResetCalls()
	ids := make(map[string]string) // recorded id, nonce or version to ours
	replayed := 0
	for i, e := range readTrace(t) {
		path, body := translate(ids, e.Path), translate(ids, string(e.Body))
		headers := []string{"Authorization", e.Headers["Authorization"]}
		for name, value := range e.Headers {
			if strings.EqualFold(name, leaseHeader) {
				headers = append(headers, leaseHeader, translate(ids, value))
			}
		}
		if body == "null" {
			body = ""
		}
		got := ask(t, p, e.Method, path, body, headers...)
		calls := p.Calls()
		last := calls[len(calls)-1]
		where := fmt.Sprintf("request %d, %s", i, last.Operation)
		if got.status != e.Code {
			t.Errorf("%s: status %d, want %d: %s", where, got.status, e.Code, got.body)
			continue
		}
		var value any
		if err := json.Unmarshal(got.body, &value); err != nil {
			t.Errorf("%s: %v", where, err)
			continue
		}
		if body, ok := value.(map[string]any); ok && e.Path == "/graphql" && body["errors"] != nil {
			t.Errorf("%s: %s", where, got.body)
		}
		learn(ids, e.Result, value)
		c := comparison{t: t, where: where, ids: ids, graphql: strings.HasPrefix(last.Operation, "graphql.")}
		c.compare("", "", e.Result, value)
		replayed++
	}
	if replayed != 56 {
		t.Errorf("%d requests were replayed to the end, want 56", replayed)
	}
	addresses, releases := p.Addresses("demo"), p.Releases("demo")
	if len(addresses) != 1 || addresses[0].Kind != "private_v6" {
		t.Errorf("addresses after the deploys: %+v, want the one of the first", addresses)
	}
	if len(releases) != 2 || releases[0].Version != 2 || releases[0].Status != "complete" ||
		releases[1].Status != "complete" {
		t.Errorf("releases after the deploys: %+v", releases)
	}
	if m := p.Machine("demo", ids["148e0000000004"]); m.State != "started" || m.LeaseOwner != "" || !m.ChecksPassing {
		t.Errorf("the Machine after the deploys: %+v", m)
	}
	wantBody(t, ask(t, p, "GET", "/v1/apps/demo", ""), "status", "deployed")
}

func readTrace(t *testing.T) []exchange {
	t.Helper()
	file, err := os.Open("testdata/flyctl-trace.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var trace []exchange
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e exchange
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		trace = append(trace, e)
	}
	if err := lines.Err(); err != nil || len(trace) != 56 {
		t.Fatalf("%d requests, %v", len(trace), err)
	}
	return trace
}

// translate replaces recorded ids with ours, the longest first.
func translate(ids map[string]string, text string) string {
	known := slices.SortedFunc(maps.Keys(ids), func(a, b string) int { return len(b) - len(a) })
	for _, id := range known {
		text = strings.ReplaceAll(text, id, ids[id])
	}
	return text
}

// learn records the ids at the same place in both answers.
func learn(ids map[string]string, recorded, ours any) {
	was, ok := recorded.(map[string]any)
	is, ok2 := ours.(map[string]any)
	if !ok || !ok2 {
		return
	}
	for key, value := range was {
		from, isText := value.(string)
		to, also := is[key].(string)
		switch number, isNumber := is[key].(float64); {
		case key == "id" && isNumber: // of a build
			ids[fmt.Sprintf(`"build_id": %v`, value)] = fmt.Sprintf(`"build_id": %v`, number)
		case key == "id" || key == "nonce" || key == "instance_id":
			if isText && also && from != "demo" && len(from) > 4 {
				ids[from] = to
			}
		case key == "release" || key == "data":
			learn(ids, value, is[key])
		}
	}
}

type comparison struct {
	t       *testing.T
	where   string
	ids     map[string]string
	graphql bool // the answer has only the requested fields
}

// compare compares both answers. In REST every recorded key must exist, in GraphQL every key of
// ours must have the recorded type. A recorded null allows any value.
func (c comparison) compare(path, key string, recorded, ours any) {
	if recorded == nil {
		return
	}
	if reflect.TypeOf(recorded) != reflect.TypeOf(ours) {
		c.t.Errorf("%s: %s is %T (%v), want %T", c.where, path, ours, ours, recorded)
		return
	}
	if number, ok := recorded.(float64); ok && key == "version" {
		if ours != number {
			c.t.Errorf("%s: %s = %v, want %v", c.where, path, ours, number)
		}
		return
	}
	if sameAsRecorded[key] {
		want := recorded
		raw, err := json.Marshal(recorded)
		if err == nil {
			err = json.Unmarshal([]byte(translate(c.ids, string(raw))), &want)
		}
		if err != nil || !reflect.DeepEqual(want, ours) {
			c.t.Errorf("%s: %s = %v, want %v (%v)", c.where, path, ours, want, err)
		}
		return
	}
	switch was := recorded.(type) {
	case map[string]any:
		is := ours.(map[string]any)
		keys := was
		if c.graphql {
			keys = is
		}
		for key := range keys {
			if _, ok := is[key]; !ok {
				c.t.Errorf("%s: %s.%s is missing", c.where, path, key)
				continue
			}
			c.compare(path+"."+key, key, was[key], is[key])
		}
	case []any:
		is := ours.([]any)
		if len(was) > 0 && len(is) > 0 {
			c.compare(path+"[0]", "", was[0], is[0])
		} else if len(was) != len(is) {
			c.t.Errorf("%s: %s has %d elements, want %d", c.where, path, len(is), len(was))
		}
	}
}
