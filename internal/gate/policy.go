package gate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Policy is the operator's policy file, read at startup: which plans are approved
// or blocked without asking. It never changes what a plan does. The zero Policy
// asks about every gated plan.
type Policy struct {
	rules      []Rule
	vocabulary Vocabulary
}

// Rule is one [[rule]] of a policy file. The first rule whose tools and apps
// match a plan decides.
type Rule struct {
	Name         string   `toml:"name"`
	Tools        []string `toml:"tools"` // empty: every tool, but auto then covers no release
	Apps         []string `toml:"apps"`  // names or path.Match patterns; empty: every app
	Decision     string   `toml:"decision"`
	Accept       []string `toml:"accept"` // hazards that auto covers
	Channel      string   `toml:"channel"`
	LimitPerHour int      `toml:"limit_per_hour"`
}

// Vocabulary lists the tools and hazards that a policy file may name.
type Vocabulary struct {
	Tools   []string
	Hazards []Hazard
}

// Hazard is something a plan may do to somebody, as a rule accepts it.
type Hazard struct {
	Name     string
	Sentence string
	// Irreversible: a rule that accepts it must name its apps and set
	// limit_per_hour.
	Irreversible bool
}

// hazard returns the hazard with a name.
func (v Vocabulary) hazard(name string) (h Hazard, ok bool) {
	i := slices.IndexFunc(v.Hazards, func(h Hazard) bool { return h.Name == name })
	if i < 0 {
		return Hazard{}, false
	}
	return v.Hazards[i], true
}

const (
	maxPolicySize = 256 << 10
	maxShownPath  = 200 // characters of a path or a name in a message
)

// LoadPolicy reads a policy file. Neither the file nor its folder may be writable
// by group or others ([disk.CheckTrusted]). Where files have owners, the file must
// belong to this user or to root: any other owner could change it at any time.
// All problems are reported together.
func LoadPolicy(file string, vocabulary Vocabulary) (Policy, error) {
	shown := outside.Line(file, maxShownPath)
	f, info, err := disk.Open(file)
	if errors.Is(err, disk.ErrNotRegular) {
		return Policy{}, fmt.Errorf("policy: %s is not a regular file", shown)
	}
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return Policy{}, fmt.Errorf("policy: %s %s: %w", at.Op, shown, at.Err)
	}
	if err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	defer f.Close()
	if err := disk.CheckTrusted(filepath.Dir(file)); err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return Policy{}, fmt.Errorf("policy: others can write to %s (mode %v): run chmod 600 on it",
			shown, info.Mode().Perm())
	}
	if uid, known := ownerOf(info); known && !isTrustedOwner(uid, os.Geteuid()) {
		return Policy{}, fmt.Errorf("policy: %s belongs to another user (uid %d), not to this user or root", shown, uid)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPolicySize+1))
	if err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	if len(data) > maxPolicySize {
		return Policy{}, fmt.Errorf("policy: %s is larger than %d bytes", shown, maxPolicySize)
	}
	return ParsePolicy(data, vocabulary)
}

// isTrustedOwner reports whether a file's owner may write rules for this process.
func isTrustedOwner(owner, euid int) bool { return owner == euid || owner == 0 }

// ParsePolicy reads a policy; unknown keys and words are errors.
func ParsePolicy(data []byte, vocabulary Vocabulary) (Policy, error) {
	var doc struct {
		Rule []Rule `toml:"rule"`
	}
	dec := toml.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			return Policy{}, fmt.Errorf("policy: unknown keys:\n%s", strict.String())
		}
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	var problems []error
	for i := range doc.Rule {
		rule := &doc.Rule[i]
		if rule.Name == "" {
			rule.Name = fmt.Sprintf("rule %d", i+1)
		}
		if slices.ContainsFunc(doc.Rule[:i], func(r Rule) bool { return r.Name == rule.Name }) {
			problems = append(problems, fmt.Errorf("policy: two rules are named %q: limits are counted by name", rule.Name))
		}
		for _, problem := range rule.problems(vocabulary) {
			problems = append(problems, fmt.Errorf("policy: %s: %s", outside.Line(rule.Name, maxShownPath), problem))
		}
	}
	return Policy{doc.Rule, vocabulary}, errors.Join(problems...)
}

