package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Fact is something that an approved plan depends on, as a key and a value:
// "address/66.241.124.11" = "shared_v4". When a fact is gone, new or different,
// the approval is stale.
type Fact struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// factSum is a fact as a question carries it: enough to find what changed.
type factSum struct {
	Key string `json:"k"`
	Sum string `json:"s"`
}

func sumFacts(facts []Fact) []factSum {
	out := make([]factSum, len(facts))
	for i, f := range facts {
		h := sha256.Sum256([]byte(f.Value))
		out[i] = factSum{f.Key, hex.EncodeToString(h[:6])}
	}
	slices.SortFunc(out, func(a, b factSum) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// describeChanges lists how the facts differ from those that were shown. If none
// differs, the plan itself does: the call had other arguments.
func describeChanges(was []factSum, facts []Fact) []string {
	before := make(map[string]string, len(was))
	for _, s := range was {
		before[s.Key] = s.Sum
	}
	var out []string
	for _, s := range sumFacts(facts) {
		old, ok := before[s.Key]
		delete(before, s.Key)
		switch {
		case !ok:
			out = append(out, s.Key+" is new")
		case old != s.Sum:
			out = append(out, s.Key+" changed")
		}
	}
	for key := range before {
		out = append(out, key+" is gone")
	}
	slices.Sort(out)
	if len(out) == 0 {
		out = []string{"what is to be done"}
	}
	return out
}
