package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
)

// TestScripts runs testdata/script/*.txtar: the real program over stdio,
// against an emulated platform in this process, whose truth and recorded calls
// the scripts assert.
//
//	platform [option…]        a seeded platform; $FLY_* point at it. Options: lag=N no-types no-app-network no-egress
//	fault OPERATION KEY=VALUE…  as --fault of flysim
//	actor VERB APP [ARG…]     somebody else acts: stop-machine, add-address, remove-address, hold-lease,
//	                          fail-machine, loopback, add-certificate, rename-group, set-field
//	truth APP public=N flycast=N
//	writes [OPERATION] N      the platform recorded so many writes since the last forget; a lease counts
//	                          once, however often it was prolonged
//	forget                    forget the recorded calls
//	server [era=V] [elicit] [-- ARG…]   start flycast-mcp stdio ARG…
//	answer ACTION [wait=D] [FIELD=VALUE…]   what the person does with the next question
//	before-answer VERB APP …  an actor's act between the question and the answer
//	late ACTION [FIELD=VALUE…]  answer the last question after its call has ended
//	call TOOL JSON            tools/call; stdout has the structured half, stderr the text half
//	repeat [state|until STATUS|until PATH VALUE]   the last call once more, with its last state and answer if state
//	held OPERATION            wait until a call has come to the platform that it has not answered
//	pass D                    let time pass, for the program and the platform
//	want PATH VALUE | want PATH ~REGEXP | want -missing PATH
//	asked REGEXP / ! asked REGEXP    the last question that was put
//	questions N               so many questions were put since the server started
//	save NAME PATH            put a value of the last answer into $NAME
//	raw LINE                  send a line as it is; stdout has the answer
//	rpc METHOD JSON           any other request; stdout has the result or error
//	signal [SIGHUP]           send the server SIGTERM, or SIGHUP
//	interrupt [SIGHUP]        and wait until it ends its work
//	release APP STATUS        what the app's last release says
//	end                       end the server and wait for it (stop, testscript's own, ends the script)
//	exits N PROGRAM ARG…      run a program, which ends with status N
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("..", "..", "testdata", "script"),
		Setup: func(env *testscript.Env) error {
			clock := newSharedClock(t)
			env.Setenv("TEST_CLOCK", clock.file)
			home := t.TempDir() // not below the working directory: that would be no implicit root
			env.Setenv("HOME", home)
			env.Setenv("XDG_STATE_HOME", "")
			env.Setenv("XDG_CONFIG_HOME", "")
			env.Setenv("GORACE", "atexit_sleep_ms=10") // not a second for each process
			s := &scriptState{clock: clock}
			env.Values[scriptStateKey{}] = s
			env.Defer(s.close)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"platform":      scriptCommand((*scriptState).platformCmd),
			"fault":         scriptCommand((*scriptState).fault),
			"actor":         scriptCommand((*scriptState).actor),
			"truth":         scriptCommand((*scriptState).truth),
			"writes":        scriptCommand((*scriptState).writes),
			"forget":        scriptCommand((*scriptState).forget),
			"server":        scriptCommand((*scriptState).server),
			"answer":        scriptCommand((*scriptState).answer),
			"before-answer": scriptCommand((*scriptState).beforeAnswer),
			"late":          scriptCommand((*scriptState).late),
			"call":          scriptCommand((*scriptState).call),
			"repeat":        scriptCommand((*scriptState).repeat),
			"want":          scriptCommand((*scriptState).want),
			"asked":         scriptCommand((*scriptState).asked),
			"questions":     scriptCommand((*scriptState).questions),
			"save":          scriptCommand((*scriptState).save),
			"held":          scriptCommand((*scriptState).held),
			"pass":          scriptCommand((*scriptState).pass),
			"raw":           scriptCommand((*scriptState).raw),
			"rpc":           scriptCommand((*scriptState).rpc),
			"signal":        scriptCommand((*scriptState).signal),
			"interrupt":     scriptCommand((*scriptState).interrupt),
			"release":       scriptCommand((*scriptState).release),
			"end":           scriptCommand((*scriptState).end),
			"exits":         scriptCommand((*scriptState).exits),
		},
	})
}

