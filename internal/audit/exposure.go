package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// exposureRules are about addresses: section 2.1 of the catalogue.
func exposureRules() []Rule {
	both := []Input{Addresses, Machines}
	return []Rule{
		{
			ID: "PUBLIC_IP_WITH_SERVICES", Severity: Critical, Title: "the internet reaches the app",
			Why:  "everyone on the internet can call the ports of the app's services",
			Docs: docs("networking/flycast/"), Needs: both, find: exposed,
		},
		{
			ID: "PUBLIC_IP_NO_SERVICES", Severity: Warning, Title: "public addresses without a service",
			Why:  "nothing answers there today, but the first service that is deployed will be public",
			Docs: docs("blueprints/private-applications-flycast/"), Needs: both, find: publicWithoutService,
		},
		{
			ID: "NONHTTP_PORT_EXPOSED", Severity: Critical, Title: "a port other than HTTP is public",
			Why:  "databases, caches and admin ports on the internet are found and attacked within hours",
			Docs: docs("networking/services/"), Needs: both, find: unusualPorts,
		},
		{
			ID: "NO_FLYCAST_IP", Severity: Error, Title: "no Flycast address",
			Why:  "the app has no private name that starts its Machines: APP.flycast does not exist",
			Docs: docs("networking/flycast/"), Needs: both, find: noFlycast,
		},
		{
			ID: "NO_IP_AT_ALL", Severity: Error, Title: "services without any address",
			Why:  "no request gets to the app, and the next fly deploy may give it public addresses",
			Docs: docs("networking/flycast/"), Needs: both, find: noAddress,
		},
		{
			ID: "REPROVISION_RISK", Severity: Blocker, Title: "the next fly deploy may make the app public",
			Why: "fly deploy gives a new app without addresses public ones, unless it has a Flycast address " +
				"or --no-public-ips is given",
			Docs: docs("networking/flycast/"), Needs: both, find: reprovisioned,
		},
		{
			ID: "FLYCAST_FOREIGN_ONLY", Severity: Warning, Title: "Flycast serves other networks only",
			Why:  "callers on the app's own network cannot reach it: each Flycast address serves one network",
			Docs: docs("networking/flycast/"), Needs: both, find: foreignOnly,
		},
		{
			ID: "FLYCAST_STALE_AFTER_MOVE", Severity: Error, Title: "the Flycast address is on an earlier network",
			Why:  "after a move to another organization the address is not on the network of the Machines",
			Docs: docs("apps/move-app-org/"), Needs: both, find: staleFlycast,
		},
		{
			ID: "FLYCAST_DUPLICATE", Severity: Warning, Title: "several Flycast addresses on one network",
			Why:  "callers may have either of them, so neither can be released without a check",
			Docs: docs("networking/flycast/"), Needs: []Input{Addresses}, find: duplicateFlycast,
		},
		{
			ID: "IP_TYPE_UNKNOWN", Severity: Blocker, Title: "an address of unknown kind",
			Why:  "it may be public, and this program never releases it",
			Docs: docs("networking/services/"), Needs: []Input{Addresses}, find: unknownKind,
		},
		{
			ID: "DEDICATED_V4_BILLED", Severity: Info, Title: "a dedicated IPv4 address costs $2 a month",
			Why:  "a release ends the cost, and the address cannot be had again",
			Docs: docs("about/pricing/"), Needs: []Input{Addresses}, find: dedicatedV4,
		},
		{
			ID: "EGRESS_IP_PRESENT", Severity: Info, Title: "egress addresses",
			Why:  "they are for outgoing connections only: nobody reaches the app through them, and they are never released here",
			Docs: docs("networking/egress-ips/"), Needs: []Input{Addresses}, find: egress,
		},
		{
			ID: "NO_APP_AUTH", Severity: Info, Title: "Flycast does not authenticate callers",
			Why:  "every app and every WireGuard peer on the network can call it: the app has to check who calls",
			Docs: docs("blueprints/private-applications-flycast/"), Needs: []Input{Addresses}, find: unauthenticated,
		},
	}
}

// docs returns the address of a page of Fly's documentation.
func docs(page string) string { return "https://fly.io/docs/" + page }

func isKind(kind fly.Kind) func(fly.Kind) bool {
	return func(k fly.Kind) bool { return k == kind }
}

func (f *Facts) public() []string { return f.ofKind(fly.Kind.Public) }

func exposed(f *Facts) []match {
	if f.State.Exposed() != rules.Yes {
		return nil
	}
	var open []string
	for _, p := range f.State.OpenPorts() {
		open = append(open, p.String())
	}
	m := match{
		evidence: fmt.Sprintf("port %s on %s", plan.Few(open), plan.Few(f.public())),
		remedy:   decide("is the app meant to be public? If not, list_ips shows the steps"),
	}
	if next := f.steps(); len(next) > 0 {
		m.remedy = next[0]
	}
	return []match{m}
}

func publicWithoutService(f *Facts) []match {
	if len(f.public()) == 0 || f.State.Exposed() != rules.No {
		return nil
	}
	return []match{{
		evidence: "no service answers on " + plan.Few(f.public()),
		remedy: plan.Next{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: f.App},
			Why: "if the app is not meant to be public; asks a person"},
	}}
}

