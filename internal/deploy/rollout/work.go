package rollout

import (
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Work is one deployment, as a plan approved it.
type Work struct {
	App      string
	Strategy Strategy
	// MaxUnavailable is how many running Machines of a group may be updated at
	// once: below 1 a share of them, rounded up; from 1 on their number.
	MaxUnavailable float64
	Updates        []Change // in any order
	Creates        []Create
	OnFailure      OnFailure
	// Wake starts Machines that do not run once they are updated, proves them,
	// and leaves them to autostop; those without autostop are stopped again.
	Wake          bool
	StartWithin   time.Duration // for a Machine to be started
	HealthyWithin time.Duration // for its checks to pass, from then on
	// Release is recorded before the first Machine and closed after the last;
	// nil records none. Machines get its id and version in their metadata.
	Release *fly.NewRelease
	// Abandoned are releases that earlier runs left open. They are closed as interrupted
	// before the first Machine. One that cannot be closed does not stop the run.
	Abandoned []fly.Release
}

// Strategy is the order in which Machines are updated, in flyctl's words.
type Strategy string

// Strategies.
const (
	Rolling   Strategy = "rolling"   // a part of each group at a time, the first of them alone
	Immediate Strategy = "immediate" // all at once
	Canary    Strategy = "canary"    // one extra Machine a group first, then rolling
	BlueGreen Strategy = "bluegreen" // a second set beside the first, then the switch
)

// OnFailure decides what happens when a Machine fails. In any case, a canary that fails
// ends the run and is destroyed, and so are all green Machines if one fails before they
// are in routing. Once a blue Machine is destroyed, nothing is put back.
type OnFailure string

// What happens when a Machine fails.
const (
	PutAllBack OnFailure = "put_back" // the one that failed and all changed in this run get their earlier configuration
	Stop       OnFailure = "stop"     // all stay as they are, and no other is touched
	Continue   OnFailure = "continue" // it stays as it is, and the others go on
)

// Create is a Machine that a group lacks.
type Create struct {
	Group  string
	Region string
	Config machine.Config
	Volume *fly.NewVolume // made first, and mounted; nil if the group has no mounts or a free volume is used
	Use    string         // id of the free volume to mount, if there is one

	role     Role   // canary or green; empty for a Machine that the app keeps
	replaces string // id of the Machine whose place a green one takes
	asleep   bool   // not started when it is created
	unrouted bool   // not in Fly Proxy's routing when it is created
	routed   bool   // to be put in once all are proved
}

// Step is one thing that a grant must hold for the work.
type Step struct {
	Verb   gate.Verb
	Target string
	// Machine is the one that the step is about, empty for a new one.
	Machine string
	Group   string
	Role    Role   // of a new Machine: canary or green; empty for one that the app keeps
	For     string // of a green Machine: id of the one in whose place it will be
}

// Empty reports whether the work changes no Machine.
func (w Work) Empty() bool { return len(w.Updates)+len(w.Creates) == 0 }