type scriptStateKey struct{}

// scriptState is what the commands of a script share.
type scriptState struct {
	ts       *testscript.TestScript
	neg      bool
	clock    *sharedClock
	platform *flysim.Platform
	listen   *flysim.Server
	client   *rpcClient

	lastTool  string
	lastArgs  json.RawMessage
	lastState string
	lastReply json.RawMessage
	result    map[string]any // structured half of the last answer
	answers   []plannedAnswer
	question  string
	put       int
}

// plannedAnswer is what the person does with a question.
type plannedAnswer struct {
	action  string
	content map[string]any
	wait    time.Duration
	act     []string // what somebody else does before the answer
}

// scriptCommand makes a command of scripts from a method.
func scriptCommand(cmd func(*scriptState, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		s := ts.Value(scriptStateKey{}).(*scriptState)
		s.ts, s.neg = ts, neg
		cmd(s, args)
	}
}

func (s *scriptState) close() {
	if s.client != nil {
		s.client.close()
	}
	if s.listen != nil {
		_ = s.listen.Close()
	}
}

func (s *scriptState) platformCmd(args []string) {
	var o flysim.Options
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "lag":
			n, err := strconv.Atoi(value)
			s.ts.Check(err)
			o.ListLag = n
		case "no-types":
			o.OmitTypes = true
		case "no-app-network":
			o.OmitAppNetwork = true
		case "no-egress":
			o.OmitEgress = true
		default:
			s.ts.Fatalf("platform: unknown option %s", arg)
		}
	}
	s.platform = flysim.New(s.clock.platform(o))
	s.ts.Check(s.platform.Seed(context.Background()))
	listen, err := s.platform.Listen("127.0.0.1:0")
	s.ts.Check(err)
	s.listen = listen
	for _, v := range listen.Environment(s.platform.Token()) {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "FLY_") {
			s.ts.Setenv(name, value)
		}
	}
	s.ts.Setenv("FLY_URL", listen.URL)
	s.ts.Setenv("FLY_READONLY_TOKEN", s.platform.ReadOnlyToken())
	if _, err := os.Stat(s.ts.MkAbs("shop-api")); err != nil {
		s.ts.Check(s.platform.WriteConfigs(s.ts.MkAbs(".")))
	}
}

func (s *scriptState) fault(args []string) {
	script, err := fault.Parse(strings.Join(args, " "))
	s.ts.Check(err)
	s.platform.Play(script)
}

func (s *scriptState) actor(args []string) { s.act(args) }

// act is somebody else changing the platform.
func (s *scriptState) act(args []string) {
	verb, app, rest := args[0], args[1], args[2:]
	ids := s.platform.MachineIDs(app)
	switch verb {
	case "stop-machine":
		s.platform.StopMachine(app, ids[0])
	case "add-address":
		s.platform.AddAddress(app, rest[0], "", "")
	case "remove-address":
		s.platform.RemoveAddress(app, rest[0])
	case "hold-lease":
		s.platform.HoldLease(app, ids[0], rest[0], time.Hour)
	case "fail-machine":
		s.platform.FailMachine(app, ids[0], flysim.FailExit)
	case "loopback":
		for _, id := range ids {
			s.platform.SetListen(app, id, []string{"127.0.0.1:8080"})
		}
	case "add-certificate":
		name, err := strconv.Unquote(`"` + rest[0] + `"`)
		s.ts.Check(err)
		s.platform.AddCertificate(app, name)
	case "rename-group":
		for _, id := range ids {
			config := s.platform.MachineConfig(app, id)
			metadata, err := config.Metadata()
			s.ts.Check(err)
			text, err := strconv.Unquote(`"` + rest[0] + `"`)
			s.ts.Check(err)
			metadata["fly_process_group"] = text
			config, err = config.With("metadata", metadata)
			s.ts.Check(err)
			s.platform.SetMachineConfig(app, id, config)
		}
	case "set-field":
		for _, id := range ids {
			config, err := s.platform.MachineConfig(app, id).With(rest[0], json.RawMessage(rest[1]))
			s.ts.Check(err)
			s.platform.SetMachineConfig(app, id, config)
		}
	default:
		s.ts.Fatalf("actor: unknown act %s", verb)
	}
}

