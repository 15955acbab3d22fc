package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

const (
	testPassphrase = "correct horse battery"
	lowWorkFactor  = 2
)

// approvalTest is a home folder with a server's state folder in it, and a clock
// that stands still.
type approvalTest struct {
	t           *testing.T
	home        string
	environment []string // NAME=VALUE, besides HOME

	mu  sync.Mutex
	now time.Time
}

func newApprovalTest(t *testing.T) *approvalTest {
	return &approvalTest{t: t, home: t.TempDir(), now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)}
}

// Now implements call.Clock.
func (d *approvalTest) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// After implements call.Clock; nothing here waits.
func (d *approvalTest) After(time.Duration) <-chan time.Time { return nil }

func (d *approvalTest) advance(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = d.now.Add(by)
}

func (d *approvalTest) program(args ...string) program {
	return program{
		args: args, clock: d, workFactor: lowWorkFactor, stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard,
		lookup: func(name string) (string, bool) {
			for _, v := range append([]string{"HOME=" + d.home}, d.environment...) {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value, true
				}
			}
			return "", false
		},
	}
}

func (d *approvalTest) configDir() string { return filepath.Join(d.home, ".config", "flycast-mcp") }
func (d *approvalTest) requestsDir() string {
	return filepath.Join(d.home, ".local", "state", "flycast-mcp", statedir.Requests)
}

// key makes an approver's key and puts it where --init would.
func (d *approvalTest) key() gate.PublicKey {
	d.t.Helper()
	key, err := gate.NewSigningKey()
	var sealed bytes.Buffer
	err = errors.Join(err, key.Encrypt(&sealed, testPassphrase, lowWorkFactor), os.MkdirAll(d.configDir(), 0o700),
		os.WriteFile(filepath.Join(d.configDir(), statedir.SigningKey), sealed.Bytes(), 0o600))
	if err != nil {
		d.t.Fatal(err)
	}
	return key.Public()
}

// gate is a server's gate that asks in the terminal only.
func (d *approvalTest) gate(keys ...gate.PublicKey) *gate.Gate {
	d.t.Helper()
	requests, err := gate.NewRequests(d.requestsDir(), d.Now)
	if err != nil {
		d.t.Fatal(err)
	}
	return gate.New(gate.Options{
		Mode: gate.ModeTerminal, Keys: gate.FixedKeys(keys...), Requests: requests,
		Ledger: &memoryLedger{}, AnswerWithin: time.Minute, Now: d.Now,
	})
}

// decide brings a plan to a gate, as a tool does.
func (d *approvalTest) decide(g *gate.Gate, p plan.Plan, code string) gate.Outcome {
	d.t.Helper()
	r, err := p.Request(p.Question())
	if err != nil {
		d.t.Fatal(err)
	}
	r.Caller, r.Asker, r.From, r.Code = "local", "the local user", "stdio server on desk, process 7", code
	outcome := g.Decide(r, nil)
	return outcome
}

// wait makes the gate leave a request for the plan, and gives its ticket.
func (d *approvalTest) wait(g *gate.Gate, p plan.Plan) string {
	d.t.Helper()
	outcome := d.decide(g, p, "")
	if outcome.Kind != gate.NeedsTerminal || outcome.Ticket == "" {
		d.t.Fatalf("got outcome %+v, want a ticket", outcome)
	}
	return outcome.Ticket
}

// answered tells whether an answer lies beside the request.
func (d *approvalTest) answered(ticket string) bool {
	_, err := os.Stat(filepath.Join(d.requestsDir(), ticket+".answer.json"))
	return err == nil
}

// releasePlan cannot be undone; group is text from outside.
func releasePlan() plan.Plan {
	p := plan.Plan{Tool: "release_public_ips", App: "shop", AppID: "a1", Impact: plan.ImpactPublicAccessEnds,
		Gated: true, Wording: address.ReleaseWording{}}
	for _, ip := range []string{"137.66.1.2", "2a09:8280:1::1"} {
		kind := "dedicated_v4"
		if strings.Contains(ip, ":") {
			kind = "dedicated_v6"
		}
		p.Steps = append(p.Steps, plan.Step{
			Verb: gate.ReleaseAddress, Target: ip, Params: []plan.Param{{Name: plan.ParamKind, Value: kind}},
		})
		p.Fact("address/"+ip, kind)
	}
	p.Hazards = []plan.Hazard{plan.DedicatedV4Lost, plan.DedicatedV6Lost, plan.PublicAccessEnds}
	p.Unknown = []plan.Unknown{plan.CallersUnknown, plan.FlycastUnproven}
	return p
}

