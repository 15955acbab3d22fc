package tools

import (
	"context"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
)

// deployName is the tool's, which others name.
const deployName = deploy.Tool

type deployInput struct {
	App            string  `json:"app" jsonschema:"name of the Fly app"`
	Draft          string  `json:"draft,omitempty" jsonschema:"handle from patch_services"`
	Path           string  `json:"path,omitempty" jsonschema:"fly.toml, fly.json or fly.yaml, instead of draft"`
	Content        string  `json:"content,omitempty" jsonschema:"text of a fly.toml, fly.json or fly.yaml, instead of draft"`
	Image          string  `json:"image,omitempty" jsonschema:"new image; default: the one each Machine runs"`
	Scope          string  `json:"scope,omitempty" jsonschema:"all (default): the whole file; services: services and checks only"`
	Strategy       string  `json:"strategy,omitempty" jsonschema:"default: the file's, else rolling"`
	MaxUnavailable float64 `json:"max_unavailable,omitempty" jsonschema:"Machines of a group at once: a share below 1, else a number; default: the file's, else 0.33"`
	WaitTimeout    string  `json:"wait_timeout,omitempty" jsonschema:"per Machine; default: the file's, else 5m"`
	OnFailure      string  `json:"on_failure,omitempty" jsonschema:"default put_back: restore all that was changed"`
	Wake           *bool   `json:"wake,omitempty" jsonschema:"default true: start stopped Machines once to test them"`
	Approval       string  `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	Adopt          bool    `json:"adopt,omitempty" jsonschema:"also update Machines that fly deploy did not make"`
	DryRun         bool    `json:"dry_run,omitempty"`
}

func (a *toolset) deploy() call.Tool {
	return call.NewChanging(a.Handler, call.Changing[deployInput, deploy.Work, deploy.Result]{
		Spec: call.Spec{
			Name: deployName, Title: "Deploy configuration", Effect: call.Restarts, Follow: deployStatusName,
			Description: "Applies a fly.toml to the app's Machines as fly deploy would, with the image they run. " +
				"Creates the first Machine of a new group, tests each, puts back failures. Asks a person. After " +
				"patch_services, before release_public_ips. No build, address or release_command. On running, repeat the call.",
		},
		Plan:  a.planDeploy,
		Apply: a.deployer().Apply,
		Text:  deployText,
	}, func(p map[string]*jsonschema.Schema) {
		appPattern(p)
		p["scope"].Enum = []any{deploy.ScopeAll, deploy.ScopeServices}
		p["strategy"].Enum = []any{string(rollout.Rolling), string(rollout.Immediate), string(rollout.Canary),
			string(rollout.BlueGreen)}
		p["on_failure"].Enum = []any{string(rollout.PutAllBack), string(rollout.Stop), string(rollout.Continue)}
	})
}

// planDeploy finds the file that the call names, and plans its deploy.
func (a *toolset) planDeploy(ctx context.Context, in deployInput) (plan.Proposal[deploy.Work, deploy.Result], error) {
	var none plan.Proposal[deploy.Work, deploy.Result]
	src, err := a.deploySource(ctx, in)
	if err != nil {
		return none, err
	}
	planned, err := a.deployer().Plan(ctx, deploy.Input{
		App: in.App, File: src.File, Base: src.Base, Draft: in.Draft, Path: in.Path,
		Image: in.Image, Scope: in.Scope, Strategy: in.Strategy, MaxUnavailable: in.MaxUnavailable,
		WaitTimeout: in.WaitTimeout, OnFailure: in.OnFailure, Wake: in.Wake, Adopt: in.Adopt,
	})
	if err != nil {
		return none, err
	}
	if in.Draft != "" {
		planned.Keep = func(until time.Time) { a.drafts.Keep(in.Draft, until) }
	}
	if planned.Plan.Empty() && len(planned.Plan.Blockers) == 0 {
		planned.Next = append(planned.Next, planned.Work.Snapshot().Next()...)
	}
	return planned, nil
}

func (a *toolset) deployer() *deploy.Deployer {
	return &deploy.Deployer{Client: a.fly, Journal: a.Journal, Record: a.Record, Clock: a.Clock, Runs: a.Runs}
}

// deploySource reads the one file that a call names.
func (a *toolset) deploySource(ctx context.Context, in deployInput) (source.File, error) {
	given := 0
	for _, v := range []string{in.Draft, in.Path, in.Content} {
		if v != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return source.File{}, plan.Invalid("give exactly one of draft, path and content")
	case in.Path != "":
		return source.FromPath(a.roots, in.Path)
	case in.Content != "":
		return source.FromContent(in.Content)
	}
	draft, p := a.drafts.Get(in.Draft, call.CallerFrom(ctx).ID, in.App)
	if p != nil {
		return source.File{}, p
	}
	return source.FromDraft(a.roots, draft)
}
