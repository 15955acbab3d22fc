package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

func TestApproveRefusesRequests(t *testing.T) {
	for name, test := range map[string]struct {
		forge func(*gate.ApprovalRequest, *plan.Plan)
		want  string
	}{
		"plan changed, digest kept": {func(_ *gate.ApprovalRequest, p *plan.Plan) {
			p.Steps = p.Steps[:1]
		}, "a signature would not be valid. Nothing was approved."},
		"digest changed": {func(r *gate.ApprovalRequest, _ *plan.Plan) {
			r.Digest = strings.Repeat("0", 64)
		}, "a signature would not be valid"},
		"another app": {func(r *gate.ApprovalRequest, _ *plan.Plan) { r.App = "blog" }, "the file was changed"},
		"another tool": {func(r *gate.ApprovalRequest, _ *plan.Plan) {
			r.Tool = "deploy"
		}, "the file was changed"},
		"unknown words": {func(_ *gate.ApprovalRequest, p *plan.Plan) {
			p.Hazards = append(p.Hazards, "harmless")
		}, "cannot show the request"},
		"no name of an app": {func(r *gate.ApprovalRequest, p *plan.Plan) {
			p.App, r.App = "shop\nUNDO all", "shop\nUNDO all"
			r.Digest = p.Digest()
		}, "is not a valid Fly app name"},
		"too long a life": {func(r *gate.ApprovalRequest, _ *plan.Plan) {
			r.Expires = r.Expires.Add(24 * time.Hour)
		}, "would be valid for longer"},
		"malformed nonce": {func(r *gate.ApprovalRequest, _ *plan.Plan) { r.Nonce = "00" }, "malformed"},
		"expired": {func(r *gate.ApprovalRequest, _ *plan.Plan) {
			r.Expires = r.Created.Add(-time.Second)
		}, "expired"},
	} {
		for _, flag := range []string{"", "--request"} {
			t.Run(name+flag, func(t *testing.T) {
				d := newApprovalTest(t)
				p := releasePlan()
				ticket := d.wait(d.gate(d.key()), p)
				path := filepath.Join(d.requestsDir(), ticket+".json")
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				var req gate.ApprovalRequest
				if err := json.Unmarshal(data, &req); err != nil {
					t.Fatal(err)
				}
				test.forge(&req, &p)
				if req.Plan, err = json.Marshal(p); err != nil {
					t.Fatal(err)
				}
				if data, err = json.Marshal(req); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				args := []string{"approve", ticket}
				if flag != "" {
					args = []string{"approve", flag, path}
				}
				who := d.sit(args...)
				who.sees(test.want)
				who.ends(1)
				if strings.Contains(who.shown, "app's name") || who.stdout.Len() > 0 || d.answered(ticket) {
					t.Errorf("it was asked for, or answered:\n%s%s", who.shown, who.stdout.String())
				}
			})
		}
	}
}

func TestApproveRefusesKeys(t *testing.T) {
	plain, err := gate.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var toKey bytes.Buffer
	armored := armor.NewWriter(&toKey)
	w, err := age.Encrypt(armored, identity.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(plain.Public().String())); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), armored.Close()); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ content, want string }{
		"plain": {"0123456789abcdef0123456789abcdef",
			"must be protected by a passphrase. Nothing was approved."},
		"opened by a program": {toKey.String(), "must be protected by a passphrase. Nothing was approved."},
		"too large":           {strings.Repeat("x", maxKeySize+1), "not an approver's key. Nothing was approved."},
		"missing":             {"", "approve --init. Nothing was approved."},
	} {
		t.Run(name, func(t *testing.T) {
			d := newApprovalTest(t)
			ticket := d.wait(d.gate(d.key()), releasePlan())
			file := filepath.Join(d.home, "key")
			if test.content != "" {
				if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p := d.sit("approve", "--key", file, ticket)
			p.sees("app's name")
			p.enters("shop")
			p.sees(test.want)
			p.ends(1)
			if strings.Contains(p.shown, "Passphrase") || d.answered(ticket) {
				t.Errorf("a passphrase was asked for:\n%s", p.shown)
			}
		})
	}
}

func TestApproveNeedsTerminal(t *testing.T) {
	d := newApprovalTest(t)
	ticket := d.wait(d.gate(d.key()), releasePlan())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("shop\n" + testPassphrase + "\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	for _, args := range [][]string{{ticket}, {"--request", filepath.Join(d.requestsDir(), ticket+".json")}} {
		var stdout, stderr bytes.Buffer
		p := d.program(append([]string{"approve"}, args...)...)
		p.stdin, p.stdout, p.stderr = r, &stdout, &stderr
		if code := run(t.Context(), p); code != 1 || !strings.Contains(stderr.String(), "run by a person in a terminal") ||
			stdout.Len() > 0 {
			t.Errorf("got exit code %d and %q, %q on stdout", code, stderr.String(), stdout.String())
		}
	}
	if d.answered(ticket) {
		t.Error("an answer was left")
	}
	home := newApprovalTest(t)
	if code := run(t.Context(), home.program("approve", "--init")); code != 1 {
		t.Errorf("--init: got exit code %d, want 1", code)
	}
	if _, err := os.Stat(home.configDir()); err == nil {
		t.Error("--init wrote something")
	}
}

func TestApproveArguments(t *testing.T) {
	for line, want := range map[string]string{
		"--request -":                 "stdin is for the person",
		"--request no-such.json":      "Nothing was approved.",
		"--request x.json RK4M-7Q2P":  "neither --init nor --request",
		"--init RK4M-7Q2P":            "neither --init nor --request",
		"--init --key x":              "none of the others can be",
		"--init --request x":          "none of the others can be",
		"--request x --state-dir dir": "none of the others can be",
		"RK4M":                        "a ticket looks like RK4M-7Q2P. Nothing was approved.",
		"RK4M-7Q2P":                   "waits in",
		"--state-dir nowhere":         "no server has used the state folder",
	} {
		d := newApprovalTest(t)
		d.gate()
		var stderr bytes.Buffer
		p := d.program(append([]string{"approve"}, strings.Fields(line)...)...)
		p.stderr = &stderr
		if code := run(t.Context(), p); code != 1 || !strings.Contains(stderr.String(), want) {
			t.Errorf("approve %s: got exit code %d, %q; want %q", line, code, stderr.String(), want)
		}
	}
	if _, err := os.Stat("nowhere"); err == nil {
		t.Error("a mistyped state folder was made")
	}
}
