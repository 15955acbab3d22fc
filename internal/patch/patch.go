// Package patch plans and applies edits of the services in a fly.toml, as Fly's blueprint
// for private apps has them. The result is the person's file, edited in place, or a draft
// for deploy. Nothing on Fly changes.
package patch

import (
	"context"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
)

// Tool is the name of the tool that makes these plans.
const Tool = "patch_services"

// Input says which file to edit, and how.
type Input struct {
	App          string // required without Path and Content: its deployed configuration is edited
	Path         string
	Content      string
	Groups       []string // only services of these process groups
	InternalPort int      // for Create
	Autostop     string   // off, stop or suspend; empty or [KeepAutostop]: what the file sets, else stop
	MinMachines  *int     // nil: what the file sets, else 0
	SoftLimit    int
	Create       string // [plan.CreateHTTP] or [plan.CreateTCP]
	PlainPorts   []int
	Public       bool // turn force_https on, and change nothing else
}

// KeepAutostop is the autostop that leaves what the file sets on purpose.
const KeepAutostop = "keep"

// Result is what the tool answers.
type Result struct {
	plan.Result
	Diff    string   `json:"diff,omitempty"`
	Draft   string   `json:"draft,omitempty" jsonschema:"handle for deploy, 30 minutes"`
	Content string   `json:"content,omitempty" jsonschema:"the edited text, if text was sent"`
	SHA256  string   `json:"sha256,omitempty"`
	Remarks []Remark `json:"remarks,omitempty"`
}

// Remark is something about the file that the person should know.
type Remark struct {
	Code string `json:"code"`
	Row  int    `json:"row,omitempty"`
	What string `json:"what"`
	Fix  string `json:"fix,omitempty"`
}

// Work is what [Editor.Apply] needs of a plan.
type Work struct {
	app     string // empty if neither the file nor the call names one
	path    string
	name    string // of the file as it was read
	before  []byte
	after   []byte
	target  string
	behind  string // why a deployed configuration that needs no edit is to be deployed again
	adopt   bool   // deploy is to update Machines that fly deploy did not make
	refused bool   // flyctl refuses the file after the edit too
	result  Result
}

// Files returns the file as it will be after the edit, and as it is before.
func (w Work) Files() (after, before *flytoml.File, err error) {
	if after, err = source.Parse(w.name, w.after); err == nil {
		before, err = source.Parse(w.name, w.before)
	}
	return after, before, err
}

// Proposal is a planned edit.
type Proposal = plan.Proposal[Work, Result]

// Client reads what an edit needs of Fly.
type Client interface {
	Addresses(ctx context.Context, app string) (fly.Addresses, error)
	Machines(ctx context.Context, app string) ([]fly.Machine, error)
	Release(ctx context.Context, app string) (fly.Release, error)
}

// Deployer knows which Machines do not have the deployed configuration.
type Deployer interface {
	// Behind counts the Machines that a deploy of the file's services would update, and
	// those that it would only test.
	Behind(ctx context.Context, app string, f *flytoml.File, list []fly.Machine) (lacking, untested int, err error)
}

// Editor plans and applies edits.
type Editor struct {
	Client   Client
	Deployer Deployer
	Roots    *roots.Roots
	Drafts   *source.Drafts
	CheckApp func(app string) *plan.Problem // refuses an app that must not be named
}
