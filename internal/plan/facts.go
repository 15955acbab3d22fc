package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Facts that the question shows. A fact whose name ends in a slash is followed by what it is
// about.
const (
	FactCertificate    = "certificate/"    // a custom hostname
	FactLost           = "lost"            // IPv4 or IPv6: no address of it is left, and one of the other is
	FactNamesOver      = "names_over"      // IPv4 or IPv6: custom hostnames answer over that alone
	FactCloses         = "closes/"         // a port that answers now and will not
	FactScope          = "scope"           // all or services
	FactMaxUnavailable = "max_unavailable" // a share of a group below 1, or a number of Machines
	FactWaitTimeout    = "wait_timeout"    // for one Machine
	FactAtOnce         = "at_once/"        // a process group; see AtOnce
	FactStrategy       = "strategy"        // rolling, immediate, canary or bluegreen
	FactOnFailure      = "on_failure"      // put_back, stop or continue
	FactWake           = "wake"            // true: stopped Machines are started and tested
	FactOrigin         = "origin/"         // live, both, file, behind or unknown: how many values differ for that reason
	FactLeft           = "left/"           // a process group that the file lacks: its Machines are left alone
	FactAdopted        = "adopted/"        // a process group: its Machines that fly deploy did not make
)

// factLabel says what a kind of fact is about, as in: LABEL "name" changed.
func factLabel(kind string) string {
	switch kind {
	case FactLost:
		return "the IP version that is left without an address"
	case FactNamesOver:
		return "the IP version that custom hostnames still answer over"
	case strings.TrimSuffix(FactAtOnce, "/"):
		return "the number of Machines down at the same time in group"
	case strings.TrimSuffix(FactOrigin, "/"):
		return "the number of values that differ for the reason"
	case strings.TrimSuffix(FactCloses, "/"):
		return "the end of port"
	case strings.TrimSuffix(FactLeft, "/"):
		return "the group that the file lacks,"
	case strings.TrimSuffix(FactAdopted, "/"):
		return "the adoption of Machines into group"
	}
	return Clean(kind) // a plain word, or the name of an argument
}

// factSentence says how a fact has changed: certificate "www.example.com" is new.
func factSentence(changed string) string {
	for _, how := range []string{" is new", " changed", " is gone"} {
		fact, ok := strings.CutSuffix(changed, how)
		if !ok {
			continue
		}
		kind, name, hasName := strings.Cut(fact, "/")
		if hasName {
			return factLabel(kind) + " " + Quote(name) + how
		}
		return factLabel(kind) + how
	}
	return Clean(changed)
}

// AtOnce returns the value of [FactAtOnce]: how many Machines of a group may be down at the
// same time, of how many that exist, and whether no working one is left then.
func AtOnce(down, total int, isOutage bool) string {
	of := fmt.Sprintf("%d of %d", down, total)
	switch {
	case isOutage && down == total:
		return "ALL " + of
	case isOutage:
		return "ALL that do its work, " + of
	}
	return of
}

// FactValue returns the value of a fact; empty if there is none.
func (p Plan) FactValue(key string) string {
	for _, f := range p.Facts {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// FactNames returns what the facts with a prefix are about, quoted and sorted.
func (p Plan) FactNames(prefix string) []string {
	var out []string
	for _, f := range p.Facts {
		if name, ok := strings.CutPrefix(f.Key, prefix); ok {
			out = append(out, Quote(name))
		}
	}
	slices.Sort(out)
	return out
}