func unusualPorts(f *Facts) []match {
	var out []match
	for _, p := range f.State.OpenPorts() {
		if !p.IsUsual() {
			out = append(out, match{
				evidence: fmt.Sprintf("port %s on %s", p, plan.Few(p.IPs)),
				remedy: decide("who connects to this port from the internet? If nobody, call list_ips and follow next, " +
					"which makes the app private"),
			})
		}
	}
	return out
}

// allocate is the call that gives the app a Flycast address, unless a person has to answer
// something first.
func allocate(f *Facts) plan.Next {
	if next := f.steps(); len(next) > 0 && next[0].Blocking {
		return next[0]
	}
	return plan.Next{Who: "agent", Tool: "allocate_flycast", Arguments: &plan.Arguments{App: f.App},
		Why: "free, and keeps a later deploy from making the app public"}
}

func noFlycast(f *Facts) []match {
	if f.hasFlycast() || len(f.State.Inbound()) == 0 || !f.State.HasServices() {
		return nil
	}
	return []match{{evidence: "addresses: " + plan.Few(f.public()), remedy: allocate(f)}}
}

func noAddress(f *Facts) []match {
	if len(f.State.Inbound()) > 0 || !f.State.HasRouted() && len(f.State.UDPServices()) == 0 {
		return nil
	}
	return []match{{evidence: "the Machines have services, and the app has no address", remedy: allocate(f)}}
}

func reprovisioned(f *Facts) []match {
	if len(f.State.Inbound()) > 0 {
		return nil
	}
	pending := strings.EqualFold(f.State.Addresses.App.Status, "pending") && len(f.State.Machines) == 0
	launched := slices.ContainsFunc(f.units, func(u unit) bool { return u.Config.IsFlyLaunch() })
	what := "no address, no Machine, and the app was never deployed"
	switch {
	case pending:
	case len(f.State.Machines) > 0 && !launched && len(f.units) == len(f.State.Machines):
		what = "no address, and fly deploy made none of the Machines"
	default:
		return nil
	}
	return []match{{evidence: what, remedy: allocate(f)}}
}

// foreign reports whether every Flycast address is on another network than the app, and
// whether that network has the name of the app's own.
func (f *Facts) foreign() (all, stale bool) {
	own := f.State.Addresses.App
	for _, a := range f.State.Addresses.List {
		if a.Kind != fly.Flycast {
			continue
		}
		if f.State.IsOwnNetwork(a) != rules.No {
			return false, false
		}
		all = true
		stale = stale || a.Network != "" && a.Network == own.Network && (a.Org == "" || own.Organization.HasSlug(a.Org))
	}
	return all, stale
}

func foreignOnly(f *Facts) []match {
	all, stale := f.foreign()
	if !all || stale {
		return nil
	}
	return []match{{
		evidence: fmt.Sprintf("%s; the Machines are on network %s", plan.Few(f.ofKind(isKind(fly.Flycast))),
			f.State.NetworkID()),
		remedy: decide("where are the callers? If on the app's own network, call allocate_flycast for " + f.App),
	}}
}

func staleFlycast(f *Facts) []match {
	if _, stale := f.foreign(); !stale {
		return nil
	}
	return []match{{
		evidence: fmt.Sprintf("%s; the Machines are on network %s", plan.Few(f.ofKind(isKind(fly.Flycast))),
			f.State.NetworkID()),
		remedy: allocate(f),
	}}
}

func duplicateFlycast(f *Facts) []match {
	byNetwork := make(map[string][]string)
	var order []string
	for _, a := range f.State.Addresses.List {
		if a.Kind != fly.Flycast {
			continue
		}
		id := fly.NetworkID(a.IP)
		if byNetwork[id] == nil {
			order = append(order, id)
		}
		byNetwork[id] = append(byNetwork[id], a.IP.String())
	}
	var out []match
	for _, id := range order {
		if len(byNetwork[id]) > 1 {
			out = append(out, match{
				evidence: fmt.Sprintf("%s on network %s", plan.Few(byNetwork[id]), id),
				remedy: decide("keep the oldest; fly ips release removes another one, once no caller has it " +
					"(this program never releases private addresses)"),
			})
		}
	}
	return out
}

func unknownKind(f *Facts) []match {
	list := f.State.Unrecognized()
	if len(list) == 0 {
		return nil
	}
	return []match{{evidence: plan.Few(list), remedy: command("fly ips list -a "+f.App, "shows what the address is")}}
}

func dedicatedV4(f *Facts) []match {
	list := f.ofKind(isKind(fly.DedicatedV4))
	if len(list) == 0 {
		return nil
	}
	return []match{{evidence: plan.Few(list), remedy: decide("is the address in somebody's allow-list or DNS record?")}}
}

func egress(f *Facts) []match {
	list := f.ofKind(isKind(fly.Egress))
	if len(list) == 0 {
		return nil
	}
	return []match{{evidence: plan.Few(list), remedy: none("they are not a way in")(nil)}}
}

func unauthenticated(f *Facts) []match {
	if !f.hasFlycast() {
		return nil
	}
	return []match{{
		evidence: plan.Few(f.ofKind(isKind(fly.Flycast))), remedy: decide("does the app check who calls it?"),
	}}
}
