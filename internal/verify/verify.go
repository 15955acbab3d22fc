// Package verify proves what is true of a private app by observing it: its addresses and services
// as Fly has them, and requests from inside its private network and from the internet. What was not
// observed is reported as not verified, with the commands that a person can run.
package verify

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Claim is something that is true of a private app. Names are stable: clients match on them.
type Claim string

// The claims.
const (
	Addresses   Claim = "addresses"    // only private and egress addresses
	Services    Claim = "services"     // the live services are those of the file
	Listens     Claim = "listens"      // the program listens where Fly Proxy connects
	NoRedirect  Claim = "no_redirect"  // nothing redirects to https
	Resolves    Claim = "resolves"     // APP.flycast is the address that the API lists
	Answers     Claim = "answers"      // each declared port answers
	Wakes       Claim = "wakes"        // a request starts a stopped Machine
	Sleeps      Claim = "sleeps"       // idle Machines stop
	GoneOutside Claim = "gone_outside" // the public name and the released addresses do not lead to the app
)

// Claims returns all claims, in the order in which they are proved.
func Claims() []Claim {
	return []Claim{Addresses, Services, Listens, NoRedirect, Resolves, Answers, Wakes, GoneOutside, Sleeps}
}

// Verdict is the outcome of one claim.
type Verdict string

// The verdicts.
const (
	Verified    Verdict = "verified"
	Refuted     Verdict = "refuted"
	NotVerified Verdict = "not_verified"
)

// Proof is the outcome of one claim, and what was seen.
type Proof struct {
	Claim    Claim   `json:"claim"`
	Verdict  Verdict `json:"verdict"`
	Evidence string  `json:"evidence,omitempty"`
	MS       int64   `json:"ms,omitempty"`
}

// Report is the outcome of several claims.
type Report struct {
	Vantage  string // where requests came from: inside, peer; empty: nowhere
	Proofs   []Proof
	Commands []string // how a person can check what was not verified
	Left     string   // what the check left behind, with the command that removes it
}

// add adds the outcome of a claim.
func (r *Report) add(c Claim, v Verdict, evidence string, args ...any) {
	r.Proofs = append(r.Proofs, Proof{Claim: c, Verdict: v, Evidence: fmt.Sprintf(evidence, args...)})
}

// addTimed adds the outcome of a claim that took some time.
func (r *Report) addTimed(c Claim, v Verdict, took time.Duration, evidence string, args ...any) {
	r.Proofs = append(r.Proofs, Proof{Claim: c, Verdict: v, Evidence: fmt.Sprintf(evidence, args...), MS: took.Milliseconds()})
}

// Join adds the proofs of another report.
func (r *Report) Join(other Report) {
	r.Proofs = append(r.Proofs, other.Proofs...)
	r.Commands = append(r.Commands, other.Commands...)
	if other.Vantage != "" {
		r.Vantage = other.Vantage
	}
	if other.Left != "" {
		r.Left = other.Left
	}
}

// Is returns the verdict of a claim; empty if it was not looked at.
func (r Report) Is(c Claim) Verdict {
	for _, p := range r.Proofs {
		if p.Claim == c {
			return p.Verdict
		}
	}
	return ""
}

// Lines returns the evidence of the claims with a verdict, such as "answers: port 80: 200 after 5 ms".
func (r Report) Lines(v Verdict) []string {
	var out []string
	for _, p := range r.Proofs {
		if p.Verdict == v {
			out = append(out, string(p.Claim)+": "+p.Evidence)
		}
	}
	return out
}

// Settled returns the report with one proof for each claim, in the order of [Claims]. One refutation
// refutes a claim. Of several ports all must answer.
func (r Report) Settled() Report {
	out := r
	out.Proofs = nil
	for _, c := range Claims() {
		verdicts := make(map[Verdict][]Proof)
		for _, p := range r.Proofs {
			if p.Claim == c {
				verdicts[p.Verdict] = append(verdicts[p.Verdict], p)
			}
		}
		verdict := NotVerified
		switch {
		case len(verdicts[Refuted]) > 0:
			verdict = Refuted
		case len(verdicts[Verified]) > 0 && (c != Answers || len(verdicts[NotVerified]) == 0):
			verdict = Verified
		}
		if len(verdicts[verdict]) == 0 {
			continue
		}
		one := verdicts[verdict][0]
		for _, p := range verdicts[verdict][1:] {
			one.Evidence += "; " + p.Evidence
		}
		out.Proofs = append(out.Proofs, one)
	}
	return out
}

// Vantage is a place to ask from.
type Vantage interface {
	Name() string // inside or peer
	// AAAA returns the addresses of a name on the private network. The error wraps
	// [tunnel.ErrNoSuchName] if there are none.
	AAAA(ctx context.Context, name string) ([]netip.Addr, error)
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	// Leave returns what is left behind; empty if nothing is.
	Leave() string
}
