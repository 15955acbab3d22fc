package plan

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Question is what a person is asked. The form of a client and the terminal
// render this value; the terminal's has every Machine and every value whole. Every line is made from what the digest covers, by
// sentences of this package: nothing else can be put before a person.
type Question struct {
	Title      string
	Changed    []string // since the plan that was shown before
	What       []string
	Effect     []string
	NotChecked []string
	NotDone    []string
	Undo       []string
	TypeName   bool // the answer is the app's name; otherwise a tick

	moved int // how many of Changed are named
}

// Limits of a form: during an elicitation nothing else is on the screen.
const (
	formLines      = 25
	formCharacters = 2500
	// What may be put before a question when it is asked again: that an answer
	// came too late, and that the last one did not confirm.
	aheadLines      = 2
	aheadCharacters = 160
	// And the least that is said of what has changed.
	changedCharacters = 60
)

// detail is how much of a plan is told.
type detail struct {
	everything bool // every Machine by id, every name
	cut        bool // long values end after 40 characters, and say so
	counted    bool // more than six addresses are counted
	names      int  // groups and regions that are named in one place
	moved      int  // things that are named of those that have changed
}

// formDetails are tried one after the other, until a form can hold the question.
func formDetails() []detail {
	return []detail{
		{names: 6, moved: 6},
		{names: 6, moved: 1},
		{names: 6, moved: 6, cut: true},
		{names: 6, moved: 1, cut: true},
		{names: 3, moved: 1, cut: true, counted: true},
		{names: 3, moved: 0, cut: true, counted: true},
	}
}

// Question renders the plan for a form: each distinct change once, and as much
// else as a form can hold. What is not told one by one is counted.
func (p Plan) Question(changed []string) Question {
	var q Question
	if len(blocksOf(p.machineSteps())) > formLines { // in no detail would it fit
		d := formDetails()
		return p.question(changed, d[len(d)-1])
	}
	for _, d := range formDetails() {
		if q = p.question(changed, d); q.fits(formLines-aheadLines, formCharacters-aheadCharacters) {
			break
		}
	}
	return q
}

// FullQuestion renders the plan for a terminal, which shows everything.
func (p Plan) FullQuestion(changed []string) Question {
	return p.question(changed, detail{everything: true, names: whole, moved: whole})
}

// fitsForm reports whether a form can hold the question, also when it is asked
// again because something has changed.
func (p Plan) fitsForm() bool {
	return p.Question(nil).fits(formLines-aheadLines-1, formCharacters-aheadCharacters-changedCharacters)
}

// TooLong says why a form cannot hold the question.
func (p Plan) TooLong() string {
	text := p.Question(nil).Text()
	return fmt.Sprintf("%d lines and %d characters; a form holds %d and %d, even with long old values cut and repeated entries merged",
		strings.Count(text, "\n")+1, utf8.RuneCountInString(text), formLines-aheadLines-1, formCharacters-aheadCharacters-changedCharacters)
}

func (p Plan) question(changed []string, d detail) Question {
	q := Question{Changed: changed, TypeName: p.Irreversible(), moved: d.moved}
	q.Title, q.What = p.title(), p.what(d)
	q.Effect = p.effect(d)
	for _, u := range p.Unknown {
		q.NotChecked = append(q.NotChecked, u.Sentence())
	}
	q.NotDone = p.notDone(d)
	q.Undo = p.undo()
	return q
}

// Text is the question as a form shows it.
func (q Question) Text() string {
	var b strings.Builder
	if len(q.Changed) > 0 {
		fmt.Fprintf(&b, "CHANGED since you were asked: %s\n", strings.Join(quoteFacts(q.Changed, q.moved), "; "))
	}
	b.WriteString(q.Title + "\n")
	section := func(name, join string, lines []string) {
		if len(lines) == 0 {
			return
		}
		if join != "" {
			lines = []string{strings.Join(lines, join)}
		}
		for i, line := range lines {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(&b, "%-12s%s\n", name, line)
		}
	}
	section("WHAT", "", q.What)
	section("EFFECT", "", q.Effect)
	section("NOT CHECKED", "; ", q.NotChecked)
	section("NOT DONE", "; ", q.NotDone)
	section("UNDO", "; ", q.Undo)
	return strings.TrimSuffix(b.String(), "\n")
}

// Fits reports whether a form can show the question.
func (q Question) Fits() bool { return q.fits(formLines, formCharacters) }

func (q Question) fits(lines, characters int) bool {
	text := q.Text()
	return strings.Count(text, "\n") < lines && utf8.RuneCountInString(text) <= characters
}

func (p Plan) shown() []Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return !s.Shown() })
}

