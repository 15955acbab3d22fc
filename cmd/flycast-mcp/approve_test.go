package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

func TestApproveTicket(t *testing.T) {
	d := newApprovalTest(t)
	key := d.key()
	g, wanted := d.gate(key), releasePlan()
	ticket := d.wait(g, wanted)
	d.advance(12 * time.Minute)

	// A ticket may be typed as people type, and one slip is forgiven each time.
	p := d.sit("approve", strings.ToLower(strings.ReplaceAll(ticket, "-", "")))
	p.sees(`"the local user"`)
	p.sees(`"stdio server on desk, process 7"`)
	p.sees("12 minutes ago")
	p.sees("in 4 hours")
	p.sees(wanted.Digest())
	p.sees(wanted.Question().Text())
	p.sees("app's name")
	p.enters("yes")
	p.sees("neither")
	p.sees("app's name")
	p.enters("shop")
	p.sees("Passphrase")
	p.enters("wrong")
	p.sees("Wrong passphrase")
	p.sees("Passphrase")
	p.enters(testPassphrase)
	p.sees("repeat the identical call")
	p.ends(0)
	if p.stdout.Len() > 0 {
		t.Errorf("got %q on stdout, want nothing", p.stdout.String())
	}

	outcome := d.decide(g, wanted, "")
	if outcome.Kind != gate.Proceed {
		t.Fatalf("got outcome %+v, want Proceed", outcome)
	}
	grant, err := outcome.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := grant.Approval(), (gate.Approval{Channel: gate.ChannelTerminal, By: key.ID()}); got != want {
		t.Errorf("got approval %+v, want %+v", got, want)
	}
}

// The signature is for the plan that was shown, not for the call that asked.
func TestApproveTicketOfAPlanThatMoved(t *testing.T) {
	d := newApprovalTest(t)
	g, shown := d.gate(d.key()), releasePlan()
	p := d.sit("approve", d.wait(g, shown))
	p.sees("app's name")
	p.enters("shop")
	p.sees("Passphrase")
	p.enters(testPassphrase)
	p.ends(0)
	moved := releasePlan()
	moved.Steps = moved.Steps[:1]
	if got := d.decide(g, moved, ""); got.Kind == gate.Proceed || got.Code != gate.Stale {
		t.Errorf("got outcome %+v, want stale", got)
	}
}

func TestApproveShowsEverything(t *testing.T) {
	d := newApprovalTest(t)
	g, large := d.gate(d.key()), releasePlan()
	for i := range 20 {
		ip := "137.66.9." + string(rune('a'+i))
		large.Steps = append(large.Steps, plan.Step{
			Verb: gate.ReleaseAddress, Target: ip, Params: []plan.Param{{Name: plan.ParamKind, Value: "dedicated_v4"}},
		})
	}
	p := d.sit("approve", d.wait(g, large))
	p.sees(large.FullQuestion().Text())
	p.sees("app's name")
	p.enters("no")
	p.sees("Why?")
	p.enters("")
	p.ends(0)
}

// Text from outside is shown, never obeyed.
func TestApproveShowsOnlyPrintable(t *testing.T) {
	d := newApprovalTest(t)
	g, hostile := d.gate(d.key()), releasePlan()
	hostile.Steps[0].Target = "1.2.3.4\x1b[2J\x1b[H\nUNDO everything"
	hostile.Fact("certificate/\u202egro.elpmaxe\x1b[8m", "")
	hostile.Hazard(plan.CustomHostnameStops)
	r, err := hostile.Request(hostile.Question())
	if err != nil {
		t.Fatal(err)
	}
	r.Caller, r.Asker, r.From = "c\x1b]0;x\a", "a\nENDS never", "f\x9b2J"
	outcome := g.Decide(r, nil)
	p := d.sit("approve", outcome.Ticket)
	p.sees("app's name")
	p.enters("no")
	p.sees("Why?")
	p.enters("looks \x1b odd")
	p.ends(0)
	for _, bad := range []string{"\x1b", "\x9b", "\a", "\u202e", "\nUNDO everything", "\nENDS never"} {
		if strings.Contains(p.shown, bad) {
			t.Errorf("the terminal got %q:\n%q", bad, p.shown)
		}
	}
}

