package tools

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/columns"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

type listInput struct {
	App string `json:"app" jsonschema:"name of the Fly app"`
}

// listOutput is the answer of list_ips. Verdict is about addresses, exposed
// about whether anything answers the internet, blockers about what keeps the
// app from working privately.
type listOutput struct {
	Status    string         `json:"status" jsonschema:"ok or failed"`
	Summary   string         `json:"summary"`
	Code      gate.Code      `json:"code,omitempty"`
	Retry     gate.Retry     `json:"retry,omitempty"`
	RetryS    int            `json:"retry_after_s,omitempty"`
	RequestID string         `json:"request_id,omitempty"`
	Verdict   rules.Verdict  `json:"verdict,omitempty" jsonschema:"by addresses: public, private, both, unreachable, unknown"`
	Exposed   rules.Answer   `json:"exposed,omitempty" jsonschema:"does anything answer the internet: yes, no, unknown"`
	Addresses []address      `json:"addresses,omitempty"`
	Blockers  []plan.Blocker `json:"blockers,omitempty"`
	Reach     []string       `json:"reach,omitempty" jsonschema:"how callers reach the app now; nothing if they cannot"`
	Unknown   []string       `json:"unknown,omitempty"`
	AgeMS     int64          `json:"age_ms,omitempty" jsonschema:"age of the data: reads are shared for a second"`
	Next      []plan.Next    `json:"next"`
}

type address struct {
	IP         string       `json:"ip"`
	Kind       fly.Kind     `json:"kind" jsonschema:"dedicated_v4, shared_v4, dedicated_v6, flycast, egress or unknown"`
	Inferred   bool         `json:"inferred,omitempty"`
	Region     string       `json:"region,omitempty"`
	CreatedAt  string       `json:"created_at,omitempty"`
	Network    string       `json:"network,omitempty"`
	NetworkID  string       `json:"network_id,omitempty"`
	Org        string       `json:"org,omitempty"`
	OwnNetwork rules.Answer `json:"own_network,omitempty"`
	MonthlyUSD float64      `json:"monthly_usd,omitempty"`

	age time.Duration
}

func (a *toolset) listIPs() call.Tool {
	return call.NewReading(a.Handler, call.Reading[listInput, listOutput]{
		Spec: call.Spec{
			Name: "list_ips", Title: "List IP addresses", Effect: call.Reads,
			Description: "Lists every IP address of a Fly app with its kind, price and network. Reports whether the app is public, private or both, whether anything answers the internet, and what prevents it from working over Flycast. Changes nothing. Start here, follow next, and call it again at the end.",
		},
		Read: a.readIPs,
		Failed: func(summary string, p *plan.Problem) listOutput {
			return listOutput{
				Status: "failed", Summary: a.mark(summary), Code: p.Code, Retry: p.Code.Retry(), RetryS: int(math.Ceil(p.RetryAfter.Seconds())),
				RequestID: p.RequestID, Next: p.NextSteps(),
			}
		},
		Text: listText,
	}, func(p map[string]*jsonschema.Schema) { app(p) })
}

// app is the pattern of app names, for every schema that has one.
func app(p map[string]*jsonschema.Schema) {
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
	out := listOutput{Status: "ok", Verdict: rules.Judge(s.Addresses.List), Exposed: s.Exposed(), Blockers: s.Blockers(), Reach: plan.Shortened(s.Reach()), AgeMS: reading.Of(a.Clock.Now()).Milliseconds(), Next: a.guide(s)}
	for _, addr := range s.Addresses.List {
		out.Addresses = append(out.Addresses, a.describe(s, addr))
	}
	out.Unknown = unknowns(s)
	if !s.MachinesKnown {
		out.Unknown = append(out.Unknown, "the Machines: this token is not allowed to list them")
	}
	if s.MachinesKnown && s.HasRouted() {
		out.Unknown = append(out.Unknown, plan.FlycastUnproven.Sentence())
	}
	out.Summary = a.mark(fmt.Sprintf("%s: %s by its addresses, exposed to the internet: %s. %s", in.App, out.Verdict, out.Exposed, reached(s)))
	return out, nil
}

// unknowns are what a reading does not tell, as sentences.
func unknowns(s rules.Snapshot) []string {
	var out []string
	for _, u := range s.Unknowns() {
		sentence := u.Sentence()
		if u == plan.KindUnknown {
			sentence = strings.Join(s.Unrecognised(), ", ") + ": " + sentence
		}
		out = append(out, sentence)
	}
	return out
}

