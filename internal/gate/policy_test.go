package gate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

var testVocabulary = Vocabulary{
	Tools: []string{"allocate_flycast", "deploy", "release_public_ips"},
	Hazards: []Hazard{
		{"dedicated_v4_lost", "an IPv4 address is lost", true}, {"dedicated_v6_lost", "an IPv6 address is lost", true},
		{Name: "restart"}, {Name: "brief_outage"},
	},
}

func TestParsePolicy(t *testing.T) {
	p, err := ParsePolicy([]byte(`
[[rule]]
name = "nightly"
tools = ["release_public_ips"]
apps = ["shop", "api"]
decision = "auto"
accept = ["dedicated_v4_lost"]
limit_per_hour = 2

[[rule]]
apps = ["prod-*"]
decision = "block"

[[rule]]
tools = ["deploy"]
decision = "ask"
channel = "terminal"
`), testVocabulary)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		tool, app string
		want      string
	}{
		{"release_public_ips", "shop", "nightly"},
		{"release_public_ips", "api", "nightly"},
		{"release_public_ips", "api2", ""},
		{"release_public_ips", "prod-eu", "rule 2"},
		{"deploy", "prod-eu", "rule 2"}, // the first that matches decides
		{"deploy", "shop", "rule 3"},
		{"allocate_flycast", "shop", ""},
	}
	for _, tt := range tests {
		rule, ok := p.match(tt.tool, tt.app)
		if rule.Name != tt.want || ok != (tt.want != "") {
			t.Errorf("%s of %s: got %q, want %q", tt.tool, tt.app, rule.Name, tt.want)
		}
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // all of them
	}{
		{"not TOML", `[[rule`, []string{"policy:"}},
		{"unknown key", "[[rule]]\ndecision = \"ask\"\ndecisions = 1", []string{"unknown keys", "decisions"}},
		{"unknown table", "[rules]\ndecision = \"auto\"", []string{"unknown keys", "rules"}},
		{"no decision", "[[rule]]\ntools = [\"deploy\"]", []string{`rule 1: decision ""`}},
		{"unknown decision", "[[rule]]\ndecision = \"allow\"", []string{`decision "allow" must be one of ask, auto, block`}},
		{"unknown tool", "[[rule]]\ntools = [\"list_ips\"]\ndecision = \"ask\"",
			[]string{`unknown tool "list_ips"`, "release_public_ips"}},
		{"unknown hazard", "[[rule]]\ndecision = \"auto\"\naccept = [\"everything\"]",
			[]string{`unknown hazard "everything"`}},
		{"unknown channel", "[[rule]]\ndecision = \"ask\"\nchannel = \"policy\"", []string{`channel "policy"`}},
		{"malformed pattern", "[[rule]]\napps = [\"[a\"]\ndecision = \"ask\"", []string{`malformed pattern "[a"`}},
		{"malformed pattern behind a literal", "[[rule]]\napps = [\"shop[a\"]\ndecision = \"block\"",
			[]string{`malformed pattern "shop[a"`}},
		{"empty app", "[[rule]]\napps = [\"\"]\ndecision = \"ask\"", []string{`malformed pattern ""`}},
		{"negative cap", "[[rule]]\ndecision = \"auto\"\nlimit_per_hour = -1", []string{"limit_per_hour is negative"}},
		{"accept without auto", "[[rule]]\ndecision = \"ask\"\naccept = [\"restart\"]", []string{"accept works only with"}},
		{"irreversible for a pattern",
			"[[rule]]\napps = [\"s*\"]\ndecision = \"auto\"\naccept = [\"dedicated_v4_lost\"]\nlimit_per_hour = 1",
			[]string{"dedicated_v4_lost cannot be undone (an IPv4 address is lost): the rule must name its apps"}},
		{"irreversible for every app",
			"[[rule]]\ndecision = \"auto\"\naccept = [\"dedicated_v4_lost\"]\nlimit_per_hour = 1",
			[]string{"dedicated_v4_lost cannot be undone (an IPv4 address is lost): the rule must name its apps"}},
		{"irreversible without a cap",
			"[[rule]]\napps = [\"shop\"]\ndecision = \"auto\"\naccept = [\"dedicated_v6_lost\"]",
			[]string{"the rule must set limit_per_hour"}},
		{"everything at once",
			"[[rule]]\ntools = [\"x\"]\ndecision = \"y\"\n[[rule]]\nname = \"second\"\nchannel = \"z\"\ndecision = " +
				"\"auto\"\naccept = [\"dedicated_v4_lost\"]",
			[]string{`rule 1: unknown tool "x"`, `rule 1: decision "y"`, `second: channel "z"`,
				"second: dedicated_v4_lost cannot be undone (an IPv4 address is lost): the rule must name",
				"second: dedicated_v4_lost cannot be undone (an IPv4 address is lost): the rule must set limit_per_hour"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParsePolicy([]byte(tt.text), testVocabulary)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q\nwant it to say %q", err, want)
				}
			}
		})
	}
}

