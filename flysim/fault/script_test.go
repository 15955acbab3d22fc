package fault_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
)

// lines returns the entries of a script in the form of a command line.
func lines(s flysim.Script) string {
	var out []string
	for _, f := range s.Faults {
		out = append(out, fault.Line(f))
	}
	for _, e := range s.Events {
		out = append(out, fault.EventLine(e))
	}
	return strings.Join(out, "\n")
}

const everything = `
seed = 7

[[fault]]
operation = "ip.release"
app = "shop-api"
target = "66.241.124.11"
at = "0s"
for = "10s"
after = 2
times = 3
status = 502
body = "{\"errors\":[]}"
content_type = "application/json"
retry_after = "3s"
effect = true

[[fault]]
chance = 1
reset = "during"
jump = "1h"

[[fault]]
operation = "machine.*"
chance = 0.25
times = -1
delay = "2s"
trickle = "1m"
truncate = true

[[fault]]
operation = "machine.create"
answer = "no_capacity"

[[fault]]
operation = "machine.*"
answer = "host_closed"

[[fault]]
operation = "machine.list"
answer = "rate_limited"
retry_after = "7s"

[[fault]]
operation = "graphql.somethingElse"
answer = "edge"
status = 504

[[event]]
at = "30s"
every = "1m"
app = "shop-api"
do = "crash"

[[event]]
app = "shop-api"
machine = "0"
listen = ["127.0.0.1:8080", "udp://[::]:53"]

[[event]]
app = "shop-api"
listen = []

[[event]]
every = "5s"
app = "shop-api"
machine = "148e21ea7d9d89"
lease = "1m"

[[event]]
at = "1m"
jump = "24h"
speed = 60
`

