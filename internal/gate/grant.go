package gate

import (
	"errors"
	"fmt"
	"sync"
)

// Verb is what a step does. To the gate it is only a name: package plan says what
// each verb means. The verbs are here because plans and clients share them.
type Verb string

// The verbs: every change that can be made to an app.
const (
	AllocateAddress Verb = "allocate_address"
	ReleaseAddress  Verb = "release_address"
	LeaseMachine    Verb = "lease_machine"
	UpdateMachine   Verb = "update_machine"
	PutBackMachine  Verb = "put_back_machine"
	CreateMachine   Verb = "create_machine"
	StartMachine    Verb = "start_machine"
	StopMachine     Verb = "stop_machine"
	DestroyMachine  Verb = "destroy_machine"
	CordonMachine   Verb = "cordon_machine"
	UncordonMachine Verb = "uncordon_machine"
	SetMetadata     Verb = "set_metadata"
	CreateVolume    Verb = "create_volume"
	CreateRelease   Verb = "create_release"
	UpdateRelease   Verb = "update_release"
	WriteFile       Verb = "write_file"
	MakeDraft       Verb = "make_draft"
	CreateApp       Verb = "create_app"
	AddPeer         Verb = "add_peer"
	RemovePeer      Verb = "remove_peer"
)

// Step is one approved change: the verb, the app, and the target, which carries
// every parameter that decides what happens (an address, or a Machine with the
// hash of the configuration it will get).
type Step struct {
	Verb   Verb
	App    string
	Target string
}

// ErrNotGranted is wrapped by every refusal of [Grant.Spend].
var ErrNotGranted = errors.New("not granted")

// Grant is the right to carry out the steps of one approved plan, each once.
// Only a [Gate] fills one: a zero Grant, and a nil one, grant nothing. A Grant
// may be used from several goroutines and must not be copied.
type Grant struct {
	mu    sync.Mutex
	left  map[Step]int
	known map[Step]bool
	names map[Step]string // app and name → the target that was planned; see Name
	by    Approval
}

func newGrant(steps []Step, by Approval) *Grant {
	g := &Grant{left: make(map[Step]int, len(steps)), known: make(map[Step]bool, len(steps)), by: by}
	for _, step := range steps {
		g.left[step]++
		g.known[step] = true
	}
	return g
}

// Spend uses up one step. Methods that change something on the platform call
// it before they send anything; on an error, which wraps [ErrNotGranted], they
// must send nothing.
func (g *Grant) Spend(verb Verb, app, target string) error {
	step := Step{verb, app, target}
	if g == nil {
		return fmt.Errorf("%w: %s %s of %s: no grant", ErrNotGranted, verb, target, app)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if planned, ok := g.names[Step{App: app, Target: target}]; ok && g.left[step] == 0 {
		step.Target = planned
	}
	switch {
	case g.left[step] > 0:
		g.left[step]--
		return nil
	case g.known[step]:
		return fmt.Errorf("%w: %s %s of %s: already spent", ErrNotGranted, verb, target, app)
	}
	return fmt.Errorf("%w: %s %s of %s: not a step of the approved plan", ErrNotGranted, verb, target, app)
}

// Approval returns who approved the steps.
func (g *Grant) Approval() Approval {
	if g == nil {
		return Approval{}
	}
	return g.by
}

// Name lets steps that were planned for something without a name, under a
// planned target, be spent under the name it was given. Steps for the name
// itself are spent first.
func (g *Grant) Name(app, planned, name string) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.names == nil {
		g.names = make(map[Step]string)
	}
	g.names[Step{App: app, Target: name}] = planned
}