func TestLoadPolicy(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.toml")
	text := []byte("[[rule]]\ndecision = \"block\"\n")
	for _, mode := range []os.FileMode{0o400, 0o600, 0o644} {
		writeFile(t, file, text, mode)
		if p, err := LoadPolicy(file, testVocabulary); err != nil || len(p.rules) != 1 {
			t.Errorf("mode %v: got %d rules, %v", mode, len(p.rules), err)
		}
	}
	for _, mode := range []os.FileMode{0o620, 0o602, 0o666, 0o777} {
		writeFile(t, file, text, mode)
		if _, err := LoadPolicy(file, testVocabulary); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v: got %v, want it refused", mode, err)
		}
	}
	writeFile(t, file, append(text, make([]byte, maxPolicySize)...), 0o600)
	if _, err := LoadPolicy(file, testVocabulary); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("huge: got %v, want it refused", err)
	}
	if _, err := LoadPolicy(dir, testVocabulary); err == nil {
		t.Error("a folder was accepted")
	}
	if _, err := LoadPolicy(filepath.Join(dir, "none"), testVocabulary); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: got %v, want ErrNotExist", err)
	}
}

func writeFile(t *testing.T, file string, data []byte, mode os.FileMode) {
	t.Helper()
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil { // whatever the umask is
		t.Fatal(err)
	}
}

