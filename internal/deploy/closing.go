package deploy

import (
	"cmp"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// closing finds the ports that answer now and would not after the deploy, and
// states what is lost: to the internet, or to those who call over Flycast.
func (d *deployment) closing(reach audience) {
	if !d.addressless() {
		d.closed = closed(d.snapshot, d.afterwards(), reach.public)
	}
	switch {
	case len(d.closed) > 0 && reach.public:
		d.hazard(plan.PublicAccessEnds)
		for _, port := range d.closed {
			d.remark("after this deploy: port %s no longer answers", port)
		}
	case len(d.lost) == 0: // else it is said there
		for _, port := range d.closed {
			d.lost = append(d.lost, "port "+port+" no longer answers")
		}
	}
	if len(d.lost) > 0 {
		d.hazard(plan.AppUnreachable)
	}
	for _, what := range d.lost {
		d.remark("after this deploy: %s", what)
	}
}

// closed are the ports of one snapshot that answer nowhere in another, such as
// 443 or 5000/udp.
func closed(before, after rules.Snapshot, public bool) []string {
	var out []string
	stays := answering(after, public)
	for _, was := range answering(before, public) {
		name := was.port.String()
		if was.protocol() == "udp" {
			name += "/udp"
		}
		if !was.within(stays) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// answering are the ports through which requests get to a program, sorted. Over
// Flycast only plain ports do, and in no case those of a Machine that stays
// stopped once it is.
func answering(s rules.Snapshot, public bool) []door {
	var out []door
	for _, m := range s.Machines {
		list := m.Config.ServicesOrNone()
		if sleepsForGood(list) {
			continue
		}
		for _, d := range doors(list) {
			if public || d.protocol() != "udp" && !d.port.ForceHTTPS && !encrypted(d.port) {
				out = append(out, d)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b door) int { return cmp.Compare(a.lo, b.lo) })
	return out
}
