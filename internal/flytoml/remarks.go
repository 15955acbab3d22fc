package flytoml

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// Remark is something in a file that flyctl accepts in silence and that does
// not do what it seems to, or that stands in the way of Flycast. Text from the
// file is quoted and shortened in What and Fix; values of env and headers are
// never in them.
type Remark struct {
	Code   string // one of the Remark… constants
	Path   string // services[0].ports[1].port
	Row    int    // from 1; 0 if unknown
	Column int    // from 1, in bytes; 0 if unknown
	What   string
	Fix    string
}

// Codes of remarks.
const (
	RemarkInvalid       = "invalid"            // flyctl refuses the file
	RemarkUnknownKey    = "unknown_key"        // flyctl ignores the key
	RemarkKeyCase       = "key_case"           // read in any case, but not by the translations of old spellings
	RemarkUnknownGroup  = "unknown_group"      // a section for a process group that does not exist
	RemarkNoPorts       = "no_ports"           // a service that Fly Proxy does not listen for
	RemarkNoPort        = "no_internal_port"   // a service without a port to send requests to
	RemarkPortRange     = "port_out_of_range"  // a port that does not exist
	RemarkTLSOnly       = "tls_only_service"   // no port without TLS, which Flycast clients need
	RemarkUDP           = "udp_service"        // not served over Flycast
	RemarkAutostop      = "autostop_value"     // not a value of auto_stop_machines
	RemarkMixedAutostop = "autostop_not_all"   // one service keeps the Machines of its group awake
	RemarkNoAutostart   = "autostop_no_start"  // stops and is not started again
	RemarkSuspend       = "suspend_impossible" // Fly stops the Machine instead
	RemarkMinimum       = "negative_minimum"   // min_machines_running below zero
	RemarkNanoseconds   = "duration_unit"      // a bare number that means nanoseconds
	RemarkMounts        = "several_mounts"     // flyctl deploys one mount a Machine
)

// Remarks reads the file critically, in the order of its lines.
func (f *File) Remarks() []Remark {
	r := &reviewer{file: f, at: f.locate()}
	for i, b := range f.data {
		if b == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	r.keys("", "", f.doc, schema())
	if f.shapeError() != nil {
		r.add(RemarkInvalid, "", "flyctl cannot read the configuration: "+oneLine(f.shapeError().Error()), "correct the value")
	} else {
		r.groups()
		r.services()
		r.suspend()
		r.mounts()
	}
	slices.SortStableFunc(r.remarks, func(a, b Remark) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Column, b.Column))
	})
	return r.remarks
}

// reviewer collects remarks.
type reviewer struct {
	file    *File
	at      positions
	lines   []int // where the second line begins, and the others
	remarks []Remark
}