// What a policy answers itself, and what it leaves to a person.
func TestPolicyDecides(t *testing.T) {
	const auto = "[[rule]]\nname = \"r\"\ndecision = \"auto\"\n"
	with := func(r Request, hazards ...string) Request { r.Hazards = hazards; return r }
	const irreversible = "apps = [\"shop\"]\naccept = [\"dedicated_v4_lost\"]\nlimit_per_hour = 1\n"
	ungated, replacing := deploy(), deploy()
	ungated.Gated, replacing.Irreversible = false, true
	tests := []struct {
		name   string
		policy string
		mode   Mode
		r      Request
		kind   Kind
		code   Code
		by     Approval // of a Proceed
	}{
		{"no rule", "", ModeAuto, deploy(), Ask, "", Approval{}},
		{"ask", "[[rule]]\ndecision = \"ask\"", ModeAuto, deploy(), Ask, "", Approval{}},
		{"block", "[[rule]]\nname = \"r\"\ndecision = \"block\"", ModeAuto, deploy(), Refuse, Blocked, Approval{}},
		{"block what needs no question", "[[rule]]\ndecision = \"block\"", ModeAuto, ungated, Refuse, Blocked, Approval{}},
		{"no question needed", auto, ModeAuto, ungated, Proceed, "", Approval{Channel: ChannelNone}},
		{"hazard accepted", auto + `accept = ["restart"]`, ModeAuto, deploy(), Proceed, "", Approval{ChannelPolicy, "r"}},
		{"no hazards", auto, ModeAuto, with(deploy()), Ask, "", Approval{}},
		{"no hazards, all accepted", auto + `accept = ["restart", "brief_outage"]`, ModeAuto, with(deploy()), Ask,
			"", Approval{}},
		{"a hazard more", auto + `accept = ["restart"]`, ModeAuto, with(deploy(), "restart", "brief_outage"), Ask,
			"", Approval{}},
		{"an unknown hazard", auto + `accept = ["restart"]`, ModeAuto, with(deploy(), "new_word"), Ask, "", Approval{}},
		{"other tool", auto + "tools = [\"release_public_ips\"]\naccept = [\"restart\"]", ModeAuto, deploy(), Ask,
			"", Approval{}},
		{"other app", auto + "apps = [\"shop2\"]\naccept = [\"restart\"]", ModeAuto, deploy(), Ask, "", Approval{}},
		{"pattern", auto + "apps = [\"sh?p\"]\naccept = [\"restart\"]", ModeAuto, deploy(), Proceed, "",
			Approval{ChannelPolicy, "r"}},
		{"irreversible, literal and capped", auto + irreversible + "tools = [\"release_public_ips\"]", ModeAuto,
			release(), Proceed, "", Approval{ChannelPolicy, "r"}},
		{"irreversible, one app of several", auto + irreversible + "tools = [\"deploy\", \"release_public_ips\"]",
			ModeAuto, release(), Proceed, "", Approval{ChannelPolicy, "r"}},
		{"a release by a rule without tools", auto + irreversible, ModeAuto, release(), Ask, "", Approval{}},
		{"an irreversible deploy by a rule without tools", auto + irreversible, ModeAuto,
			with(replacing, "dedicated_v4_lost"), Proceed, "", Approval{ChannelPolicy, "r"}},
		{"irreversible, and no hazard says so",
			auto + "tools = [\"release_public_ips\"]\napps = [\"shop\"]\naccept = [\"restart\"]\nlimit_per_hour = 1",
			ModeAuto, with(release(), "restart"), Ask, "", Approval{}},
		{"a restart that is called irreversible, for a pattern",
			auto + "apps = [\"sho*\"]\naccept = [\"restart\"]\nlimit_per_hour = 1", ModeAuto,
			with(replacing, "restart"), Ask, "", Approval{}},
		{"irreversible without a hazard, no app named", auto + "limit_per_hour = 1", ModeAuto, with(release()),
			Ask, "", Approval{}},
		{"irreversible without a hazard, pattern", auto + "apps = [\"sho*\"]\nlimit_per_hour = 1", ModeAuto,
			with(release()), Ask, "", Approval{}},
		{"irreversible without a hazard, no cap", auto + "apps = [\"shop\"]", ModeAuto, with(release()), Ask, "", Approval{}},
		{"uncovered goes to the rule's channel", auto + `channel = "terminal"`, ModeAuto, deploy(), NeedsTerminal,
			"", Approval{}},
		{"ask in the terminal", "[[rule]]\ndecision = \"ask\"\nchannel = \"terminal\"", ModeAuto, deploy(),
			NeedsTerminal, "", Approval{}},
		{"ask in the client only", "[[rule]]\ndecision = \"ask\"\nchannel = \"elicitation\"", ModeTerminal,
			deploy(), Refuse, Unavailable, Approval{}},
		{"deny does not ask", auto, ModeDeny, deploy(), Refuse, Blocked, Approval{}},
		{"deny leaves the policy", auto + `accept = ["restart"]`, ModeDeny, deploy(), Proceed, "",
			Approval{ChannelPolicy, "r"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTestGate(t, withPolicy(t, tt.policy), withMode(tt.mode))
			out := f.decide(tt.r, nil)
			wants(t, out, tt.kind, tt.code)
			if tt.kind != Proceed {
				f.nothingBurnt()
				return
			}
			if got := f.commit(out).Approval(); got != tt.by {
				t.Errorf("approved by %+v, want %+v", got, tt.by)
			}
		})
	}
}

