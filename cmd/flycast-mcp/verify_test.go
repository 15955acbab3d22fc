package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// verifyTest is a home folder and an emulated platform with a WireGuard gateway.
type verifyTest struct {
	*approvalTest
	platform *flysim.Platform
}

func newVerifyTest(t *testing.T) verifyTest {
	t.Helper()
	platform := platformtest.NewStill(t, flysim.Options{}).Seeded().Platform
	listen, err := platform.Listen(dataplane.AnyPort)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listen.Close() })
	plane, err := dataplane.Start(platform, dataplane.Options{
		Inside: dataplane.AnyPort, Public: dataplane.AnyPort, Gateway: dataplane.AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = plane.Close() })
	d := newApprovalTest(t)
	d.environment = append(listen.Environment(platform.Token()), "FLYCAST_SANDBOX_PUBLIC="+plane.Listening.Public)
	platform.ResetCalls()
	return verifyTest{d, platform}
}

// writes returns what was written to the platform.
func (v verifyTest) writes() string {
	var out []string
	for _, c := range v.platform.Writes() {
		out = append(out, c.Operation)
	}
	return strings.Join(out, " ")
}

// runs runs the command without a terminal.
func (v verifyTest) runs(args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	p := v.program(append([]string{"verify"}, args...)...)
	p.stdout, p.stderr = &out, &errs
	code = run(context.Background(), p)
	return code, out.String(), errs.String()
}

// Without a terminal nobody is asked, no peer is added, and the rest is reported.
func TestVerifyWithoutTerminal(t *testing.T) {
	v := newVerifyTest(t)
	for _, test := range []struct {
		name   string
		args   []string
		code   int
		stdout []string
		stderr string
	}{
		{"needs a peer", []string{"inner-circle"}, 2,
			[]string{"\naddresses ", "answers       not verified  no person approved a WireGuard peer", "next: fly proxy "},
			"There is no terminal"},
		{"refuted", []string{"shop-api"}, 1, []string{"addresses     REFUTED       still public"}, "refuted: addresses"},
		{"no such app", []string{"no-such-app"}, 2, nil, "not visible to this token"},
		{"no app name", []string{"No App"}, 2, nil, "not a valid Fly app name"},
		{"no such file", []string{"inner-circle", "--path", "no-such.toml"}, 2, nil, "no-such.toml"},
		{"nobody may skip the question", []string{"inner-circle", "--yes"}, 2, nil, "unknown flag"},
		{"no app", nil, 2, nil, "accepts 1 arg"},
	} {
		code, stdout, stderr := v.runs(test.args...)
		if code != test.code || !strings.Contains(stderr, test.stderr) {
			t.Errorf("%s: got status %d, want %d\n%s", test.name, code, test.code, stderr)
		}
		for _, want := range test.stdout {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: no %q in\n%s", test.name, want, stdout)
			}
		}
		if len(test.stdout) == 0 && stdout != "" {
			t.Errorf("%s: got output %s", test.name, stdout)
		}
	}
	code, stdout, _ := v.runs("inner-circle", "--json")
	var out verify.Result
	if err := json.Unmarshal([]byte(stdout), &out); err != nil || code != 2 || len(out.Claims) == 0 {
		t.Errorf("--json: status %d, %v\n%s", code, err, stdout)
	}
	if got := v.writes(); got != "" {
		t.Errorf("the platform got the writes %s", got)
	}
}

// A yes at the terminal adds one peer and removes it; anything else adds none, and so does a yes
// that came before anybody could have read the question.
func TestVerifyAsks(t *testing.T) {
	const yes, no = "graphql.addWireGuardPeer graphql.removeWireGuardPeer", ""
	for _, test := range []struct {
		name, typed string
		reads       time.Duration
		answers     string
		writes      string
	}{
		{"yes", "y", 10 * time.Second, "answers       verified      port 80: status 200", yes},
		{"no", "n", 10 * time.Second, "answers       not verified  no person approved a WireGuard peer", no},
		{"nothing", "", 10 * time.Second, "answers       not verified  no person approved a WireGuard peer", no},
		{"too fast", "y", 0, "answers       not verified  no person approved a WireGuard peer", no},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVerifyTest(t)
			p := v.sit("verify", "inner-circle")
			p.sees("Join the private network of inner-circle")
			p.sees("[y/N] ")
			v.advance(test.reads)
			p.enters(test.typed)
			if test.name == "too fast" {
				p.sees("faster than a person can read")
			}
			p.ends(2) // wakes: no Machine slept
			if got := p.stdout.String(); !strings.Contains(got, test.answers) {
				t.Errorf("no %q in\n%s", test.answers, got)
			}
			if got := v.writes(); got != test.writes {
				t.Errorf("got the writes %q, want %q", got, test.writes)
			}
		})
	}
}

// The exit status says the worst that a claim is.
func TestVerifyStatus(t *testing.T) {
	for _, test := range []struct {
		verdicts []verify.Verdict
		want     int
	}{
		{[]verify.Verdict{verify.Verified}, 0},
		{[]verify.Verdict{verify.Verified, verify.NotVerified}, 2},
		{[]verify.Verdict{verify.NotVerified, verify.Refuted}, 1},
		{nil, 2},
	} {
		var out verify.Result
		for _, v := range test.verdicts {
			out.Claims = append(out.Claims, verify.Proof{Claim: verify.Answers, Verdict: v})
		}
		if got := exitStatus(verifyStatus(out)); got != test.want {
			t.Errorf("%v: got %d, want %d", test.verdicts, got, test.want)
		}
	}
}

// exitStatus returns the status of an error that [verifyStatus] returns.
func exitStatus(err error) int {
	if exit, ok := err.(cli.Exit); ok {
		return exit.Status
	}
	return 0
}