func (a *toolset) mark(summary string) string {
	if a.Sandbox {
		return call.SandboxMark + summary
	}
	return summary
}

func (a *toolset) describe(s rules.Snapshot, addr fly.Address) address {
	out := address{
		IP: addr.IP.String(), Kind: addr.Kind, Inferred: addr.Inferred, Region: plan.Clean(addr.Region), Network: plan.Clean(addr.Network),
		NetworkID: fly.NetworkID(addr.IP), Org: plan.Clean(addr.Org), MonthlyUSD: plan.AddressMonthlyUSD(string(addr.Kind)),
	}
	if !addr.CreatedAt.IsZero() {
		out.CreatedAt = addr.CreatedAt.UTC().Format(time.RFC3339)
		out.age = a.Clock.Now().Sub(addr.CreatedAt)
	}
	if addr.Kind == fly.Flycast {
		out.OwnNetwork = s.Own(addr)
	}
	return out
}

// guide names the next step of the job: a Flycast address first, then the file
// and the deploy, the release last.
func (a *toolset) guide(s rules.Snapshot) []plan.Next {
	next := a.steps(s)
	if a.ReadOnly && len(next) > 0 {
		return []plan.Next{{Who: "person", Why: "this server is read-only: the next step would be " + cmp.Or(next[0].Tool, next[0].Why) + "; to do it, start the server without --read-only"}}
	}
	return next
}