func (p Plan) title() string {
	n, app := len(p.shown()), Line(p.App)
	switch p.Tool {
	case "release_public_ips":
		return fmt.Sprintf("Release %s of %s?", count(n, "address", "addresses"), app)
	case "allocate_flycast":
		return fmt.Sprintf("Allocate %s for %s?", count(n, "Flycast address", "Flycast addresses"), app)
	case "deploy":
		return p.deployTitle()
	}
	return fmt.Sprintf("Make %s to %s (%s)?", count(n, "change", "changes"), app, Quote(p.Tool))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// wrapped is a change on as many lines as it needs: what a Machine will run
// must not hide behind the hundredth character of a command. Every further line
// begins with a mark, so that no text can pass for a section of the question.
func wrapped(change string) []string {
	rest, indent := []rune(change), "  "
	var out []string
	for len(rest) > lineLimit {
		out = append(out, indent+string(rest[:lineLimit]))
		rest, indent = rest[lineLimit:], "  │ "
	}
	return append(out, indent+string(rest))
}

// plainMount is a field of a mount whose value is a word or a path.
var plainMount = regexp.MustCompile(`^  mounts\[\d+\]\.\w+ = '[\w./-]*'$`)

// packs reports whether a change goes on the line of the one before it. Only
// fields of services and sizes do: their values are short words and numbers, so that none
// can imitate its neighbour.
func packs(line string, next []string) bool {
	short := func(s string) bool {
		return strings.HasPrefix(s, "  services[") || strings.HasPrefix(s, "  guest.cpu") || strings.HasPrefix(s, "  guest.memory_mb") || plainMount.MatchString(s)
	}
	return len(next) == 1 && short(line) && short(next[0]) && utf8.RuneCountInString(line)+utf8.RuneCountInString(next[0]) <= lineLimit
}

// Line is a step as one line of the question or of a result.
func (s Step) Line() string {
	switch s.Verb {
	case gate.ReleaseAddress:
		line := Clean(s.Target) + "  " + KindName(s.Get(ParamKind))
		if s.Undo() == UndoNo {
			line += ", LOST FOR GOOD"
		}
		return line
	case gate.AllocateAddress:
		return fmt.Sprintf("a Flycast address for network %s of organization %s", networkName(s.Get(ParamNetwork)), Quote(s.Get(ParamOrg)))
	case gate.UpdateMachine:
		return fmt.Sprintf("Machine %s of group %s in %s", Clean(s.Get(ParamMachine)), Quote(s.Get(ParamGroup)), Quote(s.Get(ParamRegion)))
	case gate.LeaseMachine:
		return fmt.Sprintf("Machine %s of group %s already has its configuration and is only tested: %s", Clean(s.Get(ParamMachine)), Quote(s.Get(ParamGroup)), Line(s.Get(ParamProve)))
	case gate.CreateMachine:
		return fmt.Sprintf("a new Machine of group %s in %s", Quote(s.Get(ParamGroup)), Quote(s.Get(ParamRegion)))
	case gate.CreateVolume:
		return "a new volume " + Quote(s.Target)
	case gate.DestroyMachine:
		return fmt.Sprintf("Machine %s of group %s in %s is DESTROYED FOR GOOD: %s", Clean(s.Get(ParamMachine)), Quote(s.Get(ParamGroup)), Quote(s.Get(ParamRegion)), Line(s.Get(ParamEnd)))
	}
	return cmp.Or(verbWord(s.Verb).Sentence, string(s.Verb)) + ": " + Quote(s.Target)
}

func networkName(name string) string {
	if name == "" {
		return "default"
	}
	return Quote(name)
}

// KindName is an address's kind in words.
func KindName(kind string) string {
	switch kind {
	case "dedicated_v4":
		return "dedicated IPv4"
	case "shared_v4":
		return "shared IPv4"
	case "dedicated_v6":
		return "dedicated IPv6"
	case "flycast":
		return "Flycast"
	case "egress":
		return "egress"
	}
	return "unknown"
}

func (p Plan) effect(d detail) []string {
	out := []string{p.Impact.Sentence(Line(p.App))}
	if p.replaces() {
		out = nil // the strategy says it
	}
	if p.Tool == "release_public_ips" && p.Impact == ImpactUnknown {
		out = []string{"callers that use the listed addresses are cut off; the effect on other users of " + Line(p.App) + " is unknown"}
	}
	for _, h := range p.Hazards {
		switch h {
		case DedicatedV4Lost, DedicatedV6Lost, SharedV4Released, NotPutBack:
			continue // said beside the address, or by how to undo it
		case Restart, BriefOutage:
			if said := p.Impact == ImpactRestart || p.Impact == ImpactBriefOutage; !said && (h == BriefOutage || !p.Has(BriefOutage)) {
				out = append(out, h.Sentence())
			}
		case PublicAccessEnds:
			if ports := p.subjects(FactCloses); len(ports) > 0 {
				out = append(out, h.Sentence()+": port "+d.name(ports))
			} else if p.Impact != ImpactPublicAccessEnds && p.Impact != ImpactUnreachable {
				out = append(out, h.Sentence())
			}
		case AppUnreachable:
			if p.Impact != ImpactUnreachable {
				out = append(out, h.Sentence())
			}
			if p.Tool == "release_public_ips" {
				out = slices.Insert(out, 0, "allow_unreachable: the app is NOT READY FOR FLYCAST, and its addresses are released anyway")
			}
		case CustomHostnameStops:
			out = append(out, h.Sentence()+": "+d.name(p.subjects("certificate/")))
		default:
			out = append(out, h.Sentence())
		}
	}
	switch p.Tool {
	case "deploy":
		out = append(out, p.deployEffect(d)...)
	case "release_public_ips":
		out = append(out, p.released()...)
	}
	if usd := p.MonthlyUSD(); usd < 0 {
		out = append(out, fmt.Sprintf("saves $%g a month", -usd))
	} else if usd > 0 {
		out = append(out, fmt.Sprintf("costs $%g a month", usd))
	}
	return out
}

// name lists names, and counts those that are too many.
func (d detail) name(names []string) string {
	if left := len(names) - d.names; left > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:d.names], ", "), left)
	}
	return strings.Join(names, ", ")
}

