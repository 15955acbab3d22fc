package rollout

import (
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// State is how far a Machine got.
type State string

// The states. Broken means that what the run wanted to undo could not be
// undone: the Machine needs a person.
const (
	Healthy  State = "healthy"  // has the new configuration, started, checks passing, read back
	Unproven State = "unproven" // has the new configuration, and was not tested
	Failed   State = "failed"   // has the new configuration, does not work with it, and was left so
	// may have the new configuration or another one, as answers were lost, and was left so
	Unclear    State = "unclear"
	PutBack    State = "put_back"    // has its earlier configuration again, because it or another one failed
	Removed    State = "removed"     // was created in this run, and destroyed again
	Replaced   State = "replaced"    // was destroyed, once the one in its place served
	Broken     State = "broken"      // should have been put back or removed, and could not be
	Unchanged  State = "unchanged"   // refused before anything was changed
	NotStarted State = "not_started" // the run ended before its turn
)

// Outcome is what became of one Machine.
type Outcome struct {
	ID       string // empty for a Machine that was to be created and was not
	Group    string
	Region   string
	Role     Role   // in the strategy; empty for most
	For      string // of a green Machine: id of the one in whose place it is
	State    State
	Err      error    // what failed, nil otherwise
	Mismatch []string // read back, and not what was sent: one line a field

	Created  bool // made in this run
	Launched bool // it ran when its turn came, so the update restarted it
	Woken    bool // it did not run, and was started to be proved
	Stopped  bool // it was woken, proved, and stopped again
	Same     bool // it had the configuration before: nothing was sent to it
	Up       bool // it was put back, and seen started with its earlier configuration

	Before    string // instance id that the plan saw; empty for a new one
	After     string // instance id of what the run sent, or put back; empty if that is not known
	Volume    string // id of the volume that was made or taken for a new Machine
	Checks    int    // health checks of the new configuration
	Listening []Port // TCP ports of its services, of one Machine of each group
	Proof     string // what was seen, in words; empty if nothing was
}

// StillRunning reports whether nothing else is wrong with a Machine than that it was
// woken and could not be stopped again; Mismatch says why.
func (o Outcome) StillRunning() bool {
	return len(o.Mismatch) == 1 && strings.HasPrefix(o.Mismatch[0], stillRunning)
}

// Port is where one service's program listens.
type Port struct {
	Port  int
	State Reach
	// Address is the socket that was found, such as 127.0.0.1:8080; empty if
	// none was.
	Address string
}

// Reach says who can reach a port.
type Reach string

// Who can reach a port.
const (
	ReachAll      Reach = "all"      // Fly Proxy does: 0.0.0.0, [::] or an address of the Machine
	ReachLoopback Reach = "loopback" // only the Machine itself
	ReachPrivate  Reach = "private"  // only the private network (fly-local-6pn), which Fly Proxy does not use
	ReachNone     Reach = "none"     // nothing listens, although sockets were seen
	ReachUnknown  Reach = "unknown"  // the list of processes does not show it
)

// ReleaseOutcome is what became of the release record.
type ReleaseOutcome struct {
	Release fly.Release
	Status  fly.ReleaseStatus // the last one that was recorded
	Err     error             // why it could not be made, or closed
}

// Report lists every Machine of a run: new ones first, then the updated ones by
// group, those that ran before those that did not, and by id.
type Report struct {
	Machines    []Outcome
	Release     *ReleaseOutcome  // nil if none was to be recorded
	Abandoned   []ReleaseOutcome // of the work, as they are now
	Interrupted bool             // the run was stopped, or the context ended, before the last Machine's turn
	Stopped     bool             // the run was asked to stop, in time or not
	Err         error            // why nothing was begun; nil if something was
	Took        time.Duration

	first int // the number, from 1, of the Machine that failed first; 0 if that is not known
}

// Count counts the Machines that ended in a state.
func (r Report) Count(state State) int {
	n := 0
	for _, m := range r.Machines {
		if m.State == state {
			n++
		}
	}
	return n
}

// Failed returns the Machine that failed first, if one did. Others may have failed
// while it did, or after it.
func (r Report) Failed() (Outcome, bool) {
	if r.first > 0 {
		return r.Machines[r.first-1], true
	}
	i := slices.IndexFunc(r.Machines, func(o Outcome) bool { return o.Err != nil })
	if i < 0 {
		return Outcome{}, false
	}
	return r.Machines[i], true
}

// Phase is a moment in the work on one Machine.
type Phase struct {
	Group   string
	Machine string // empty for one that is not created yet, and for the release
	Doing   string // such as "updating"
	N, Of   int    // Machines whose turn has come, this one included; all Machines
	// For is how long it has been doing this: heartbeats repeat a phase at least
	// every five seconds.
	For time.Duration
}
