// Package undo takes back what a run changed, as far as that is possible: a person's file, the
// services of the Machines, a Flycast address that the run allocated. What cannot come back is
// said. Each run's snapshot is kept under its hash; the journal has the hash.
package undo

import (
	"context"
	"net/netip"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Tool is the name under which plans and journal entries of an undo are kept.
const Tool = "undo"

// Client is what an undo needs of Fly, besides the deploy.
type Client interface {
	rules.Reader
	ReleaseAddress(ctx context.Context, grant *gate.Grant, app string, ip netip.Addr) error
}

// Undoer plans and applies.
type Undoer struct {
	Client   Client
	Deployer *deploy.Deployer
	Roots    *roots.Roots
	Journal  *journal.Journal // nil: nothing can be undone
	Store    Store
	Record   func(journal.Entry)
}

// Input says which run to undo. AllowUnreachable allows steps after which nothing reaches the app.
type Input struct {
	App, Run         string
	AllowUnreachable bool
}

// Result is what the command prints.
type Result struct {
	plan.Result
	Changes []string `json:"changes,omitempty"`
}

// Work is a planned undo.
type Work struct {
	run     Run
	app     rules.Snapshot
	file    *plan.SavedFile // to restore; nil: none
	deploy  *deploy.Proposal
	release []fly.Address
	partial bool     // something is left out that a later undo could do
	kept    []string // what is not undone, and why
	gone    []string // public addresses that are gone for good
}

// Proposal is an undo that may be applied.
type Proposal = plan.Proposal[Work, Result]