func (a *toolset) steps(s rules.Snapshot) []plan.Next {
	app := s.Addresses.App.Name
	has := make(map[string]bool)
	for _, b := range s.Blockers() {
		has[b.ID] = true
	}
	public := false
	for _, addr := range s.Addresses.List {
		public = public || addr.Kind.Public()
	}
	unclear := func(next []plan.Next) []plan.Next {
		if s.FlycastUnclear() {
			next = append([]plan.Next{{Who: "person", Why: "does the Flycast address serve the callers' network? Fly's answers do not show it; ask before a release"}}, next...)
		}
		return next
	}
	switch {
	case has[plan.NoFlycast] || has[plan.FlycastWrongNetwork]:
		return []plan.Next{{Who: "agent", Tool: "allocate_flycast", Arguments: &plan.Arguments{App: app}, Why: "first step: a Flycast address is free, and keeps a later deploy from making the app public"}}
	case has[plan.MachineUnread]:
		return []plan.Next{{Who: "person", Command: "fly machine list -a " + app, Why: "Machines whose configuration could not be read may be public: call list_ips again when they can be read"}}
	case !s.MachinesKnown && public:
		return []plan.Next{{Who: "person", Command: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", app), Why: "this token is not allowed to read the Machines: it is unknown whether the app is ready for Flycast"}}
	case len(s.ByHand()) > 0 && !has[plan.BindLoopback] && !(has[plan.NoServices] && public):
		return adoptOrUpdate(app, s.ByHand())
	case has[plan.NoServices] && public:
		return unclear([]plan.Next{{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: app}, Why: "nothing answers on the public addresses yet: release them before a service is deployed"}})
	case has[plan.NoServices]:
		return []plan.Next{{Who: "person", Why: "say which port the app listens on (internal_port); then call patch_services with create"}}
	case has[plan.NoPorts]:
		return newService(s.NewService())
	case has[plan.TLSOnly]:
		arguments := s.PlainPorts()
		return patchThenDeploy(arguments, "adds a port without TLS, because .flycast names have no certificate; pass path or content of its fly.toml if there is one")
	case has[plan.ForceHTTPS]:
		return patchThenDeploy(plan.Arguments{App: app}, "pass path or content of its fly.toml if there is one")
	case has[plan.NoMachineAnswers]:
		return wakeUp(app, s)
	case has[plan.UDPService] || has[plan.BindLoopback]:
		return decide(app, s)
	case public:
		return unclear([]plan.Next{
			{Who: "person", Why: "who calls the public address (webhooks, monitors, browsers, other apps)? they will be cut off"},
			{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: app}, Why: "the live Machines are ready; asks a person"},
		})
	case len(s.Unrecognised()) > 0:
		return []plan.Next{{Who: "person", Command: "fly ips list -a " + app, Why: "find out what " + strings.Join(s.Unrecognised(), ", ") + " is: its kind is not recognized, and it may be public"}}
	case !s.MachinesKnown:
		return []plan.Next{{Who: "person", Command: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", app), Why: "this token is not allowed to read the Machines: it is unknown whether anything answers over Flycast"}}
	case s.FlycastUnclear():
		return unclear(nil)
	}
	return standing(app, s)
}

// decide asks a person about what no tool can fix. Where UDP comes in over a
// dedicated IPv4 that is kept, the other public addresses can go without it.
func decide(app string, s rules.Snapshot) []plan.Next {
	var next []plan.Next
	udpAlone := true
	for _, b := range s.Blockers() {
		udpAlone = udpAlone && b.ID == plan.UDPService
		if len(next) < plan.MaxNext-1 {
			next = append(next, plan.Next{Who: "person", Why: b.What + ": " + b.Fix})
		}
	}
	var others []string
	for _, addr := range s.Addresses.List {
		if addr.Kind.Public() && addr.Kind != fly.DedicatedV4 {
			others = append(others, addr.IP.String())
		}
	}
	if udpAlone && rules.KeepsUDP(s.Addresses.List) && len(others) > 0 && len(others) <= call.MaxItems {
		next = append(next, plan.Next{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: app, IPs: others},
			Why: "if the dedicated IPv4 is kept for UDP: releases the others; asks a person"})
	}
	return next
}

// patchThenDeploy are the two calls that put edited services onto the Machines.
func patchThenDeploy(patch plan.Arguments, why string) []plan.Next {
	return []plan.Next{
		{Who: "agent", Tool: "patch_services", Arguments: &patch, Why: why},
		{Who: "agent", Tool: deployName, Arguments: &plan.Arguments{App: patch.App}, Why: "then, with the draft from patch_services; asks a person"},
	}
}

// wakeUp is what to do about an app none of whose Machines may answer.
func wakeUp(app string, s rules.Snapshot) []plan.Next {
	for _, b := range s.Blockers() {
		if b.ID == plan.NoMachineAnswers && strings.HasPrefix(b.Fix, "patch_services") {
			return patchThenDeploy(plan.Arguments{App: app}, "sets autostart; pass path or content of its fly.toml if there is one")
		}
	}
	return standing(app, s)
}

// standing is what still stands in the way, for a person; empty if nothing does.
func standing(app string, s rules.Snapshot) []plan.Next {
	if blockers := s.Blockers(); len(blockers) > 0 {
		first := blockers[0]
		if strings.HasPrefix(first.Fix, "fly ") && !strings.Contains(first.Fix, ";") {
			return []plan.Next{{Who: "person", Command: first.Fix, Why: first.What}}
		}
		return []plan.Next{{Who: "person", Why: first.What + ": " + first.Fix}}
	}
	if why := s.Unreached(); why != "" {
		return []plan.Next{{Who: "person", Command: "fly status -a " + app, Why: "nothing reaches the app: " + why}}
	}
	return []plan.Next{}
}

// newService is how an app whose services have no ports gets one that has.
func newService(arguments plan.Arguments) []plan.Next {
	if arguments.InternalPort == 0 {
		return []plan.Next{{Who: "person", Why: "say which port the app listens on (internal_port); then call patch_services with create " + arguments.Create}}
	}
	return patchThenDeploy(arguments, "adds a service with a port that Fly Proxy listens on; pass path or content of its fly.toml if there is one")
}

func listText(out listOutput) string {
	var b strings.Builder
	b.WriteString(out.Summary + "\n")
	if out.Code != "" {
		fmt.Fprintf(&b, "code: %s (retry: %s)\n", out.Code, out.Retry)
	}
	if out.RetryS > 0 {
		fmt.Fprintf(&b, "retry after: %d s\n", out.RetryS)
	}
	if out.RequestID != "" {
		fmt.Fprintf(&b, "fly-request-id: %s\n", out.RequestID)
	}
	if len(out.Addresses) > 0 {
		b.WriteString(addressTable(out.Addresses) + "\n")
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

func addressTable(list []address) string {
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
		t.Append(a.IP, kind, a.Region, age(a.age), network(a), price)
	}
	return t.String()
}

func age(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

func network(a address) string {
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
