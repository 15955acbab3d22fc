package address

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// AllocateWording is what a person is told about an allocation: a [plan.Wording].
type AllocateWording struct{}

// Title counts the addresses.
func (AllocateWording) Title(p plan.Plan) string {
	addresses := plan.Count(len(p.ShownSteps()), "Flycast address", "Flycast addresses")
	return fmt.Sprintf("Allocate %s for %s?", addresses, plan.Line(p.App))
}

// Effect adds nothing to the impact and the hazards.
func (AllocateWording) Effect(p plan.Plan, d plan.Detail) []string {
	return append([]string{p.ImpactSentence()}, p.HazardSentences(d)...)
}

// NotDone says that the public addresses stay.
func (AllocateWording) NotDone(plan.Plan, plan.Detail) []string {
	return []string{"no public address is allocated or released"}
}

// Undo says that the address can be released.
func (AllocateWording) Undo(plan.Plan) []string { return []string{"the address can be released"} }

// ReleaseWording is what a person is told about a release: a [plan.Wording].
type ReleaseWording struct{}

// Title counts the addresses.
func (ReleaseWording) Title(p plan.Plan) string {
	return fmt.Sprintf("Release %s of %s?", plan.Count(len(p.ShownSteps()), "address", "addresses"),
		plan.Line(p.App))
}

// Effect says what the release leaves to callers that still have access.
func (ReleaseWording) Effect(p plan.Plan, d plan.Detail) []string {
	var out []string
	if p.Has(plan.AppUnreachable) {
		out = append(out, "allow_unreachable: the app is NOT READY FOR FLYCAST, and its addresses are released anyway")
	}
	impact := p.ImpactSentence()
	if p.Impact == plan.ImpactUnknown {
		impact = "callers that use the listed addresses are cut off; the effect on other users of " +
			plan.Line(p.App) + " is unknown"
	}
	return slices.Concat(out, []string{impact}, p.HazardSentences(d), LostCallers(p))
}

// LostCallers says which callers a plan that releases addresses cuts off, besides what its
// impact and its hazards say.
func LostCallers(p plan.Plan) []string {
	var out []string
	if family := plan.Line(p.FactValue(plan.FactLost)); family != "" {
		out = append(out, fmt.Sprintf("no %s address is left: callers that have only %s cannot reach the app",
			family, family))
	}
	family, names := p.FactValue(plan.FactNamesOver), p.FactNames(plan.FactCertificate)
	if family != "" && len(names) > 0 {
		out = append(out, fmt.Sprintf("custom hostnames answer over %s only: %s", plan.Line(family),
			strings.Join(names, ", ")))
	}
	return out
}

// NotDone lists what belongs to the released addresses and is not removed with them.
func (ReleaseWording) NotDone(plan.Plan, plan.Detail) []string {
	return []string{"certificates, DNS records, egress and Flycast addresses are left alone"}
}

// Undo adds nothing to what the steps say.
func (ReleaseWording) Undo(plan.Plan) []string { return nil }
