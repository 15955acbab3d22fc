package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Status is how a call of a changing tool ended.
type Status string

// The statuses.
const (
	Applied       Status = "applied"
	NothingToDo   Status = "nothing_to_do"
	WouldApply    Status = "planned" // the answer to a dry run
	NeedsApproval Status = "needs_approval"
	Running       Status = "running"
	Partial       Status = "partial"
	Refused       Status = "refused"
	Failed        Status = "failed"
)

// Result is the envelope that every changing tool answers in, refusals
// included. Empty fields are left out of the JSON, never null; status, summary
// and next are always there.
type Result struct {
	Status  Status `json:"status" jsonschema:"applied, nothing_to_do, needs_approval, running, partial, refused or failed"`
	Summary string `json:"summary"`
	App     string `json:"app,omitempty"`
	Reason
	Run      string         `json:"run,omitempty" jsonschema:"while running: for deploy_status"`
	Blockers []Blocker      `json:"blockers,omitempty"`
	Plan     *Summary       `json:"plan,omitempty"`
	Steps    []Record       `json:"steps,omitempty"`
	Omitted  int            `json:"omitted,omitempty"`
	Approval *ApprovalState `json:"approval,omitempty"`
	Verified []string       `json:"verified,omitempty" jsonschema:"read back after the write"`
	Refuted  []string       `json:"refuted,omitempty"`
	Assumed  []string       `json:"assumed,omitempty"`
	Unknown  []string       `json:"unknown,omitempty"`
	Reach    []string       `json:"reach,omitempty" jsonschema:"how callers reach the app now; nothing if they cannot"`
	Undo     []string       `json:"undo,omitempty"`
	Left     []string       `json:"left,omitempty" jsonschema:"left behind by an unfinished or declined journey, with its undo"`
	Next     []Next         `json:"next" jsonschema:"what to do now, in order; empty: nothing is left"`
}

// Envelope returns the result itself: outputs of tools embed a Result, and are filled and read
// through this.
func (r *Result) Envelope() *Result { return r }

// HasDone reports whether a step of the result was done.
func (r *Result) HasDone() bool {
	return slices.ContainsFunc(r.Steps, func(s Record) bool { return s.State == Done })
}

// Summary is the plan in a result.
type Summary struct {
	Digest           string   `json:"digest"`
	Hazards          []Hazard `json:"hazards,omitempty"`
	Impact           Impact   `json:"impact"`
	MonthlyUSDChange float64  `json:"monthly_usd_change,omitempty"`
}

// Summary returns the plan's part of the envelope.
func (p Plan) Summary() *Summary {
	return &Summary{Digest: p.Digest(), Hazards: p.Hazards, Impact: p.Impact, MonthlyUSDChange: p.MonthlyUSD()}
}

// State is how far a step got.
type State string

// The states of a step.
const (
	Planned    State = "planned"
	Done       State = "done"
	StepFailed State = "failed"
	PutBack    State = "put_back"
	NotStarted State = "not_started"
)

// Record is a step in a result: planned first, then what happened.
type Record struct {
	Do     gate.Verb `json:"do"`
	Target string    `json:"target,omitempty"`
	State  State     `json:"state"`
	Undo   Undo      `json:"undo,omitempty"`
	Note   string    `json:"note,omitempty"`
}

// targetLimit is how many characters of a step's target are shown: a path or a
// name.
const targetLimit = 300

// Records returns the plan's shown steps, in one state.
func (p Plan) Records(state State) []Record {
	var out []Record
	for _, s := range p.ShownSteps() {
		target := s.Target
		if m := s.Get(ParamMachine); m != "" {
			target = m
		} else if s.Verb == gate.CreateMachine {
			target = s.Get(ParamRegion) // it has no id yet
		}
		out = append(out, Record{Do: s.Verb, Target: outside.Line(target, targetLimit),
			State: state, Undo: s.Undo(), Note: s.recordNote()})
	}
	return out
}

func (s Step) recordNote() string {
	switch s.Verb {
	case gate.ReleaseAddress:
		return KindName(s.Get(ParamKind))
	case gate.UpdateMachine, gate.CreateMachine, gate.LeaseMachine, gate.DestroyMachine:
		return "group " + Clean(s.Get(ParamGroup))
	}
	return ""
}

// ApprovalState is where the approval of a plan stands.
type ApprovalState struct {
	Ticket    string       `json:"ticket,omitempty"`
	Command   string       `json:"command,omitempty" jsonschema:"for the person, in a terminal"`
	ExpiresAt string       `json:"expires_at,omitempty"`
	Channel   gate.Channel `json:"channel,omitempty" jsonschema:"elicitation, terminal, policy or none"`
	By        string       `json:"by,omitempty"`
}