func (r Rule) problems(v Vocabulary) []string {
	var out []string
	for _, tool := range r.Tools {
		if !slices.Contains(v.Tools, tool) {
			tools := strings.Join(v.Tools, ", ")
			out = append(out, fmt.Sprintf("unknown tool %q; the tools that change something are %s", tool, tools))
		}
	}
	for _, app := range r.Apps {
		if _, err := path.Match(app, ""); err != nil || app == "" {
			out = append(out, fmt.Sprintf("apps: malformed pattern %q", app))
		}
	}
	for _, hazard := range r.Accept {
		if _, ok := v.hazard(hazard); !ok {
			names := make([]string, len(v.Hazards))
			for i, h := range v.Hazards {
				names[i] = h.Name
			}
			out = append(out, fmt.Sprintf("accept: unknown hazard %q; the hazards are %s", hazard, strings.Join(names, ", ")))
		}
	}
	switch r.Decision {
	case "ask", "auto", "block":
	default:
		out = append(out, fmt.Sprintf("decision %q must be one of ask, auto, block", r.Decision))
	}
	switch Channel(r.Channel) {
	case "", ChannelElicitation, ChannelTerminal:
	default:
		out = append(out, fmt.Sprintf("channel %q must be elicitation or terminal", r.Channel))
	}
	if r.LimitPerHour < 0 {
		out = append(out, "limit_per_hour is negative")
	}
	if r.Decision != "auto" {
		if len(r.Accept) > 0 {
			out = append(out, "accept works only with decision = \"auto\"")
		}
		return out
	}
	for _, name := range r.Accept {
		h, _ := v.hazard(name)
		if !h.Irreversible {
			continue
		}
		cannotBeUndone := fmt.Sprintf("%s cannot be undone (%s)", h.Name, h.Sentence)
		if !r.hasLiteralApps() {
			out = append(out, cannotBeUndone+": the rule must name its apps, without patterns")
		}
		if r.LimitPerHour == 0 {
			out = append(out, cannotBeUndone+": the rule must set limit_per_hour")
		}
	}
	return out
}

// hasLiteralApps reports whether the rule names its apps without patterns.
func (r Rule) hasLiteralApps() bool {
	isPattern := func(app string) bool { return strings.ContainsAny(app, `*?[\`) }
	return len(r.Apps) > 0 && !slices.ContainsFunc(r.Apps, isPattern)
}

// match returns the first rule for a tool and an app.
func (p Policy) match(tool, app string) (Rule, bool) {
	for _, rule := range p.rules {
		if len(rule.Tools) > 0 && !slices.Contains(rule.Tools, tool) {
			continue
		}
		matches := func(pattern string) bool { ok, _ := path.Match(pattern, app); return ok }
		if len(rule.Apps) == 0 || slices.ContainsFunc(rule.Apps, matches) {
			return rule, true
		}
	}
	return Rule{}, false
}

// covers reports whether an auto rule covers a plan. Every hazard must be
// accepted, and there must be one: a plan without hazards is not known to be
// harmless. A rule without tools never covers a release of addresses. A plan that
// cannot be undone needs an accepted hazard that says so, a literal app name and
// a limit.
func (p Policy) covers(rule Rule, r Request) bool {
	if len(r.Hazards) == 0 {
		return false
	}
	irreversible := false // a hazard says so
	for _, h := range r.Hazards {
		if !slices.Contains(rule.Accept, h) {
			return false
		}
		word, _ := p.vocabulary.hazard(h)
		irreversible = irreversible || word.Irreversible
	}
	isRelease := func(s Step) bool { return s.Verb == ReleaseAddress }
	if len(rule.Tools) == 0 && slices.ContainsFunc(r.Steps, isRelease) {
		return false
	}
	if !r.Irreversible && !irreversible {
		return true
	}
	return irreversible && rule.hasLiteralApps() && rule.LimitPerHour > 0
}
