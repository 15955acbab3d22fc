package tools

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/columns"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/private"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

type listInput struct {
	App string `json:"app" jsonschema:"name of the Fly app"`
}

// listOutput is the answer of list_ips. Verdict is about addresses, exposed
// about whether anything answers the internet, blockers about what keeps the
// app from working privately.
type listOutput struct {
	Status  string `json:"status" jsonschema:"ok or failed"`
	Summary string `json:"summary"`
	plan.Reason
	Verdict    rules.Verdict   `json:"verdict,omitempty" jsonschema:"by addresses: public, private, both, unreachable, unknown"`
	Exposed    rules.Answer    `json:"exposed,omitempty" jsonschema:"does anything answer the internet: yes, no, unknown"`
	OwnNetwork string          `json:"own_network,omitempty" jsonschema:"if it is not the organization's default one"`
	Addresses  []listedAddress `json:"addresses,omitempty"`
	Hostnames  []string        `json:"hostnames,omitempty" jsonschema:"custom hostnames"`
	Services   []string        `json:"services,omitempty" jsonschema:"per group: ports, autostop, minimum"`
	Machines   map[string]int  `json:"machines,omitempty" jsonschema:"by state"`
	Declined   string          `json:"declined,omitempty"`
	Blockers   []plan.Blocker  `json:"blockers,omitempty"`
	Reach      []string        `json:"reach,omitempty" jsonschema:"how callers reach the app now; nothing if they cannot"`
	Unknown    []string        `json:"unknown,omitempty"`
	AgeMS      int64           `json:"age_ms,omitempty" jsonschema:"age of the data: reads are shared for a second"`
	Next       []plan.Next     `json:"next"`
}

type listedAddress struct {
	rules.Address
	Org        string       `json:"org,omitempty"`
	OwnNetwork rules.Answer `json:"own_network,omitempty"`
	MonthlyUSD float64      `json:"monthly_usd,omitempty"`

	age time.Duration
}

func (a *toolset) listIPs() call.Tool {
	return call.NewReading(a.Handler, call.Reading[listInput, listOutput]{
		Spec: call.Spec{
			Name: "list_ips", Title: "List IP addresses", Effect: call.Reads,
			Description: "Lists every IP address of a Fly app with its kind, price and network. " +
				"Reports whether the app is public, private or both, whether anything answers the internet, " +
				"and what prevents it from working over Flycast. Changes nothing. " +
				"Start here, follow next, and call it again at the end.",
		},
		Read: a.readIPs,
		Failed: func(summary string, p *plan.Problem) listOutput {
			return listOutput{Status: "failed", Summary: a.mark(summary), Reason: p.Reason(), Next: p.NextSteps()}
		},
		Text: listText,
	}, func(p map[string]*jsonschema.Schema) { appPattern(p) })
}

// appPattern sets the pattern of app names, in every schema that has one.
func appPattern(p map[string]*jsonschema.Schema) {
	p["app"].Pattern = `^[a-z0-9][a-z0-9-]{0,62}$`
}

func (a *toolset) readIPs(ctx context.Context, in listInput) (listOutput, error) {
	look := a.look
	if look == nil {
		look = a.fly
	}
	ctx, reading := fly.WithAge(ctx)
	s, err := rules.Read(ctx, look, in.App)
	if err != nil {
		return listOutput{}, err
	}
	if a.Journal != nil {
		s = s.WithApprovals(a.Journal)
	}
	out := listOutput{
		OwnNetwork: plan.Clean(s.OwnNetwork()), Services: plan.Shortened(s.ServiceLines()), Machines: s.States(),
		Declined: a.Declined(in.App),
		Status:   "ok", Verdict: rules.Judge(s.Addresses.List), Exposed: s.Exposed(), Blockers: s.Blockers(),
		Reach: plan.Shortened(s.Reach()), Unknown: s.UnknownSentences(), Next: a.next(s),
		AgeMS: reading.Of(a.Clock.Now()).Milliseconds(),
	}
	for _, addr := range s.Addresses.List {
		out.Addresses = append(out.Addresses, a.describe(s, addr))
	}
	if !s.MachinesKnown {
		out.Unknown = append(out.Unknown, "the Machines: this token is not allowed to list them")
	}
	if s.MachinesKnown && s.HasRouted() {
		out.Unknown = append(out.Unknown, plan.FlycastUnproven.Sentence())
	}
	if certificates, err := look.Certificates(ctx, in.App); err != nil {
		out.Unknown = append(out.Unknown, plan.CertsUnread.Sentence())
	} else {
		for _, c := range certificates {
			out.Hostnames = append(out.Hostnames, plan.Clean(c.Hostname))
		}
		out.Hostnames = plan.Shortened(out.Hostnames)
	}
	summary := fmt.Sprintf("%s: %s by its addresses, exposed to the internet: %s. %s",
		in.App, out.Verdict, out.Exposed, s.ReachSentence())
	if out.OwnNetwork != "" {
		summary += fmt.Sprintf(" It is on its own network %s: apps elsewhere cannot reach it over an address there.", out.OwnNetwork)
	}
	out.Summary = a.mark(summary)
	return out, nil
}