// memoryLedger is a ledger without a disk.
type memoryLedger struct{ burnt []gate.Use }

func (l *memoryLedger) Burn(use gate.Use) error {
	if l.IsBurnt(use.Nonce) {
		return gate.ErrReplayed
	}
	l.burnt = append(l.burnt, use)
	return nil
}

func (l *memoryLedger) Deny(gate.Denial) error { return nil }

func (l *memoryLedger) LastDenial(string, string, string) (gate.Denial, bool, error) {
	return gate.Denial{}, false, nil
}

func (l *memoryLedger) IsBurnt(nonce string) bool {
	for _, use := range l.burnt {
		if use.Nonce == nonce {
			return true
		}
	}
	return false
}

func (l *memoryLedger) CountUses(string, time.Time) (int, error) { return 0, nil }

// person runs the program and sits at its terminal.
type terminalUser struct {
	t      *testing.T
	master *os.File
	screen chan string // what is written to it; closed at the program's end
	shown  string      // everything so far, as lines
	read   int         // how much of it was waited for
	stdout bytes.Buffer
	code   chan int
	cancel context.CancelFunc
}

// sit starts the program with a terminal as stdin and stderr.
func (d *approvalTest) sit(args ...string) *terminalUser {
	d.t.Helper()
	master, tty, err := pty.Open()
	if errors.Is(err, pty.ErrUnsupported) {
		d.t.Skip(err)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 50, Cols: 400}); err != nil {
		d.t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(d.t.Context())
	p := &terminalUser{t: d.t, master: master, screen: make(chan string), code: make(chan int, 1), cancel: cancel}
	go p.watch()
	prog := d.program(args...)
	prog.stdin, prog.stdout, prog.stderr = tty, &p.stdout, tty
	go func() {
		code := run(ctx, prog)
		if after, err := term.GetState(int(tty.Fd())); err != nil || !reflect.DeepEqual(before, after) {
			d.t.Errorf("the terminal was not put back: %v", err)
		}
		p.code <- code
		tty.Close()
	}()
	d.t.Cleanup(func() { cancel(); master.Close() })
	return p
}

func (p *terminalUser) watch() {
	defer close(p.screen)
	buf := make([]byte, 4096)
	for {
		n, err := p.master.Read(buf)
		if err != nil {
			return
		}
		select {
		case p.screen <- string(buf[:n]):
		case <-p.t.Context().Done():
			return
		}
	}
}

// sees reads the terminal until the text shows, after what was seen before.
func (p *terminalUser) sees(text string) {
	p.t.Helper()
	for {
		if i := strings.Index(p.shown[p.read:], text); i >= 0 {
			p.read += i + len(text)
			return
		}
		if !p.more() {
			p.t.Fatalf("the terminal never showed %q, only:\n%s", text, p.shown)
		}
	}
}

// patience is how long a test that is about to fail waits for a text.
const patience = 20 * time.Second

// more reads on; false at the program's end.
func (p *terminalUser) more() bool {
	p.t.Helper()
	select {
	case text, ok := <-p.screen:
		p.shown += strings.ReplaceAll(text, "\r", "")
		return ok
	case <-time.After(patience):
		p.t.Fatalf("the program waits for something else; the terminal showed:\n%s", p.shown)
		return false
	}
}

func (p *terminalUser) types(keys string) {
	p.t.Helper()
	if _, err := p.master.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// enters types a line.
func (p *terminalUser) enters(line string) { p.t.Helper(); p.types(line + "\r") }

// ends waits for the program's end and checks its exit code.
func (p *terminalUser) ends(want int) {
	p.t.Helper()
	for p.more() {
	}
	if got := <-p.code; got != want {
		p.t.Fatalf("got exit code %d, want %d; the terminal showed:\n%s", got, want, p.shown)
	}
	if strings.Contains(p.shown, testPassphrase) {
		p.t.Error("the passphrase was shown")
	}
}