func TestParseScript(t *testing.T) {
	got, err := fault.ParseScript([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	want := `ip.release app=shop-api target=66.241.124.11 for=10s after=2 times=3 status=502 body="{\"errors\":[]}" content_type=application/json retry_after=3s effect
* chance=1 reset=during jump=1h0m0s
machine.* times=-1 chance=0.25 delay=2s trickle=1m0s truncate
machine.create status=409 body="{\"error\":\"aborted: could not reserve resource for machine: insufficient memory available to fulfill request on the current host\"}"
machine.* status=409 body="{\"error\":\"aborted: deploys to this host are temporarily disabled\"}"
machine.list status=429 body="{\"error\":\"rate limit exceeded\"}" retry_after=7s
graphql.somethingElse status=504 body="<!DOCTYPE html>\n<html>\n<head><title>504 Gateway Timeout</title></head>\n<body>\n<center><h1>504 Gateway Timeout</h1></center>\n</body>\n</html>\n" content_type="text/html; charset=utf-8"
event at=30s every=1m0s app=shop-api do=crash
event app=shop-api machine=0 listen=127.0.0.1:8080,udp://[::]:53
event app=shop-api listen=
event at=5s every=5s app=shop-api machine=148e21ea7d9d89 lease=1m0s
clock at=1m0s jump=24h0m0s speed=60`
	if lines(got) != want || got.Seed != 7 {
		t.Errorf("seed %d, got\n%s\nwant\n%s", got.Seed, lines(got), want)
	}
	for line := range strings.Lines(want) { // as a command line each has the same meaning
		again, err := fault.Parse(line)
		if err != nil || lines(again) != strings.TrimSuffix(line, "\n") {
			t.Errorf("%s: %v, again %s", line, err, lines(again))
		}
	}
}

func TestParseScriptErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"seed = 1\n[[fault]]\nstatus = 500\nstatsu = 500", "line 4: fault.statsu: unknown key"},
		{"[[faults]]\nstatus = 500", "line 1: faults: unknown key"},
		{"[[fault]]\nstatus = \"500\"", "line 2: fault.status: "},
		{"[[fault]\n", "line 1: "},
		{"[[fault]]\nstatus = 500\nstatus = 501", "line 3: "},
		{"[[fault]]\nstatus = 500\n\n[[fault]]\n# none\nstatus = 99", "line 6: fault.status: want 200 to 599"},
		{"[[fault]]\noperation = \"ip.relase\"\nstatus = 500",
			`line 2: fault.operation: "ip.relase" is not an operation, and not a pattern that matches one`},
		{"[[fault]]\noperation = \"ip.[\"\nstatus = 500", "line 2: fault.operation: "},
		{"[[fault]]\noperation = \"graphql.[\"\nstatus = 500", "line 2: fault.operation: "},
		{"[[fault]]\ndelay = \"fast\"",
			`line 2: fault.delay: "fast" is not a duration such as "2s" or "1h30m", up to ten years`},
		{"[[fault]]\ndelay = \"-1s\"", "line 2: fault.delay: "},
		{"[[fault]]\njump = \"0s\"", "line 2: fault.jump: "},
		{"[[fault]]\njump = \"99999h\"", "line 2: fault.jump: "},
		{"[[fault]]\nstatus = 500\ntimes = 0", "line 3: fault.times: want 1 or more, or -1 for no end"},
		{"[[fault]]\nstatus = 500\nafter = -1", "line 3: fault.after: want 0 or more"},
		{"[[fault]]\nstatus = 500\nchance = 0", "line 3: fault.chance: want a number over 0 and up to 1"},
		{"[[fault]]\nstatus = 500\nchance = nan", "line 3: fault.chance: "},
		{"[[fault]]\nreset = \"late\"", `line 2: fault.reset: "late" is not one of before, during, after`},
		{"[[fault]]\nreset = \"after\"\nstatus = 500", "line 2: fault.reset: not allowed with a status: a dropped"},
		{"[[fault]]\nreset = \"after\"\nanswer = \"edge\"", "line 2: fault.reset: not allowed with a status: a dropped"},
		{"[[fault]]\nreset = \"after\"\ntruncate = true", "line 3: fault.truncate: not allowed with reset"},
		{"[[fault]]\nstatus = 500\ntruncate = true", "line 3: fault.truncate: not allowed with a status"},
		{"[[fault]]\nanswer = \"full\"",
			`line 2: fault.answer: "full" is not one of no_capacity, host_closed, rate_limited, edge`},
		{"[[fault]]\ndelay = \"1s\"\nbody = \"x\"", "line 3: fault.body: needs a status or an answer"},
		{"[[fault]]\ndelay = \"1s\"\neffect = true", "line 3: fault.effect: needs"},
		{"[[fault]]\ndelay = \"1s\"\nretry_after = \"1s\"", "line 3: fault.retry_after: needs"},
		{"[[fault]]\ndelay = \"1s\"\ncontent_type = \"a/b\"", "line 3: fault.content_type: needs"},
		{"[[fault]]\nstatus = 500\ncontent_type = \"a\\r\\nb\"", "line 3: fault.content_type: want printable ASCII"},
		{"\n[[fault]]\noperation = \"ip.*\"", "line 2: fault: nothing goes wrong"},
		{"[[event]]\nat = \"1s\"", "line 1: event: give one of do, listen, lease, or jump and speed"},
		{"[[event]]\napp = \"a\"\ndo = \"stop\"\nlease = \"1s\"", "line 1: event: give one of"},
		{"[[event]]\napp = \"a\"\ndo = \"explode\"", `line 3: event.do: "explode" is not one of start, stop, `},
		{"[[event]]\ndo = \"stop\"", "line 1: event.app: want the app of the Machines"},
		{"[[event]]\napp = \"a\"\nlisten = [\"web\"]", "line 3: event.listen: want addresses"},
		{"[[event]]\nspeed = 2\napp = \"a\"", "line 3: event.app: not allowed with the clock, which all apps share"},
		{"[[event]]\nspeed = 2\nmachine = \"0\"", "line 3: event.machine: not allowed with the clock, which all apps share"},
		{"[[event]]\nspeed = -1", "line 2: event.speed: want 0 to 1e+06"},
		{"[[event]]\nspeed = nan", "line 2: event.speed: "},
		{"[[event]]\nevery = \"1ms\"\nspeed = 2", "line 2: event.every: want 1s or more"},
		{"[[event]]\nevery = \"1h\"\njump = \"2h\"", "line 2: event.every: a jump happens once"},
		{"fault = [{status = 500}, {status = 5}]", "fault.status: want"},
		{strings.Repeat("[[fault]]\nstatus = 500\n", 1001), "more than 1000 faults and events"},
	} {
		_, err := fault.ParseScript([]byte(tt.text))
		var mistake *fault.ScriptError
		if !errors.As(err, &mistake) || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%.80q\ngot  %v\nwant %s", tt.text, err, tt.want)
		}
	}
}

