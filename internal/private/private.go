// Package private makes an app private as one plan: allocate a Flycast address, fix the services of
// its fly.toml, deploy, release the public addresses. It composes the plans of packages address,
// patch and deploy, and carries them out in an order that keeps a way to reach the app.
package private

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// MakeTool is the name of the tool that makes these plans.
const MakeTool = "make_private"

// Orders of the steps.
const (
	SafeOrder    = "safe"          // deploy, then release: the app is reachable all the time
	ReleaseFirst = "release_first" // close the app now, then deploy
)

// What idle Machines do.
const (
	SleepKeep    = "keep" // what the file sets, else stop
	SleepStop    = "stop"
	SleepSuspend = "suspend"
	SleepNever   = "never"
)

// Input says which app to make private, and how.
type Input struct {
	App     string
	Path    string // of its fly.toml; without Path and Content: the deployed configuration
	Content string
	Network string // of the callers; empty: the app's own
	Order   string // [SafeOrder] or [ReleaseFirst]; empty: safe
	Sleep   string // empty: [SleepKeep]
}

// Result is what the tool answers.
type Result struct {
	plan.Result
	Address   string         `json:"address,omitempty"`
	Diff      string         `json:"diff,omitempty"`
	Content   string         `json:"content,omitempty"`
	Changes   []string       `json:"changes,omitempty"`
	Order     []string       `json:"order,omitempty"`
	Expected  string         `json:"expected,omitempty"`
	Machines  *deploy.Counts `json:"machines,omitempty"`
	Released  []string       `json:"released,omitempty"`
	Remaining []string       `json:"remaining,omitempty"`
	Verdict   rules.Verdict  `json:"verdict,omitempty"`
	Callers   []string       `json:"callers,omitempty"`
	Vantage   string         `json:"vantage,omitempty"`
	Claims    []verify.Proof `json:"claims,omitempty"`
	Remarks   []string       `json:"remarks,omitempty"`
}

// Client is what making an app private needs of Fly, besides its parts.
type Client interface {
	rules.Reader
	rules.ProcessReader
	AppNames(ctx context.Context) ([]string, error)
	Release(ctx context.Context, app string) (fly.Release, error)
}

// Clock tells the time.
type Clock interface{ Now() time.Time }

// Runs knows whether somebody wants the app's run to end.
type Runs interface {
	StopRequested(app string) <-chan struct{}
}

// Maker plans and applies.
type Maker struct {
	Client    Client
	Allocator *address.Allocator
	Editor    *patch.Editor
	Deployer  *deploy.Deployer
	Releaser  *address.Releaser
	Verifier  *verify.Verifier
	Runs      Runs
	Callers   *Callers
}

// Proposal is a plan that may be applied.
type Proposal = plan.Proposal[Work, Result]

// Work is a planned journey: what is left to do, in order.
type Work struct {
	in      Input
	stages  []stage
	parts   parts
	edit    patch.Proposal
	result  Result
	release address.ReleaseInput
}

// stage is a part of the journey.
type stage string

// The stages.
const (
	allocating stage = "allocate"
	writing    stage = "edit the file"
	deploying  stage = "deploy"
	proving    stage = "check from inside"
	releasing  stage = "release"
)

// check returns what is wrong with the arguments.
func (in Input) check() error {
	if in.Path != "" && in.Content != "" {
		return plan.Invalid("give path or content, not both")
	}
	return nil
}

// autostop returns the argument of the edit.
func (in Input) autostop() string {
	switch in.Sleep {
	case SleepStop, SleepSuspend:
		return in.Sleep
	case SleepNever:
		return "off"
	}
	return patch.KeepAutostop
}

// minimum returns how many Machines keep running: none, if the caller wants them to sleep.
func (in Input) minimum() *int {
	if in.Sleep == SleepStop || in.Sleep == SleepSuspend {
		return new(0)
	}
	return nil
}

// again returns the same call, which plans what is left.
func (in Input) again(why string) plan.Next {
	return plan.Next{Who: "agent", Tool: MakeTool, Why: why, Arguments: &plan.Arguments{
		App: in.App, Path: in.Path, Network: in.Network, Order: in.Order, Sleep: in.Sleep}}
}

// joined returns the names of stages in one sentence.
func joined(stages []stage) string {
	names := make([]string, len(stages))
	for i, s := range stages {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

// frozen answers reads of one app from a snapshot, so that each part of a plan judges the same
// state.
type frozen struct {
	patch.Client
	app rules.Snapshot
}

// Addresses returns those of the snapshot.
func (f frozen) Addresses(context.Context, string) (fly.Addresses, error) {
	return f.app.Addresses, nil
}

// Machines returns those of the snapshot.
func (f frozen) Machines(context.Context, string) ([]fly.Machine, error) {
	if !f.app.MachinesKnown {
		return nil, fmt.Errorf("the Machines are unknown")
	}
	return f.app.Machines, nil
}
