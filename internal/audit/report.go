package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Report is the audit of one or several apps at one time.
type Report struct {
	Subject   string           `json:"subject"` // an app, or an organization
	At        time.Time        `json:"at"`
	Apps      int              `json:"apps"` // audited
	Counts    map[Severity]int `json:"counts"`
	Exposed   []string         `json:"exposed"` // apps that answer the internet
	Unproven  []string         `json:"unproven,omitempty"`
	NotRead   []string         `json:"not_read,omitempty"` // apps, with why
	Findings  []Finding        `json:"findings"`           // the worst first
	Unchecked []Unchecked      `json:"unchecked,omitempty"`

	sleeping map[string]bool
	public   []string // apps with public addresses that nothing answers on today
}

func newReport(subject string, at time.Time) *Report {
	return &Report{
		Subject: subject, At: at, Counts: make(map[Severity]int), Exposed: []string{}, Findings: []Finding{},
		sleeping: make(map[string]bool),
	}
}

// add takes what was found in one app. The facts are not kept.
func (r *Report) add(f *Facts, result Result) {
	r.Apps++
	r.Findings = append(r.Findings, result.Findings...)
	for _, u := range result.Unchecked {
		r.leave(u)
	}
	switch f.privacy() {
	case isExposed:
		r.Exposed = append(r.Exposed, f.App)
	case hasPublic:
		r.public = append(r.public, f.App)
	case isUnproven:
		r.Unproven = append(r.Unproven, f.App)
	}
	if f.State.MachinesKnown {
		r.sleeping[f.App] = slices.ContainsFunc(f.units, func(u unit) bool { return u.sleeps() })
	}
}

// privacy is whether an app is private, by its addresses and services.
type privacy int

const (
	isPrivate  privacy = iota // no public address
	hasPublic                 // public addresses, on which nothing answers today
	isExposed                 // answers the internet
	isUnproven                // unknown
)

func (f *Facts) privacy() privacy {
	if _, missing := f.Missing[Addresses]; missing {
		return isUnproven
	}
	verdict, exposure := rules.Judge(f.State.Addresses.List), f.State.Exposed()
	switch {
	case exposure == rules.Yes:
		return isExposed
	case verdict == rules.Private || verdict == rules.Unreachable:
		return isPrivate
	case exposure == rules.No && verdict != rules.Unknown:
		return hasPublic
	}
	return isUnproven
}

// mostApps is the number of apps that are named beside rules which could not be checked.
const mostApps = 5

// leave adds rules that could not be checked to those with the same reason.
func (r *Report) leave(u Unchecked) {
	for i := range r.Unchecked {
		have := &r.Unchecked[i]
		if have.Input != u.Input || have.Why != u.Why || !slices.Equal(have.Rules, u.Rules) {
			continue
		}
		have.Number = max(have.Number, len(have.Apps)) + 1
		if len(have.Apps) < mostApps {
			have.Apps = append(have.Apps, u.Apps...)
		}
		return
	}
	r.Unchecked = append(r.Unchecked, u)
}

// skip records an app that could not be read at all.
func (r *Report) skip(app string, err error) {
	if fly.CodeOf(err) == gate.NotFound {
		return // deleted meanwhile
	}
	r.NotRead = append(r.NotRead, fmt.Sprintf("%s (%s)", app, fly.CodeOf(err)))
	r.Unproven = append(r.Unproven, app)
}

// finish sorts and counts, once every app was added.
func (r *Report) finish() {
	r.Findings = append([]Finding{}, settle(r.Findings, r.sleeping)...)
	slices.SortStableFunc(r.Findings, worseFirst)
	for _, found := range r.Findings {
		r.Counts[found.Severity]++
	}
	for _, list := range [][]string{r.Exposed, r.Unproven, r.NotRead, r.public} {
		slices.Sort(list)
	}
	slices.SortStableFunc(r.Unchecked, func(a, b Unchecked) int { return strings.Compare(string(a.Input), string(b.Input)) })
	for i := range r.Unchecked {
		slices.Sort(r.Unchecked[i].Apps)
	}
}

// NotPrivate returns why it is wrong, or unproven, that all apps are private. unproven is
// empty if everything could be read.
func (r *Report) NotPrivate() (wrong, unproven []string) {
	for _, app := range r.Exposed {
		wrong = append(wrong, app+" answers the internet")
	}
	for _, app := range r.public {
		wrong = append(wrong, app+" has public addresses, on which nothing answers today")
	}
	for _, app := range r.Unproven {
		unproven = append(unproven, app+" could not be read completely")
	}
	return wrong, unproven
}

// AtLeast returns the findings of a severity and worse.
func (r *Report) AtLeast(least Severity) []Finding {
	n, _ := slices.BinarySearchFunc(r.Findings, least, func(f Finding, s Severity) int {
		if f.Severity.AtLeast(s) {
			return -1
		}
		return 1
	})
	return r.Findings[:n]
}

// Unread returns the reasons why rules of a severity and worse could not be checked because
// Fly did not give their input.
func (r *Report) Unread(least Severity, catalogue []Rule) []string {
	var out []string
	for _, u := range r.Unchecked {
		counts := slices.ContainsFunc(catalogue, func(rule Rule) bool {
			return rule.Severity.AtLeast(least) && slices.Contains(u.Rules, rule.ID)
		})
		if u.Unread && counts {
			out = append(out, u.Sentence())
		}
	}
	for _, app := range r.NotRead {
		out = append(out, app+" could not be read")
	}
	return out
}

// Sentence says which rules were not checked, for which apps, and why.
func (u Unchecked) Sentence() string {
	n := max(u.Number, len(u.Apps))
	apps := strings.Join(u.Apps, ", ")
	if more := n - len(u.Apps); more > 0 {
		apps += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s of %s (%s: %s)", plan.Few(u.Rules), apps, u.Input, u.Why)
}

// Summary says in one or two sentences what was found.
func (r *Report) Summary() string {
	var found []string
	for _, s := range Severities() {
		if n := r.Counts[s]; n > 0 {
			found = append(found, fmt.Sprintf("%d %s", n, s))
		}
	}
	counts := "nothing found"
	if len(found) > 0 {
		counts = strings.Join(found, ", ")
	}
	summary := fmt.Sprintf("%s: %s audited, %s.", r.Subject, plan.Count(r.Apps, "app", "apps"), counts)
	switch n := len(r.Exposed); {
	case n == 1:
		summary += " One app answers the internet: " + r.Exposed[0] + "."
	case n > 1:
		summary += fmt.Sprintf(" %d apps answer the internet: %s.", n, plan.Few(r.Exposed))
	case len(r.Unproven) == 0:
		summary += " No app answers the internet."
	}
	if len(r.Unproven) > 0 {
		summary += fmt.Sprintf(" It is UNKNOWN whether %s to the internet.", unprovenWords(r.Unproven))
	}
	return summary
}

func unprovenWords(apps []string) string {
	if len(apps) == 1 {
		return apps[0] + " answers"
	}
	return plan.Few(apps) + " answer"
}