func TestParseFault(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"ip.release status=502 times=2", "ip.release times=2 status=502"},
		{" machine.update  reset=after\tchance=0.2 ", "machine.update chance=0.2 reset=after"},
		{"clock jump=1h at=30s", "clock at=30s jump=1h0m0s"},
		{"clock speed=0", "clock speed=0"},
		{"event app=shop-api do=oom machine=1 at=1s", "event at=1s app=shop-api machine=1 do=oom"},
		{"event app=shop-api listen=", "event app=shop-api listen="},
		{"* truncate=true", "* truncate"},
		{"* effect=false truncate", "* truncate"},
		{`* status=418 body="short and \"stout\"\t"`, `* status=418 body="short and \"stout\"\t"`},
		{`graphql.app status=200 body={"data":null}`, `graphql.app status=200 body="{\"data\":null}"`},
		{`* status=500 body=a=b`, `* status=500 body=a=b`},
	} {
		got, err := fault.Parse(tt.line)
		if err != nil || lines(got) != tt.want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", tt.line, lines(got), err, tt.want)
		}
	}
	for _, tt := range []struct{ line, want string }{
		{"", "want an operation and what goes wrong, such as: ip.release status=502"},
		{"status=502", "status: the operation must come first; * means every operation"},
		{"ip.release", "nothing goes wrong"},
		{"ip.relase status=500", `operation: "ip.relase" is not an operation`},
		{"ip.release operation=ip.list status=500", "operation: given twice"},
		{"* status=500 status=500", "status: given twice"},
		{"* status=five", `status: "five" is not a number`},
		{"* status=NaN", `status: "NaN" is not a number`},
		{"* status=500.5", "status: a number 500.5 does not fit"},
		{"* status=500,", `status: "500," is not a number`},
		{"* status=1e999", `status: "1e999" is not a number`},
		{"* effect=maybe status=500", `effect: "maybe" is neither true nor false`},
		{"* reset", "reset: has no value"},
		{"* statsu=500", `unknown field "statsu"`},
		{`* status=500 body="open`, "body: the quotes are not closed"},
		{"clock status=500", `unknown field "status"`},
		{"clock", "give one of do"},
	} {
		if _, err := fault.Parse(tt.line); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s\ngot  %v\nwant %s", tt.line, err, tt.want)
		}
	}
}

// FuzzParseScript checks that an accepted script can be played, and can be written as lines with
// the same meaning.
func FuzzParseScript(f *testing.F) {
	f.Add(everything)
	f.Add("fault = [{status = 500}]\n[[event]]\nat = 1979-05-27T07:32:00Z")
	f.Add("[fault]\nstatus = 500\n[[event.app]]\n\"do\".x = 1")
	p := flysim.New(flysim.Options{})
	f.Fuzz(func(t *testing.T, text string) {
		script, err := fault.ParseScript([]byte(text))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a message")
			}
			return
		}
		p.ClearFaults()
		p.Play(script)
		if len(p.Faults()) != len(script.Faults) || len(p.Events()) != len(script.Events) {
			t.Error("something was not played")
		}
		checkReadBack(t, script)
	})
}

func FuzzParseFault(f *testing.F) {
	f.Add("ip.release status=502 times=2")
	f.Add(`clock jump=1h at=30s "`)
	f.Add(`event app="a b" listen=[::]:1,udp://0.0.0.0:2`)
	f.Fuzz(func(t *testing.T, line string) {
		if script, err := fault.Parse(line); err == nil {
			checkReadBack(t, script)
		}
	})
}

// checkReadBack formats the entries of a script and parses them again.
func checkReadBack(t *testing.T, script flysim.Script) {
	t.Helper()
	var entries []string
	for _, f := range script.Faults {
		if strings.ContainsAny(f.Operation, " \t\r\n=") { // graphql.* may be anything
			continue
		}
		entries = append(entries, fault.Line(f))
	}
	for _, e := range script.Events {
		entries = append(entries, fault.EventLine(e))
	}
	for _, e := range entries {
		if got, err := fault.Parse(e); err != nil || lines(got) != e {
			t.Errorf("%q: %v, again %q", e, err, lines(got))
		}
	}
}

// TestDocumentedScript checks that the examples in the documentation are valid.
func TestDocumentedScript(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "flysim.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Faults\n")
	_, text, _ := strings.Cut(section, "```toml\n")
	text, _, _ = strings.Cut(text, "```")
	script, err := fault.ParseScript([]byte(text))
	if err != nil || len(script.Faults) != 3 || len(script.Events) != 2 {
		t.Errorf("%d faults, %d events, %v", len(script.Faults), len(script.Events), err)
	}
	flags := regexp.MustCompile(`--fault '([^'…]+)'`).FindAllStringSubmatch(section, -1)
	if len(flags) != 4 {
		t.Errorf("%d flags", len(flags))
	}
	for _, flag := range flags {
		if _, err := fault.Parse(flag[1]); err != nil {
			t.Errorf("%s: %v", flag[1], err)
		}
	}
}