func (s *scriptState) truth(args []string) {
	got := map[string]int{}
	for _, a := range s.platform.Addresses(args[0]) {
		switch a.Kind {
		case "private_v6":
			got["flycast"]++
		case "v4", "v6", "shared_v4":
			got["public"]++
		default:
			got[a.Kind]++
		}
	}
	for _, arg := range args[1:] {
		kind, want, _ := strings.Cut(arg, "=")
		if strconv.Itoa(got[kind]) != want {
			s.ts.Fatalf("%s has %d %s addresses, want %s", args[0], got[kind], kind, want)
		}
	}
}

func (s *scriptState) writes(args []string) {
	want, operation := args[len(args)-1], ""
	if len(args) == 2 {
		operation = args[0]
	}
	var seen []string
	leased := make(map[string]bool) // Machines
	for _, c := range s.platform.Writes() {
		switch c.Operation {
		case "lease.acquire":
			if leased[c.Target] {
				continue // prolonged, as a slow machine has it: no other lease
			}
			leased[c.Target] = c.Status < 300
		case "lease.release":
			leased[c.Target] = false
		}
		if operation == "" || c.Operation == operation {
			seen = append(seen, fmt.Sprintf("%s %s %s → %d", c.Operation, c.App, c.Target, c.Status))
		}
	}
	if strconv.Itoa(len(seen)) != want {
		s.ts.Fatalf("%d writes %s, want %s:\n%s", len(seen), operation, want, strings.Join(seen, "\n"))
	}
}

func (s *scriptState) forget([]string) { s.platform.ResetCalls() }

func (s *scriptState) server(args []string) {
	if s.client != nil {
		s.client.close()
		s.quiet()
	}
	era, elicit := "2025-06-18", false
	for len(args) > 0 && args[0] != "--" {
		name, value, _ := strings.Cut(args[0], "=")
		switch name {
		case "era":
			era = value
		case "elicit":
			elicit = true
		default:
			s.ts.Fatalf("server: unknown option %s", args[0])
		}
		args = args[1:]
	}
	if len(args) > 0 {
		args = args[1:]
	}
	s.put, s.question = 0, ""
	client, err := startClient(
		s.ts,
		era,
		elicit,
		append([]string{"stdio", "--state-dir", s.ts.MkAbs("state"), "--log-level", "warn"}, args...),
	)
	s.ts.Check(err)
	client.ask = s.respond
	s.client = client
	s.ts.Check(client.open())
}

func (s *scriptState) answer(args []string) {
	a := plannedAnswer{action: args[0], content: map[string]any{}}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		switch {
		case name == "wait":
			d, err := time.ParseDuration(value)
			s.ts.Check(err)
			a.wait = d
		case value == "true" || value == "false":
			a.content[name] = value == "true"
		default:
			a.content[name] = value
		}
	}
	s.answers = append(s.answers, a)
}

func (s *scriptState) late(args []string) {
	s.answer(args)
	a := s.answers[len(s.answers)-1]
	s.answers = s.answers[:len(s.answers)-1]
	s.ts.Check(s.client.respond(a.action, a.content))
}

func (s *scriptState) beforeAnswer(args []string) {
	if len(s.answers) == 0 {
		s.ts.Fatalf("before-answer: there is no answer yet")
	}
	s.answers[len(s.answers)-1].act = args
}