func (a *toolset) mark(summary string) string {
	if a.Sandbox {
		return call.SandboxMark + summary
	}
	return summary
}

func (a *toolset) describe(s rules.Snapshot, addr fly.Address) listedAddress {
	out := listedAddress{
		Address: rules.Describe(addr), Org: plan.Clean(addr.Org),
		MonthlyUSD: plan.AddressMonthlyUSD(string(addr.Kind)),
	}
	if !addr.CreatedAt.IsZero() {
		out.age = a.Clock.Now().Sub(addr.CreatedAt)
	}
	if addr.Kind == fly.Flycast {
		out.OwnNetwork = s.IsOwnNetwork(addr)
	}
	return out
}

// next returns what to do now. A read-only server names the first step only for a person.
func (a *toolset) next(s rules.Snapshot) []plan.Next {
	next := s.Next()
	if len(next) > 0 && (next[0].Tool == address.AllocateTool || next[0].Tool == patch.Tool) {
		if s.Exposed() == rules.Yes && s.HasRouted() {
			next = append([]plan.Next{{Who: "agent", Tool: private.MakeTool, Arguments: &plan.Arguments{App: s.Addresses.App.Name},
				Why: "the whole job as one plan with one question; add path or content of its fly.toml if there is one. Or step by step:"}},
				next...)
			next = next[:min(len(next), plan.MaxNext)]
		}
	}
	if a.ReadOnly && len(next) > 0 {
		return []plan.Next{{
			Who: "person",
			Why: "this server is read-only: the next step would be " + cmp.Or(next[0].Tool, next[0].Why) +
				"; to do it, start the server without --read-only",
		}}
	}
	return next
}

func listText(out listOutput) string {
	var b strings.Builder
	b.WriteString(out.Summary + "\n")
	b.WriteString(call.ReasonText(out.Reason))
	if len(out.Addresses) > 0 {
		b.WriteString(addressTable(out.Addresses) + "\n")
	}
	for _, h := range out.Hostnames {
		fmt.Fprintf(&b, "custom hostname: %s\n", h)
	}
	for _, line := range out.Services {
		fmt.Fprintf(&b, "service: %s\n", line)
	}
	for _, state := range slices.Sorted(maps.Keys(out.Machines)) {
		fmt.Fprintf(&b, "Machines %s: %d\n", state, out.Machines[state])
	}
	if out.Declined != "" {
		b.WriteString(out.Declined + "\n")
	}
	for _, blocker := range out.Blockers {
		fmt.Fprintf(&b, "blocker %s: %s → %s\n", blocker.ID, blocker.What, blocker.Fix)
	}
	for _, r := range out.Reach {
		fmt.Fprintf(&b, "reach: %s\n", r)
	}
	for _, u := range out.Unknown {
		fmt.Fprintf(&b, "unknown: %s\n", u)
	}
	if out.AgeMS > 0 {
		fmt.Fprintf(&b, "read %d ms ago\n", out.AgeMS)
	}
	b.WriteString(call.NextText(out.Next))
	return strings.TrimSuffix(b.String(), "\n")
}

func addressTable(list []listedAddress) string {
	t := columns.New("ADDRESS", "KIND", "REGION", "AGE", "NETWORK", "PRICE")
	for _, a := range list {
		kind := string(a.Kind)
		if a.Inferred {
			kind += " (inferred)"
		}
		price := "free"
		if a.MonthlyUSD > 0 {
			price = fmt.Sprintf("$%g/month", a.MonthlyUSD)
		}
		if a.Kind == fly.Egress {
			price = "by the pair"
		}
		t.Append(a.IP, kind, a.Region, ageText(a.age), networkText(a), price)
	}
	return t.String()
}

func ageText(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func networkText(a listedAddress) string {
	if a.NetworkID == "" {
		return ""
	}
	name := a.NetworkID
	if a.Network != "" {
		name = a.Network + " (" + a.NetworkID + ")"
	}
	switch a.OwnNetwork {
	case rules.Yes:
		return name + ", own"
	case rules.No:
		return name + ", FOREIGN"
	}
	return name
}