func TestApproveReject(t *testing.T) {
	for word, test := range map[string]struct{ typed, want string }{
		"no":     {"the \"old\" address is printed on invoices", "the \"old\" address is printed on invoices"},
		"Reject": {strings.Repeat("ä", 300), strings.Repeat("ä", 200)},
		" NO ":   {"", ""},
	} {
		t.Run(word, func(t *testing.T) {
			d := newApprovalTest(t)
			g, wanted := d.gate(d.key()), releasePlan()
			p := d.sit("approve", d.wait(g, wanted))
			p.sees("app's name")
			p.enters(word)
			p.sees("Why?")
			p.enters(test.typed)
			p.sees("Rejected")
			p.ends(0)
			if strings.Contains(p.shown, "Passphrase") {
				t.Error("a passphrase was asked for")
			}
			got := d.decide(g, wanted, "")
			if got.Kind != gate.Refuse || got.Code != gate.Declined || got.Reason != test.want {
				t.Errorf("got outcome %+v, want declined with %q", got, test.want)
			}
		})
	}
}

// Whatever ends a conversation early leaves everything as it was.
func TestApproveNothing(t *testing.T) {
	for name, test := range map[string]struct {
		talk func(*approvalTest, *terminalUser)
		want string
	}{
		"wrong name twice": {func(_ *approvalTest, p *terminalUser) {
			p.enters("shop-staging")
			p.sees("neither")
			p.sees("app's name")
			p.enters("")
		}, "the app's name was not typed. Nothing was approved."},
		"wrong passphrase thrice": {func(_ *approvalTest, p *terminalUser) {
			p.enters("shop")
			for _, wrong := range []string{"wrong one", "", "wrong two"} {
				p.sees("Passphrase")
				p.enters(wrong)
				p.sees("Wrong")
			}
		}, "wrong passphrase, 3 times. Nothing was approved."},
		"Ctrl-C at the name": {func(_ *approvalTest, p *terminalUser) {
			p.types("sho\x03")
		}, "interrupted. Nothing was approved."},
		"Ctrl-D at the passphrase": {func(_ *approvalTest, p *terminalUser) {
			p.enters("shop")
			p.sees("Passphrase")
			p.types("\x04")
		}, "interrupted. Nothing was approved."},
		"interrupted at the reason": {func(_ *approvalTest, p *terminalUser) {
			p.enters("no")
			p.sees("Why?")
			p.types("\x03")
		}, "interrupted. Nothing was approved."},
		"expired meanwhile": {func(d *approvalTest, p *terminalUser) {
			p.enters("shop")
			p.sees("Passphrase")
			d.advance(4 * time.Hour)
			p.enters(testPassphrase)
		}, "expired. Nothing was approved."},
		"withdrawn meanwhile": {func(d *approvalTest, p *terminalUser) {
			p.enters("shop")
			p.sees("Passphrase")
			if err := os.RemoveAll(d.requestsDir()); err != nil {
				d.t.Error(err)
			}
			if err := os.Mkdir(d.requestsDir(), 0o700); err != nil {
				d.t.Error(err)
			}
			p.enters(testPassphrase)
		}, "Nothing was approved."},
	} {
		t.Run(name, func(t *testing.T) {
			d := newApprovalTest(t)
			g, wanted := d.gate(d.key()), releasePlan()
			ticket := d.wait(g, wanted)
			p := d.sit("approve", ticket)
			p.sees("app's name")
			test.talk(d, p)
			p.sees(test.want)
			p.ends(1)
			if d.answered(ticket) {
				t.Error("an answer was left")
			}
			if got := d.decide(g, wanted, ""); got.Kind != gate.NeedsTerminal {
				t.Errorf("got outcome %+v, want that the request still waits", got)
			}
		})
	}
}