// respond is the person. It is called for each question; ok is false if nobody
// answers.
func (s *scriptState) respond(message string) (action string, content map[string]any, ok bool) {
	s.put++
	s.question = message
	if len(s.answers) == 0 {
		return "", nil, false
	}
	a := s.answers[0]
	s.answers = s.answers[1:]
	if a.wait > 0 {
		s.let(a.wait)
	}
	if a.act != nil {
		s.act(a.act)
	}
	if a.action == "none" {
		return "", nil, false
	}
	return a.action, a.content, true
}

func (s *scriptState) call(args []string) {
	s.lastTool, s.lastArgs = args[0], json.RawMessage("{}")
	if len(args) > 1 {
		s.lastArgs = json.RawMessage(args[1])
	}
	if !json.Valid(s.lastArgs) {
		s.ts.Fatalf("call: %s is not JSON", s.lastArgs)
	}
	s.lastState, s.lastReply = "", nil
	s.send()
}

func (s *scriptState) pass(args []string) {
	d, err := time.ParseDuration(args[0])
	s.ts.Check(err)
	s.let(d)
}

// let lets time pass, and wakes what the platform holds for a time.
func (s *scriptState) let(d time.Duration) {
	s.clock.pass(d)
	s.platform.Clock().Advance(0)
}

// held waits for a call, so that the time that passes next passes for it.
func (s *scriptState) held(args []string) {
	s.until(args[0]+" is not held", func() bool {
		return slices.ContainsFunc(
			s.platform.Calls(),
			func(c flysim.Call) bool { return c.Operation == args[0] && c.Status == 0 },
		)
	})
}

// until tries again and again, however slow the machine is, and leaves the
// processor to the server in between. It gives up only on a server that hangs.
func (s *scriptState) until(problem string, try func() bool) {
	const hangs = 3 * time.Minute
	for start := time.Now(); time.Since(start) < hangs; time.Sleep(2 * time.Millisecond) {
		if try() {
			return
		}
	}
	s.ts.Fatalf("%s after %v: %v", problem, hangs, s.result)
}

func (s *scriptState) repeat(args []string) {
	if len(args) >= 2 && args[0] == "until" {
		path, want := "status", args[1:]
		if len(args) > 2 {
			path, want = args[1], args[2:]
		}
		s.until(fmt.Sprintf("%s is still not %q", path, want), func() bool {
			if _, _, match := s.matches(path, want); match {
				return true
			}
			s.send()
			return false
		})
		return
	}
	if len(args) == 0 {
		s.lastState, s.lastReply = "", nil
	}
	s.send()
}

// send makes the call, answers questions on the way, and keeps what came back.
func (s *scriptState) send() {
	out, err := s.client.callTool(s.lastTool, s.lastArgs, &s.lastState, &s.lastReply)
	s.result = nil
	if err != nil {
		fmt.Fprintln(s.ts.Stderr(), err)
		if !s.neg {
			s.ts.Fatalf("call %s: %v", s.lastTool, err)
		}
		return
	}
	if s.neg {
		s.ts.Fatalf("call %s: succeeded: %s", s.lastTool, out.Structured)
	}
	if len(out.Structured) > 0 {
		s.ts.Check(json.Unmarshal(out.Structured, &s.result))
	}
	fmt.Fprintf(s.ts.Stdout(), "%s\n", out.Structured)
	fmt.Fprintf(s.ts.Stderr(), "%s\nisError: %v\n", out.Text, out.IsError)
}

func (s *scriptState) want(args []string) {
	if args[0] == "-missing" {
		if v, ok := lookup(s.result, args[1]); ok {
			s.ts.Fatalf("%s is %v, want it missing", args[1], v)
		}
		return
	}
	got, ok, match := s.matches(args[0], args[1:])
	if match == s.neg {
		body, _ := json.MarshalIndent(s.result, "", "  ")
		s.ts.Fatalf("%s is %q (there: %v), want %q\n%s", args[0], got, ok, strings.Join(args[1:], " "), body)
	}
}