// Next is something to do now: a call for the agent, a command or a decision
// for the person.
type Next struct {
	Who       string     `json:"who" jsonschema:"agent or person"`
	Blocking  bool       `json:"blocking,omitempty" jsonschema:"the person must answer before anything else is done"`
	Tool      string     `json:"tool,omitempty"`
	Arguments *Arguments `json:"arguments,omitempty"`
	Command   string     `json:"command,omitempty"`
	Why       string     `json:"why"`
}

// Arguments are those that a next call may have: never an approval, and never what would
// override a blocker, unless the call itself had it.
type Arguments struct {
	Same json.RawMessage `json:"-"` // those of the call itself, in place of all others

	App           string   `json:"app,omitempty"`
	Run           string   `json:"run,omitempty"`
	Path          string   `json:"path,omitempty"`
	Draft         string   `json:"draft,omitempty"`
	IPs           []string `json:"ips,omitempty"`
	ProcessGroups []string `json:"process_groups,omitempty"`
	Create        string   `json:"create,omitempty"`
	InternalPort  int      `json:"internal_port,omitempty"`
	PlainPorts    []int    `json:"plain_ports,omitempty"`
	Adopt         bool     `json:"adopt,omitempty"`
	Image         string   `json:"image,omitempty"`
	Org           string   `json:"org,omitempty"`
	Region        string   `json:"region,omitempty"`
	Protocol      string   `json:"protocol,omitempty"`
	Network       string   `json:"network,omitempty"`
	Order         string   `json:"order,omitempty"`
	Sleep         string   `json:"sleep,omitempty"`
	Autostop      string   `json:"autostop,omitempty"`
	MinMachines   *int     `json:"min_machines_running,omitempty"`
}

// Values of create: what kind of service patch_services adds.
const (
	CreateHTTP = "http"
	CreateTCP  = "tcp"
)

// MarshalJSON returns the arguments as an object.
func (a Arguments) MarshalJSON() ([]byte, error) {
	if a.Same != nil {
		return a.Same, nil
	}
	type plain Arguments
	return json.Marshal(plain(a))
}

// String returns the arguments as they are written in a sentence.
func (a Arguments) String() string {
	if a.Same != nil {
		return string(a.Same)
	}
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf("%s: %q", name, value))
		}
	}
	list := func(name string, values []string) {
		if len(values) > 0 {
			quoted := make([]string, len(values))
			for i, v := range values {
				quoted[i] = strconv.Quote(v)
			}
			parts = append(parts, name+": ["+strings.Join(quoted, ", ")+"]")
		}
	}
	add("app", a.App)
	add("run", a.Run)
	add("path", a.Path)
	add("draft", a.Draft)
	list("ips", a.IPs)
	list("process_groups", a.ProcessGroups)
	add("create", a.Create)
	add("image", a.Image)
	add("org", a.Org)
	add("region", a.Region)
	add("protocol", a.Protocol)
	add("network", a.Network)
	add("order", a.Order)
	add("sleep", a.Sleep)
	add("autostop", a.Autostop)
	if a.MinMachines != nil {
		parts = append(parts, fmt.Sprintf("min_machines_running: %d", *a.MinMachines))
	}
	if a.Adopt {
		parts = append(parts, "adopt: true")
	}
	if a.InternalPort != 0 {
		parts = append(parts, fmt.Sprintf("internal_port: %d", a.InternalPort))
	}
	if len(a.PlainPorts) > 0 {
		parts = append(parts, "plain_ports: "+strings.Join(strings.Fields(fmt.Sprint(a.PlainPorts)), ", "))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Bounds of a result.
const (
	MaxNext  = 4  // things to do
	MaxSteps = 20 // steps; the rest is counted
	MaxLines = 20 // lines of one list; see [Shortened]
	MaxNames = 5  // names in one sentence; see [Few]
	MaxItems = 64 // items of a list among the arguments of a call
)

// BusyRetry is when to call again after somebody else was in the way.
const BusyRetry = 15 * time.Second

// Few joins the first names of a list, and counts the rest.
func Few(names []string) string {
	return outside.List(names, MaxNames)
}

// Shortened keeps the first lines of a list, and counts the rest.
func Shortened(lines []string) []string {
	return outside.First(lines, MaxLines)
}

// Machines returns a number of Machines in words.
func Machines(n int) string { return Count(n, "Machine", "Machines") }
