package edit

import (
	"fmt"
	"strconv"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// withoutIntended returns the edit without the values that the service's file sets on purpose and
// that the edit keeps: [Request.KeepSuspend], [Request.KeepOff] and [Request.KeepMinimum].
func (e Request) withoutIntended(s service) Request {
	if e.KeepMinimum && s.minimum() != "" {
		e.MinMachines = nil
	}
	if e.keepsAutostop(s) {
		if s.autostop() == machine.AutostopOff.String() {
			e.MinMachines = nil // a minimum has no effect
		}
		e.Autostop = nil
	}
	return e
}

// keepsAutostop reports whether the edit leaves the service's autostop as the file sets it.
// Suspended Machines stop too, so suspend is kept only from stop.
func (e Request) keepsAutostop(s service) bool {
	if e.Autostop == nil {
		return false
	}
	switch s.autostop() {
	case machine.AutostopSuspend.String():
		return e.KeepSuspend && *e.Autostop == machine.AutostopStop
	case machine.AutostopOff.String():
		return e.KeepOff && *e.Autostop != machine.AutostopOff
	}
	return false
}

// autostop returns the service's auto_stop_machines as the file sets it: off, stop or suspend;
// empty if the file does not set it.
func (s service) autostop() string {
	value, _ := s.table.Get(autostopKey)
	switch {
	case value == nil:
		return ""
	case value.Kind == layout.KindBool && value.On:
		return machine.AutostopStop.String()
	case value.Kind == layout.KindBool:
		return machine.AutostopOff.String()
	case value.Kind == layout.KindString:
		return value.Text
	}
	return ""
}

// minimum returns the service's min_machines_running as the file sets it; empty if the file does
// not set it.
func (s service) minimum() string {
	if value, _ := s.table.Get("min_machines_running"); value.Absent() {
		return ""
	}
	return strconv.Itoa(portNumber(s.table, "min_machines_running"))
}

// intentRemarks returns remarks on values that the file sets on purpose and that were kept.
func (ed *editor) intentRemarks(e Request) []Remark {
	var out []Remark
	for _, s := range ed.services {
		if !s.belongsTo(e.Groups) {
			continue
		}
		if _, isExempt := ed.exemptionOf(s, e); isExempt {
			continue // its own remark says more
		}
		if e.KeepOff && e.keepsAutostop(s) {
			effect := "idle Machines of %s are suspended, not stopped"
			if s.autostop() == machine.AutostopOff.String() {
				effect = "idle Machines of %s never stop"
			}
			out = append(out, Remark{
				Code: RemarkAutostopKept, Groups: s.groups,
				What: fmt.Sprintf("auto_stop_machines stays %q, as the file sets it: "+effect, s.autostop(), ofGroups(s.groups)),
				Fix:  `ask the user; autostop "stop" lets them stop when idle`,
			})
			if s.autostop() == machine.AutostopOff.String() {
				continue
			}
		}
		if e.KeepMinimum && s.minimum() != "" && s.minimum() != "0" {
			out = append(out, Remark{
				Code: RemarkMinimumKept, Groups: s.groups,
				What: fmt.Sprintf("min_machines_running stays %s, as the file sets it: that many Machines of %s never stop",
					s.minimum(), ofGroups(s.groups)),
				Fix: "ask the user; min_machines_running 0 lets all of them stop when idle",
			})
		}
	}
	return out
}
