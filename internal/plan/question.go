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

// Question is what a person is asked. A form of a client and the terminal show the same
// question in different detail: the terminal has every Machine and every value in full. Every
// line is made from what the digest covers, by this package and the plan's [Wording]: nothing
// else can be put before a person.
type Question struct {
	Title      string
	What       []string
	Effect     []string
	NotChecked []string
	NotDone    []string
	Undo       []string
	TypeName   bool // the answer is the app's name; otherwise a tick
}

// Limits of a form: during an elicitation nothing else is on the screen.
const (
	formLines      = 25
	formCharacters = 2500
	// Reserved for what may be put before a question that is asked again: that an answer came
	// too late, and that the last one did not confirm.
	aheadLines      = 2
	aheadCharacters = 160
	// Reserved for what has changed since the question was asked before.
	changedLines      = 1
	changedCharacters = 60
)

// formDetails returns the details to try one after the other, until a form can hold the question.
func formDetails() []Detail {
	return []Detail{{Names: 6}, {Names: 6, cut: true}, {Names: 3, cut: true, counted: true}}
}

// Question renders the plan for a form: each distinct change once, and as much else as a form
// can hold. The rest is counted. [Question.Fits] reports whether a form can hold it.
func (p Plan) Question() Question {
	var q Question
	details := formDetails()
	if len(blocksOf(p.machineSteps())) > formLines { // no detail is low enough
		return p.question(details[len(details)-1])
	}
	for _, d := range details {
		if q = p.question(d); q.Fits() {
			break
		}
	}
	return q
}

// FullQuestion renders the plan for a terminal, which shows everything.
func (p Plan) FullQuestion() Question {
	return p.question(Detail{everything: true, Names: unlimited})
}

func (p Plan) question(d Detail) Question {
	w := p.wording()
	q := Question{
		Title: w.Title(p), What: p.what(d), Effect: append(w.Effect(p, d), p.costs()...), NotDone: w.NotDone(p, d),
		Undo: append(p.undo(), w.Undo(p)...), TypeName: p.Irreversible(),
	}
	for _, u := range p.Unknown {
		q.NotChecked = append(q.NotChecked, u.Sentence())
	}
	return q
}

// Fits reports whether a form can hold the question, also when it is asked again because
// something has changed.
func (q Question) Fits() bool {
	return fits(q.Text(), formLines-aheadLines-changedLines, formCharacters-aheadCharacters-changedCharacters)
}

func fits(text string, lines, characters int) bool {
	return strings.Count(text, "\n") < lines && utf8.RuneCountInString(text) <= characters
}

// TooLong says why a form cannot hold the question; empty if it can.
func (q Question) TooLong() string {
	if q.Fits() {
		return ""
	}
	text := q.Text()
	return fmt.Sprintf("%d lines and %d characters; a form holds %d and %d, even with long old "+
		"values cut and repeated entries merged",
		strings.Count(text, "\n")+1, utf8.RuneCountInString(text),
		formLines-aheadLines-changedLines, formCharacters-aheadCharacters-changedCharacters)
}

// TextAgain returns the question when it is asked again because these facts changed: it begins
// with as many of them as a form can hold.
func (q Question) TextAgain(changed []string) string {
	if len(changed) == 0 {
		return q.Text()
	}
	sentences := make([]string, len(changed))
	for i, c := range changed {
		sentences[i] = factSentence(c)
	}
	again := func(what string) string {
		return "CHANGED since you were asked: " + what + "\n" + q.Text()
	}
	for _, most := range []int{6, 1} {
		text := again(strings.Join(outside.First(sentences, most), "; "))
		if fits(text, formLines-aheadLines, formCharacters-aheadCharacters) {
			return text
		}
	}
	return again(Count(len(changed), "thing", "things"))
}

