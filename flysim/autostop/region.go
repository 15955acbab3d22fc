package autostop

import (
	"fmt"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// regionLoad is the started Machines of one process group in one region.
type regionLoad struct {
	name, group string
	candidates  []candidate // in the order of creation
	minimum     int         // min_machines_running, 0 outside the primary region
}

// candidate is a started Machine to which Fly Proxy routes.
type candidate struct {
	flysim.Backend
	setting autostopSetting
	load    int
	keep    string // why it must not be stopped; empty if it may be
}

// regions returns the app's Machines that count, by region and group, in the order of their first
// Machine.
func (l *Loop) regions(site flysim.Site) []regionLoad {
	settle := l.Settle
	if settle == 0 {
		settle = l.every()
	}
	now := l.Platform.Clock().Now()
	index := make(map[[2]string]int)
	var regions []regionLoad
	for _, b := range site.Machines {
		if l.whyUncounted(b) != "" {
			continue
		}
		key := [2]string{b.Region, b.Group}
		i, ok := index[key]
		if !ok {
			i, index[key] = len(regions), len(regions)
			regions = append(regions, regionLoad{name: b.Region, group: b.Group})
		}
		c := candidate{Backend: b, setting: l.setting(b), load: l.Traffic.Load(b.ID)}
		c.keep = c.setting.keep
		switch ran := now.Sub(b.Started); {
		case c.keep != "":
		case ran < settle:
			c.keep = fmt.Sprintf("it was started %s ago, and is not stopped for the first %s", ran.Round(time.Second), settle)
		case b.Booting:
			c.keep = "its program does not listen yet"
		}
		if c.setting.primary == b.Region {
			regions[i].minimum = max(regions[i].minimum, c.setting.minimum)
		}
		regions[i].candidates = append(regions[i].candidates, c)
	}
	return regions
}

// whyUncounted says why a Machine is not a candidate, and does not count as capacity. It is empty for
// a candidate.
func (l *Loop) whyUncounted(b flysim.Backend) string {
	setting := l.setting(b)
	switch {
	case b.State != "started":
		return "it is not started: it is " + b.State
	case !setting.serves:
		return setting.keep
	case b.Cordoned:
		return "it is cordoned: Fly Proxy ignores it"
	case b.HostStatus == "unreachable":
		return "its host is unreachable"
	}
	return ""
}

// countOverLimit returns how many Machines are over their soft limit.
func (r regionLoad) countOverLimit() int {
	n := 0
	for _, c := range r.candidates {
		if c.load > c.setting.softLimit {
			n++
		}
	}
	return n
}

// excess returns how many Machines the region has too many.
func (r regionLoad) excess() int {
	if running := len(r.candidates); running > 1 {
		return running - (r.countOverLimit() + 1)
	}
	if r.candidates[0].load > 0 {
		return 0
	}
	return 1
}

// machineToStop returns the Machine that this pass stops, or nil.
func (r regionLoad) machineToStop() *candidate {
	if r.excess() < 1 || len(r.candidates) <= r.minimum {
		return nil
	}
	var least *candidate
	for i := range r.candidates {
		if c := &r.candidates[i]; c.keep == "" && (least == nil || c.load <= least.load) {
			least = c
		}
	}
	return least
}

// why says why the region has a Machine too many.
func (r regionLoad) why() string {
	if len(r.candidates) == 1 {
		return fmt.Sprintf("the last one that runs in %s, and its load is 0", r.name)
	}
	return fmt.Sprintf("%d run in %s and %d are over the soft limit: %d too many", len(r.candidates), r.name,
		r.countOverLimit(), r.excess())
}

// verdict says why a Machine that may be stopped is stopped, or is not.
func (r regionLoad) verdict(chosen bool) string {
	switch {
	case chosen:
		return r.why()
	case len(r.candidates) <= r.minimum:
		return fmt.Sprintf("min_machines_running is %d in the primary region %s, where %d run", r.minimum, r.name,
			len(r.candidates))
	case r.excess() >= 1:
		return "another one is stopped first: each pass stops one per region"
	case len(r.candidates) == 1:
		return fmt.Sprintf("the last one that runs in %s, and its load is %d", r.name, r.candidates[0].load)
	}
	return fmt.Sprintf("%d run in %s and %d are over the soft limit: none too many", len(r.candidates), r.name,
		r.countOverLimit())
}