// subjects are what facts with a prefix are about, quoted.
func (p Plan) subjects(prefix string) []string {
	var out []string
	for _, f := range p.Facts {
		if name, ok := strings.CutPrefix(f.Key, prefix); ok {
			out = append(out, Quote(name))
		}
	}
	slices.Sort(out)
	return out
}

// AddressMonthlyUSD is the list price of an address in US dollars a month (Fly's
// pricing page, "Anycast IP addresses", read 2026-08): a dedicated IPv4 costs $2, the
// rest is free. Egress addresses are priced by the pair and not counted here.
func AddressMonthlyUSD(kind string) float64 {
	if kind == "dedicated_v4" {
		return 2
	}
	return 0
}

// MonthlyUSD is what the plan changes in the monthly bill, by list prices.
func (p Plan) MonthlyUSD() float64 {
	var usd float64
	for _, s := range p.Steps {
		if s.Verb == gate.ReleaseAddress {
			usd -= AddressMonthlyUSD(s.Get(ParamKind))
		}
	}
	return usd
}

func (p Plan) notDone(d detail) []string {
	switch p.Tool {
	case "release_public_ips":
		return []string{"certificates, DNS records, egress and Flycast addresses are left alone"}
	case "deploy":
		return p.deployNotDone(d)
	case "allocate_flycast":
		return []string{"no public address is allocated or released"}
	}
	return nil
}

func (p Plan) undo() []string {
	var lost, shared, destroyed bool
	for _, s := range p.shown() {
		destroyed = destroyed || s.Verb == gate.DestroyMachine
		if s.Verb == gate.ReleaseAddress {
			lost = lost || s.Undo() == UndoNo
			shared = shared || s.Undo() == UndoPartly
		}
	}
	var out []string
	if shared {
		out = append(out, "a shared IPv4 can be allocated again, but it may be a different one")
	}
	if lost {
		out = append(out, "dedicated addresses do NOT come back; new ones are different")
	}
	switch p.Tool {
	case "deploy":
		if destroyed {
			out = append(out, "Machines that are destroyed do NOT come back")
		}
		out = append(out, p.deployUndo())
	case "allocate_flycast":
		out = append(out, "the address can be released")
	}
	return out
}

// quoteLimit is how many characters of a name or value from outside are shown.
const quoteLimit = 40

// Quote shows text from outside: between quotes, on one line, at most 40
// visible characters.
func Quote(s string) string { return outside.Quote(s, quoteLimit) }

// lineLimit bounds one line of a diff.
const lineLimit = 100

// Line shows text from outside on one line of at most 100 visible characters.
func Line(s string) string { return outside.Line(s, lineLimit) }

// quoteFacts renders what the gate says has moved: a number of it by name, then
// a count.
func quoteFacts(changed []string, most int) []string {
	if most == 0 {
		return []string{count(len(changed), "thing", "things")}
	}
	var out []string
	for i, c := range changed {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(changed)-most))
			break
		}
		out = append(out, quoteFact(c))
	}
	return out
}

// quoteFact says what has moved: certificate "www.example.com" is new.
func quoteFact(changed string) string {
	for _, how := range []string{" is new", " changed", " is gone"} {
		fact, ok := strings.CutSuffix(changed, how)
		if !ok {
			continue
		}
		kind, name, named := strings.Cut(fact, "/")
		if !named {
			return factLabel(kind) + how
		}
		return factLabel(kind) + " " + Quote(name) + how
	}
	return Clean(changed)
}

// factLabel is the kind of a fact in words. Kinds that are words already, and the
// names of arguments, stay as they are.
func factLabel(kind string) string {
	switch kind {
	case FactLost:
		return "the IP version that is left without an address"
	case FactNamesOver:
		return "the IP version that custom hostnames still answer over"
	case strings.TrimSuffix(FactAtOnce, "/"):
		return "the number of Machines down at the same time in group"
	case strings.TrimSuffix(FactOrigin, "/"):
		return "the number of values that differ for the reason"
	case strings.TrimSuffix(FactCloses, "/"):
		return "the end of port"
	case strings.TrimSuffix(FactLeft, "/"):
		return "the group that the file lacks,"
	case strings.TrimSuffix(FactAdopted, "/"):
		return "the adoption of Machines into group"
	}
	return Clean(kind)
}

// Clean shows a name from outside: one line, at most 40 visible characters.
func Clean(s string) string { return outside.Line(s, quoteLimit) }

// Message shows an error's text on one line of at most 240 visible characters.
func Message(s string) string { return outside.Line(s, 240) }