// matches compares a value of the last answer with a text or, after ~, a pattern.
func (s *scriptState) matches(path string, text []string) (got string, ok, match bool) {
	v, ok := lookup(s.result, path)
	got, want := fmt.Sprint(v), strings.Join(text, " ")
	if list, is := v.([]any); is {
		words := make([]string, len(list))
		for i, item := range list {
			words[i] = fmt.Sprint(item)
			if m, is := item.(map[string]any); is {
				words[i] = fmt.Sprint(m["id"])
			}
		}
		got = strings.Join(words, " ")
	}
	match = ok && got == want
	if pattern, is := strings.CutPrefix(want, "~"); is {
		match = ok && regexp.MustCompile(pattern).MatchString(got)
	}
	return got, ok, match
}

// lookup finds a value by a dotted path; numbers index arrays.
func lookup(v any, path string) (any, bool) {
	for part := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func (s *scriptState) asked(args []string) {
	if regexp.MustCompile(args[0]).MatchString(s.question) == s.neg {
		s.ts.Fatalf("the question was:\n%s", s.question)
	}
}

func (s *scriptState) questions(args []string) {
	if strconv.Itoa(s.put) != args[0] {
		s.ts.Fatalf("%d questions were put, want %s; the last:\n%s", s.put, args[0], s.question)
	}
}

func (s *scriptState) save(args []string) {
	v, ok := lookup(s.result, args[1])
	if !ok {
		s.ts.Fatalf("there is no %s in the last answer", args[1])
	}
	s.ts.Setenv(args[0], fmt.Sprint(v))
}

func (s *scriptState) raw(args []string) {
	line, err := s.client.raw(strings.Join(args, " "))
	s.ts.Check(err)
	fmt.Fprintf(s.ts.Stdout(), "%s\n", line)
}

func (s *scriptState) rpc(args []string) {
	params := json.RawMessage("{}")
	if len(args) > 1 {
		params = json.RawMessage(args[1])
	}
	reply, err := s.client.request(args[0], params)
	s.ts.Check(err)
	if (reply.Error != nil) != s.neg {
		s.ts.Fatalf("%s: error %s, result %s", args[0], reply.Error, reply.Result)
	}
	fmt.Fprintf(s.ts.Stdout(), "%s%s\n", reply.Result, reply.Error)
}

// secrets are values of the example organization that must never leave the
// process, whatever was called.
func secrets() []string { return []string{"sw0rdfish", flysim.DefaultToken} }

// quiet fails the script if the server let a secret out, in an answer or in
// its log.
func (s *scriptState) quiet() {
	if s.client == nil {
		return
	}
	for _, secret := range secrets() {
		if strings.Contains(s.client.all.String(), secret) || strings.Contains(s.client.stderr.String(), secret) {
			s.ts.Fatalf("a secret is in the server's output")
		}
	}
}

func (s *scriptState) signal(args []string) {
	kind := syscall.SIGTERM
	if len(args) > 0 && args[0] == "SIGHUP" {
		kind = syscall.SIGHUP
	}
	s.ts.Check(s.client.cmd.Process.Signal(kind))
}

func (s *scriptState) interrupt(args []string) {
	s.signal(args)
	s.until(
		"nothing was interrupted",
		func() bool { return strings.Contains(s.client.stderr.String(), "unfinished work ends after") },
	)
}

func (s *scriptState) release(args []string) {
	if got := s.platform.Releases(args[0])[0].Status; got != args[1] {
		s.ts.Fatalf("the release of %s is %s, want %s", args[0], got, args[1])
	}
}

func (s *scriptState) end([]string) {
	if s.client == nil {
		s.ts.Fatalf("end: no server runs")
	}
	err := s.client.close()
	s.quiet()
	s.client = nil
	if err != nil && !s.neg {
		s.ts.Fatalf("server: %v", err)
	}
}

func (s *scriptState) exits(args []string) {
	status := 0
	if err := s.ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			s.ts.Fatalf("%s: %v", args[1], err)
		}
		status = ended.ExitCode()
	}
	if strconv.Itoa(status) != args[0] {
		s.ts.Fatalf("status %d, want %s", status, args[0])
	}
}