// add makes a remark about a path, at the place of the nearest part that has
// one.
func (r *reviewer) add(code, path, what, fix string) {
	remark := Remark{Code: code, Path: shorten(path), What: what, Fix: fix}
	for at := path; at != ""; {
		if place, ok := r.at[at]; ok {
			offset := place.key.start
			line, _ := slices.BinarySearch(r.lines, offset+1)
			remark.Row, remark.Column = line+1, offset+1
			if line > 0 {
				remark.Column -= r.lines[line-1]
			}
			break
		}
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	r.remarks = append(r.remarks, remark)
}

// keys looks for keys that flyctl does not know. plain is the path without
// indexes.
func (r *reviewer) keys(path, plain string, value any, s *section) {
	switch value := value.(type) {
	case []any:
		if item := listItem(plain, s); item != nil {
			s = item
		}
		for i, item := range value {
			r.keys(fmt.Sprintf("%s[%d]", path, i), plain, item, s)
		}
	case map[string]any:
		if s == nil {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			under, here := s.keys[""], join(path, key)
			if !s.any {
				name, ok := r.key(here, key, s)
				if !ok {
					continue
				}
				under = s.keys[name]
				if name == "auto_stop_machines" {
					r.autostop(here, value[key])
				}
			}
			r.keys(here, strings.TrimPrefix(plain+"."+key, "."), value[key], under)
		}
	}
}

// key finds the known name of a key.
func (r *reviewer) key(path, key string, s *section) (string, bool) {
	if _, ok := s.keys[key]; ok {
		return key, true
	}
	for _, name := range s.names() {
		if strings.EqualFold(name, key) {
			what := fmt.Sprintf("%s is read as %s, but what flyctl does for that key in lower case (old spellings, quoted numbers) it does not do here", quote(key), name)
			switch name {
			case "vm", "mounts", "metrics":
				what = fmt.Sprintf("%s is ignored: flyctl reads %s in lower case only", quote(key), name)
			}
			r.add(RemarkKeyCase, path, what, "write "+name)
			return name, true
		}
	}
	fix := "remove it, or look the name up in Fly's configuration reference"
	if name := nearest(key, s.names()); name != "" {
		fix = fmt.Sprintf("did you mean %s?", name)
	}
	r.add(RemarkUnknownKey, path, fmt.Sprintf("flyctl does not know the key %s and ignores it", quote(key)), fix)
	return "", false
}

// autostop looks at a value that flyctl refuses.
func (r *reviewer) autostop(path string, value any) {
	switch value := value.(type) {
	case bool:
		return
	case string:
		if _, err := machine.ParseAutostop(value); err == nil {
			return
		}
	}
	r.add(RemarkAutostop, path, fmt.Sprintf("auto_stop_machines cannot be %s: flyctl refuses the file", quote(text(value))), `use "off", "stop" or "suspend"`)
}

// nearest is the name a key was probably meant to be, empty if none is near.
func nearest(key string, names []string) string {
	if len(key) > 2*maxQuoted {
		return ""
	}
	key = strings.ToLower(key)
	best, least := "", 2 // one letter off in a short name, two or a quarter in a longer one
	if len(key) > 3 {
		least = max(len(key)/4, 2) + 1
	}
	for _, name := range names {
		if n := levenshtein.ComputeDistance(key, name); n < least {
			best, least = name, n
		}
	}
	if best != "" {
		return best
	}
	// A name that was cut short: auto_stop for auto_stop_machines.
	for _, name := range names {
		if len(key) >= 4 && strings.HasPrefix(name, key) {
			return name
		}
	}
	return ""
}

// sections are the paths of a section's tables under its names, in the order
// in which flyctl reads them.
func (r *reviewer) sections(names ...string) []string {
	var paths []string
	for _, name := range names {
		for _, key := range slices.Sorted(maps.Keys(r.file.doc)) {
			if !strings.EqualFold(key, name) || key != name && len(names) > 1 {
				continue
			}
			list, ok := r.file.doc[key].([]any)
			if !ok {
				paths = append(paths, join("", key))
			}
			for i, item := range list {
				if table, ok := item.(map[string]any); ok && len(table) == 0 && key == "services" {
					continue // dropped
				}
				paths = append(paths, fmt.Sprintf("%s[%d]", join("", key), i))
			}
		}
	}
	return paths
}

// under is the path of the i-th section, empty if it cannot be told.
func under(paths []string, i int) string {
	if i < len(paths) {
		return paths[i]
	}
	return ""
}

// groups looks for sections of groups that do not exist.
func (r *reviewer) groups() {
	d := r.file.def()
	check := func(path string, processes []string, then string) {
		for _, name := range processes {
			if name != "" && !d.hasGroup(name) {
				r.add(RemarkUnknownGroup, join(path, "processes"),
					fmt.Sprintf("there is no process group %s: %s", quote(name), then), "name one of the groups in [processes]")
			}
		}
	}
	const vanishes, refused = "the section has no effect for it", "flyctl refuses the file"
	if d.HTTPService != nil {
		check(under(r.sections("http_service"), 0), d.HTTPService.Processes, refused)
	}
	paths := r.sections("services")
	for i, s := range d.Services {
		check(under(paths, i), s.Processes, refused)
	}
	paths = r.sections("restart")
	for i, s := range d.Restart {
		check(under(paths, i), s.Processes, refused)
	}
	paths = r.sections("mount", "mounts")
	for i, s := range d.Mounts {
		check(under(paths, i), s.Processes, vanishes)
	}
	paths = r.sections("compute", "computes", "vm")
	for i, s := range d.VM {
		check(under(paths, i), s.Processes, vanishes)
	}
	paths = r.sections("metric", "metrics")
	for i, s := range d.Metrics {
		check(under(paths, i), s.Processes, vanishes)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Checks)) {
		check(join("checks", name), d.Checks[name].Processes, vanishes)
	}
}

func (r *reviewer) mounts() {
	if len(r.file.def().Mounts) < 2 {
		return
	}
	for _, group := range r.file.def().groups() {
		if mounts := r.file.def().flatten(group).Mounts; len(mounts) > 1 {
			r.add(RemarkMounts, under(r.sections("mount", "mounts"), 0),
				fmt.Sprintf("the group %s has %d mounts, and a Machine gets the first alone", quote(group), len(mounts)), "keep one for each group")
		}
	}
}

func shorten(path string) string {
	if runes := []rune(path); len(runes) > 3*maxQuoted {
		path = string(runes[:3*maxQuoted]) + "…"
	}
	return oneLine(path)
}

func oneLine(s string) string {
	if runes := []rune(s); len(runes) > 5*maxQuoted {
		s = string(runes[:5*maxQuoted]) + "…"
	}
	return printable([]byte(s))
}
