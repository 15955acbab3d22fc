package verify

import (
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Configuration proves the claims that Fly's answers alone show. file is what the Machines should
// have; nil if it is unknown. lacking counts the Machines whose services differ from it.
func Configuration(s rules.Snapshot, file *flytoml.File, lacking int) Report {
	var r Report
	r.Proofs = append(r.Proofs, addresses(s))
	switch {
	case !s.MachinesKnown:
		r.add(Services, NotVerified, "this token is not allowed to read the Machines")
	case file == nil:
		r.add(Services, NotVerified, "the file is unknown: no path was given, and no release has one")
	case lacking > 0:
		r.add(Services, Refuted, "%s of %d have other services than the file", plan.Machines(lacking), len(s.Machines))
	default:
		r.add(Services, Verified, "all %d Machines have the file's services", len(s.Machines))
	}
	r.Proofs = append(r.Proofs, listens(s), redirects(s))
	return r
}

// addresses proves that the app has a Flycast address for its callers and no public one.
func addresses(s rules.Snapshot) Proof {
	out := Proof{Claim: Addresses, Verdict: Verified}
	var have []string
	for _, a := range s.Addresses.List {
		have = append(have, a.IP.String()+" ("+plan.KindName(string(a.Kind))+")")
	}
	out.Evidence = strings.Join(plan.Shortened(have), ", ")
	switch rules.Judge(s.Addresses.List) {
	case rules.Private:
		for _, b := range s.Blockers() {
			if b.ID == plan.FlycastWrongNetwork {
				out.Verdict, out.Evidence = Refuted, b.What
			}
		}
	case rules.Public, rules.Both:
		out.Verdict = Refuted
		out.Evidence = "still public over " + plan.Few(rules.PublicIPs(s.Addresses.List))
	case rules.Unknown:
		out.Verdict, out.Evidence = NotVerified, "the kind of "+plan.Few(s.Unrecognized())+" is unknown"
	case rules.Unreachable:
		out.Verdict, out.Evidence = Refuted, "the app has no Flycast address"
	}
	return out
}

// listens proves that the program listens where Fly Proxy connects.
func listens(s rules.Snapshot) Proof {
	for _, b := range s.Blockers() {
		switch b.ID {
		case plan.BindLoopback:
			return Proof{Claim: Listens, Verdict: Refuted, Evidence: b.What}
		case plan.NoServices, plan.NoPorts:
			return Proof{Claim: Listens, Verdict: Refuted, Evidence: b.What}
		}
	}
	if len(s.Listening) == 0 {
		return Proof{Claim: Listens, Verdict: NotVerified, Evidence: "no started Machine reports what listens"}
	}
	var ids []string
	for id := range s.Listening {
		ids = append(ids, id)
	}
	return Proof{Claim: Listens, Verdict: Verified, Evidence: "the sockets of Machine " + plan.Few(ids)}
}

// redirects proves that no port of the configuration redirects to https. The app itself still may.
func redirects(s rules.Snapshot) Proof {
	for _, b := range s.Blockers() {
		if b.ID == plan.ForceHTTPS {
			return Proof{Claim: NoRedirect, Verdict: Refuted, Evidence: b.What}
		}
	}
	if !s.MachinesKnown {
		return Proof{Claim: NoRedirect, Verdict: NotVerified, Evidence: "this token is not allowed to read the Machines"}
	}
	return Proof{Claim: NoRedirect, Verdict: NotVerified, Evidence: "no port has force_https; the program itself was not asked"}
}

// Unproven returns the claims that need a vantage, as not verified, with the commands for a person.
func Unproven(s rules.Snapshot, why string) Report {
	var r Report
	for _, c := range []Claim{Resolves, Answers, Wakes} {
		r.add(c, NotVerified, "%s", why)
	}
	app := s.Addresses.App.Name
	r.Commands = []string{
		"fly proxy 8080:80 " + app + ".flycast -a " + app,
		"curl -i -H 'Host: " + app + ".flycast' http://127.0.0.1:8080/",
	}
	return r
}

// flycastFor returns the Flycast address that callers use: of the app's own network, else of
// another.
func flycastFor(s rules.Snapshot) (fly.Address, bool) {
	var found fly.Address
	for _, a := range s.Addresses.List {
		if a.Kind != fly.Flycast {
			continue
		}
		if s.IsOwnNetwork(a) == rules.Yes {
			return a, true
		}
		if !found.IP.IsValid() {
			found = a
		}
	}
	return found, found.IP.IsValid()
}