const capped = `[[rule]]
name = "nightly"
decision = "auto"
accept = ["restart"]
limit_per_hour = 2
`

func TestPolicyCap(t *testing.T) {
	f := newTestGate(t, withPolicy(t, capped))
	for range 2 {
		f.commit(f.decide(deploy(), nil))
		f.clock.Advance(time.Minute)
	}
	out := f.decide(deploy(), nil)
	wants(t, out, Refuse, Blocked)
	if out.Reason != "nightly: 2 per hour" {
		t.Errorf("got reason %q", out.Reason)
	}
	f.clock.Advance(59*time.Minute - 30*time.Second) // the first is older than an hour, the second is not
	f.commit(f.decide(deploy(), nil))
	wants(t, f.decide(deploy(), nil), Refuse, Blocked)
}

func TestPolicyCapWithoutLedger(t *testing.T) {
	f := newTestGate(t, withPolicy(t, capped))
	f.ledger.fail(errDisk)
	out := f.decide(deploy(), nil)
	wants(t, out, Refuse, Internal)
	if !errors.Is(out.Err, errDisk) {
		t.Errorf("got error %v, want the ledger's for the log", out.Err)
	}
}

// Calls for different apps are decided side by side: the cap holds for what is
// carried out.
func TestPolicyCapConcurrently(t *testing.T) {
	f := newTestGate(t, withPolicy(t, capped))
	outcomes := make([]Outcome, 20)
	for i := range outcomes {
		r := deploy()
		r.App = fmt.Sprintf("shop-%d", i)
		outcomes[i] = f.decide(r, nil)
		wants(t, outcomes[i], Proceed, "")
	}
	var granted atomic.Int32
	var wg sync.WaitGroup
	for _, out := range outcomes {
		wg.Go(func() {
			grant, err := out.Commit()
			switch {
			case err == nil && grant != nil:
				granted.Add(1)
			case grant != nil || !errors.Is(err, ErrCapReached):
				t.Errorf("got %v, %v, want ErrCapReached", grant, err)
			}
		})
	}
	wg.Wait()
	if granted.Load() != 2 || len(f.ledger.uses) != 2 {
		t.Errorf("%d granted, %d recorded, want 2", granted.Load(), len(f.ledger.uses))
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(capped))
	f.Add([]byte("[[rule]]\napps = [\"a-*\"]\ntools = [\"deploy\"]\ndecision = \"ask\"\nchannel = \"terminal\"\n"))
	f.Add([]byte(
		"[[rule]]\nname = \"\\u0000\"\ndecision = " +
			"\"auto\"\napps=[\"shop\"]\naccept=[\"dedicated_v4_lost\"]\nlimit_per_hour=1"))
	f.Add([]byte("rule = 1"))
	f.Add([]byte("\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParsePolicy(data, testVocabulary)
		if err != nil {
			return
		}
		for _, rule := range p.rules {
			if len(rule.problems(testVocabulary)) > 0 || rule.Name == "" {
				t.Fatalf("accepted %+v", rule)
			}
			lost := Request{Hazards: []string{"dedicated_v4_lost"}, Irreversible: true}
			if p.covers(rule, lost) && (rule.LimitPerHour == 0 || len(rule.Apps) == 0) {
				t.Fatalf("%+v lets what cannot be undone through", rule)
			}
		}
		again, err := toml.Marshal(struct {
			Rule []Rule `toml:"rule"`
		}{p.rules})
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParsePolicy(again, testVocabulary)
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		if !slices.EqualFunc(p.rules, q.rules, func(a, b Rule) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Fatalf("got %v, want %v", q.rules, p.rules)
		}
	})
}