// A signal ends the program while it waits for a key, with the terminal put back.
func TestApproveTerminated(t *testing.T) {
	d := newApprovalTest(t)
	ticket := d.wait(d.gate(d.key()), releasePlan())
	p := d.sit("approve", ticket)
	p.sees("app's name")
	p.enters("shop")
	p.sees("Passphrase")
	p.cancel()
	if got := <-p.code; got != 1 || d.answered(ticket) {
		t.Errorf("got exit code %d, answered %v; want 1, false", got, d.answered(ticket))
	}
}

func TestApproveRequestFile(t *testing.T) {
	server, d := newApprovalTest(t), newApprovalTest(t) // two machines
	g, wanted := server.gate(d.key()), releasePlan()
	ticket := server.wait(g, wanted)
	file := filepath.Join(d.home, "copied.json")
	data, err := os.ReadFile(filepath.Join(server.requestsDir(), ticket+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}

	no := d.sit("approve", "--request", file)
	no.sees("app's name")
	no.enters("no")
	no.sees("tell the agent. Nothing was approved.")
	no.ends(1)
	if no.stdout.Len() > 0 {
		t.Errorf("got %q on stdout after a rejection", no.stdout.String())
	}

	p := d.sit("approve", "--request", file)
	p.sees("app's name")
	p.enters("shop")
	p.sees("Passphrase")
	p.enters(testPassphrase)
	p.sees(`as its argument "approval"`)
	p.ends(0)
	if server.answered(ticket) {
		t.Error("an answer was left on the server")
	}
	if _, err := os.Stat(filepath.Join(d.home, ".local")); err == nil {
		t.Error("a state folder was made")
	}
	code := strings.TrimSuffix(p.stdout.String(), "\n")
	outcome := server.decide(g, wanted, code)
	if outcome.Kind != gate.Proceed {
		t.Fatalf("got outcome %+v for code %q, want Proceed", outcome, code)
	}
	if _, err := outcome.Commit(); err != nil {
		t.Fatal(err)
	}
	if again := server.decide(g, wanted, code); again.Code != gate.Replayed {
		t.Errorf("got outcome %+v the second time, want replayed", again)
	}
}

func TestApproveList(t *testing.T) {
	d := newApprovalTest(t)
	list := func() (string, string) {
		var stdout, stderr bytes.Buffer
		p := d.program("approve")
		p.stdout, p.stderr = &stdout, &stderr
		if code := run(t.Context(), p); code != 0 {
			t.Fatalf("got exit code %d: %s", code, stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	g := d.gate(d.key())
	if stdout, stderr := list(); stdout != "" || !strings.Contains(stderr, "no request waits") {
		t.Errorf("got %q, %q; want that nothing waits", stdout, stderr)
	}
	older, newer := releasePlan(), releasePlan()
	newer.App = "blog"
	first := d.wait(g, older)
	d.advance(time.Hour + time.Minute)
	second := d.wait(g, newer)
	stdout, _ := list()
	rows := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(rows) != 3 {
		t.Fatalf("got\n%s\nwant a header and two requests", stdout)
	}
	for i, want := range [][]string{
		{"TICKET", "ENDS IN"},
		{first, "release_public_ips", "shop", "the local user", "About an hour", "3 hours"},
		{second, "blog", "4 hours"},
	} {
		for _, word := range want {
			if !strings.Contains(rows[i], word) {
				t.Errorf("line %d: got %q, want %q in it", i, rows[i], word)
			}
		}
	}
	if err := g.Requests.Answer(first, gate.ApprovalAnswer{}); err != nil {
		t.Fatal(err)
	}
	if stdout, _ := list(); strings.Contains(stdout, first) || !strings.Contains(stdout, second) {
		t.Errorf("got\n%s\nwant only %s", stdout, second)
	}
}
