// Package audit compares an app with a catalogue of rules: what is exposed, what keeps it
// from working privately, and what keeps its Machines awake. [Read] reads an app, [Judge]
// judges what was read, and [Auditor] does both for all apps of an organization.
//
// A rule whose input could not be read answers unknown, never ok. Nothing in a result has
// a value of the app's environment; names of variables are there.
package audit

import (
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Critical Severity = "critical" // exposed, or down, now
	Blocker  Severity = "blocker"  // going on would break something for good
	Error    Severity = "error"    // the app is not private, or does not scale to zero
	Warning  Severity = "warning"  // a probable surprise
	Info     Severity = "info"     // good to know
)

// Severities returns all severities, the worst first.
func Severities() []Severity { return []Severity{Critical, Blocker, Error, Warning, Info} }

// Valid reports whether s is one of the severities.
func (s Severity) Valid() bool { return slices.Contains(Severities(), s) }

// AtLeast reports whether s is as bad as other, or worse.
func (s Severity) AtLeast(other Severity) bool { return s.rank() <= other.rank() }

func (s Severity) rank() int { return slices.Index(Severities(), s) }

// Rule is one row of the catalogue.
type Rule struct {
	ID       string
	Severity Severity
	Title    string  // what is wrong, in a few words
	Why      string  // what happens because of it
	Docs     string  // the page that explains it
	Needs    []Input // without them the rule answers unknown

	find func(*Facts) []match
}

// match is a place where a rule holds.
type match struct {
	evidence string
	severity Severity // empty: that of the rule
	remedy   plan.Next
	target   string // the app that this one calls, if the rule is about calls
}

// Finding is a rule that holds for an app.
type Finding struct {
	ID       string    `json:"id"`
	Severity Severity  `json:"severity"`
	App      string    `json:"app"`
	Evidence string    `json:"evidence"`
	Why      string    `json:"why"`
	Remedy   plan.Next `json:"remedy"`
	Docs     string    `json:"docs"`

	target string
}

// Unchecked is rules that could not be checked, for one reason.
type Unchecked struct {
	Input  Input    `json:"input"`
	Why    string   `json:"why"`
	Rules  []string `json:"rules"`
	Apps   []string `json:"apps"`             // the first of them
	Number int      `json:"number,omitempty"` // of apps, if there are more than in Apps
	Unread bool     `json:"unread,omitempty"` // Fly did not give the input; else there was nothing to see
}

// Result is what the catalogue says of one app.
type Result struct {
	Findings  []Finding
	Unchecked []Unchecked
}

// Judge compares an app with every rule of the catalogue.
func Judge(f *Facts, catalogue []Rule) Result {
	f.prepare()
	var out Result
	for _, r := range catalogue {
		if reason := f.unread(r); reason != nil {
			out.leave(f.App, r, *reason)
			continue
		}
		found := r.find(f)
		for _, m := range found {
			out.Findings = append(out.Findings, m.finding(f.App, r))
		}
		if reason := f.unseen(r); reason != nil && len(found) == 0 {
			out.leave(f.App, r, *reason)
		}
	}
	slices.SortStableFunc(out.Findings, worseFirst)
	return out
}

func (m match) finding(app string, r Rule) Finding {
	severity := r.Severity
	if m.severity != "" {
		severity = m.severity
	}
	return Finding{
		ID: r.ID, Severity: severity, App: app, Evidence: plan.Message(m.evidence), Why: r.Why,
		Remedy: m.remedy, Docs: r.Docs, target: m.target,
	}
}

// leave records that a rule could not be checked.
func (r *Result) leave(app string, rule Rule, reason gap) {
	for i := range r.Unchecked {
		if u := &r.Unchecked[i]; u.Input == reason.input && u.Why == reason.why {
			u.Rules = append(u.Rules, rule.ID)
			return
		}
	}
	r.Unchecked = append(r.Unchecked, Unchecked{
		Input: reason.input, Why: reason.why, Rules: []string{rule.ID}, Apps: []string{app}, Unread: reason.unread,
	})
}

// worseFirst orders findings: by severity, app and rule.
func worseFirst(a, b Finding) int {
	if a.Severity != b.Severity {
		return a.Severity.rank() - b.Severity.rank()
	}
	if c := strings.Compare(a.App, b.App); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}
