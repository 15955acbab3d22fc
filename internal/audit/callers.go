package audit

import (
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// The rules about calls whose result depends on the app that is called.
const usesInternal = "CLIENT_USES_INTERNAL"

// callerRules are about the other apps that the environment of an app names: section 2.2 of
// the catalogue. Names that are kept in secrets cannot be seen.
func callerRules() []Rule {
	on := []Input{Machines}
	return []Rule{
		{
			ID: "CLIENT_USES_HTTPS_FLYCAST", Severity: Error, Title: "the app calls another one by https over Flycast",
			Why: "Flycast has no certificates, so the call fails", Docs: docs("networking/flycast/"), Needs: on,
			find: calls(func(r reference) bool { return r.domain == "flycast" && r.https }, "use http://"),
		},
		{
			ID: usesInternal, Severity: Warning, Title: "the app calls another one past Fly Proxy",
			Why:  "a call of .internal starts no stopped Machine, and does not keep one awake",
			Docs: docs("networking/private-networking/"), Needs: on,
			find: calls(func(r reference) bool { return r.domain == "internal" },
				"use the .flycast name and the port of the service, if the called app sleeps"),
		},
		{
			ID: "CLIENT_PUBLIC_NAME", Severity: Warning, Title: "the app calls another one over the internet",
			Why:  "the call fails once the called app is private",
			Docs: docs("networking/flycast/"), Needs: on,
			find: calls(func(r reference) bool { return r.domain == "fly.dev" },
				"use the .flycast name before the called app is made private"),
		},
	}
}

func calls(holds func(reference) bool, fix string) func(*Facts) []match {
	return func(f *Facts) []match {
		var out []match
		for _, r := range f.refs {
			if !holds(r) {
				continue
			}
			variable := outside.Quote(r.variable, 60)
			evidence := fmt.Sprintf("the variable %s names %s", variable, r.host())
			found := match{evidence: evidence, target: r.app, remedy: plan.Next{
				Who: "agent", Why: fmt.Sprintf("in %s of %s, %s; then deploy %s", variable, f.App, fix, f.App),
			}}
			if !slices.ContainsFunc(out, func(m match) bool { return m.evidence == evidence }) {
				out = append(out, found)
			}
		}
		return out
	}
}

// settle decides the findings about calls, once it is known which apps sleep: a call past
// Fly Proxy is an error if the called app sleeps, and no finding if it never does.
func settle(list []Finding, sleeping map[string]bool) []Finding {
	var out []Finding
	for _, found := range list {
		asleep, known := sleeping[found.target]
		switch {
		case found.ID != usesInternal || !known:
		case !asleep:
			continue
		default:
			found.Severity = Error
			found.Evidence = plan.Message(found.Evidence + ", whose Machines stop when they are idle")
		}
		out = append(out, found)
	}
	return out
}