// Text returns the question as text.
func (q Question) Text() string {
	var b strings.Builder
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

// ShownSteps returns the steps that are objects of the question.
func (p Plan) ShownSteps() []Step {
	return slices.DeleteFunc(slices.Clone(p.Steps), func(s Step) bool { return !s.Shown() })
}

// Count returns a number with its noun.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// wrapChange returns a change on as many lines as it needs: what a Machine will run must not
// be hidden after the hundredth character of a command. Every further line begins with a mark,
// so that no text can pass for a section of the question.
func wrapChange(change string) []string {
	rest, indent := []rune(change), "  "
	var out []string
	for len(rest) > lineLimit {
		out = append(out, indent+string(rest[:lineLimit]))
		rest, indent = rest[lineLimit:], "  │ "
	}
	return append(out, indent+string(rest))
}

// plainMount matches a field of a mount whose value is a word or a path.
var plainMount = regexp.MustCompile(`^  mounts\[\d+\]\.\w+ = '[\w./-]*'$`)

// fitsOnLine reports whether a change goes on the line of the one before it. Only fields of
// services and sizes do: their values are short words and numbers, which cannot imitate their
// neighbors.
func fitsOnLine(line string, next []string) bool {
	short := func(s string) bool {
		return strings.HasPrefix(s, "  services[") || strings.HasPrefix(s, "  guest.cpu") ||
			strings.HasPrefix(s, "  guest.memory_mb") || plainMount.MatchString(s)
	}
	return len(next) == 1 && short(line) && short(next[0]) &&
		utf8.RuneCountInString(line)+utf8.RuneCountInString(next[0]) <= lineLimit
}

// Line returns the step as one line of a question or a result.
func (s Step) Line() string {
	switch s.Verb {
	case gate.ReleaseAddress:
		line := Clean(s.Target) + "  " + KindName(s.Get(ParamKind))
		if s.Undo() == UndoNo {
			line += ", LOST FOR GOOD"
		}
		return line
	case gate.CreateApp:
		return fmt.Sprintf("the app %s in organization %s, network %s", Clean(s.Get(ParamApp)), Quote(s.Get(ParamOrg)),
			networkName(s.Get(ParamNetwork)))
	case gate.AllocateAddress:
		if kind := s.Get(ParamKind); kind != "" && kind != "flycast" {
			return "a new PUBLIC address: " + KindName(kind)
		}
		return fmt.Sprintf("a Flycast address for network %s of organization %s",
			networkName(s.Get(ParamNetwork)), Quote(s.Get(ParamOrg)))
	case gate.AddPeer:
		return fmt.Sprintf("a WireGuard peer of this server on network %s of organization %s for some seconds: it sends GET / to %s, "+
			"which may start a stopped Machine", networkName(s.Get(ParamNetwork)), Quote(s.Get(ParamOrg)), Line(s.Get(ParamReach)))
	case gate.UpdateMachine:
		return fmt.Sprintf("Machine %s of group %s in %s", Clean(s.Get(ParamMachine)),
			Quote(s.Get(ParamGroup)), Quote(s.Get(ParamRegion)))
	case gate.LeaseMachine:
		return fmt.Sprintf("Machine %s of group %s already has its configuration and is only tested: %s",
			Clean(s.Get(ParamMachine)), Quote(s.Get(ParamGroup)), Line(s.Get(ParamProve)))
	case gate.CreateMachine:
		return fmt.Sprintf("a new Machine of group %s in %s", Quote(s.Get(ParamGroup)), Quote(s.Get(ParamRegion)))
	case gate.CreateVolume:
		return "a new volume " + Quote(s.Target)
	case gate.DestroyMachine:
		return fmt.Sprintf("Machine %s of group %s in %s is DESTROYED FOR GOOD: %s",
			Clean(s.Get(ParamMachine)), Quote(s.Get(ParamGroup)), Quote(s.Get(ParamRegion)), Line(s.Get(ParamEnd)))
	}
	return cmp.Or(verbWord(s.Verb).Sentence, string(s.Verb)) + ": " + Quote(s.Target)
}

func networkName(name string) string {
	if name == "" {
		return "default"
	}
	return Quote(name)
}

// KindName returns an address's kind in words.
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

// costs says how the plan changes the monthly bill.
func (p Plan) costs() []string {
	switch usd := p.MonthlyUSD(); {
	case usd < 0:
		return []string{fmt.Sprintf("saves $%g a month", -usd)}
	case usd > 0:
		return []string{fmt.Sprintf("costs $%g a month", usd)}
	}
	return nil
}

// AddressMonthlyUSD returns the list price of an address in US dollars a month (Fly's
// pricing page, "Anycast IP addresses", read 2026-08): a dedicated IPv4 costs $2, the
// rest is free. Egress addresses are priced by the pair and not counted here.
func AddressMonthlyUSD(kind string) float64 {
	if kind == "dedicated_v4" {
		return 2
	}
	return 0
}

// MachinePrice returns the list price of the smallest Machine in words (Fly's pricing page, read
// 2026-08: shared-cpu-1x with 256 MB, in the cheapest region).
func MachinePrice() string {
	return "the Machine costs about $2.30 a month while it runs all the time, and next to nothing while it is stopped"
}

// MonthlyUSD returns the change of the monthly bill in US dollars, by list prices.
func (p Plan) MonthlyUSD() float64 {
	var usd float64
	for _, s := range p.Steps {
		switch s.Verb {
		case gate.ReleaseAddress:
			usd -= AddressMonthlyUSD(s.Get(ParamKind))
		case gate.AllocateAddress:
			usd += AddressMonthlyUSD(s.Get(ParamKind))
		}
	}
	return usd
}

// undo says what the steps lose for good.
func (p Plan) undo() []string {
	var lost, shared, destroyed bool
	for _, s := range p.ShownSteps() {
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
	if destroyed {
		out = append(out, "Machines that are destroyed do NOT come back")
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

// Clean shows a name from outside: one line, at most 40 visible characters.
func Clean(s string) string { return outside.Line(s, quoteLimit) }

// Message shows an error's text on one line of at most 240 visible characters.
func Message(s string) string { return outside.Line(s, 240) }
