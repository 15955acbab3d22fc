package tools

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

type patchInput struct {
	App          string   `json:"app,omitempty" jsonschema:"required without path or content: edits the app's deployed configuration"`
	Path         string   `json:"path,omitempty" jsonschema:"fly.toml, fly.json or fly.yaml to edit in place"`
	Content      string   `json:"content,omitempty" jsonschema:"text of a fly.toml, fly.json or fly.yaml, instead of path"`
	Groups       []string `json:"process_groups,omitempty" jsonschema:"only services of these groups"`
	InternalPort int      `json:"internal_port,omitempty" jsonschema:"port the app listens on; for create"`
	Autostop     string   `json:"autostop,omitempty" jsonschema:"default keep: what the file sets, else stop"`
	MinMachines  *int     `json:"min_machines_running,omitempty" jsonschema:"default: what the file sets, else 0"`
	SoftLimit    int      `json:"soft_limit,omitempty" jsonschema:"requests a Machine takes before another starts"`
	Create       string   `json:"create,omitempty" jsonschema:"add a service if Fly Proxy reaches none: http, or tcp for databases and other TCP; needs internal_port"`
	PlainPorts   []int    `json:"plain_ports,omitempty" jsonschema:"add these ports without TLS to TLS-only services, in order"`
}

func (a *toolset) patchServices() call.Tool {
	editor := a.editor()
	return call.NewChanging(a.Handler, call.Changing[patchInput, patch.Work, patch.Result]{
		Spec: call.Spec{
			Name: patch.Tool, Title: "Patch services in fly.toml", Effect: call.Local,
			Description: "Edits the services of a fly.toml for Flycast: force_https off, autostop, autostart, min_machines_running. " +
				"Keeps comments and formatting. Writes the file given by path, else returns a draft. " +
				"Asks nobody; nothing on Fly changes until deploy, the next step. Never guesses internal_port.",
		},
		Plan: func(ctx context.Context, in patchInput) (patch.Proposal, error) {
			if in.Path == "" && in.Content == "" {
				in.App = cmp.Or(in.App, a.DefaultApp)
			}
			return editor.Plan(ctx, patch.Input{App: in.App, Path: in.Path, Content: in.Content, Groups: in.Groups,
				InternalPort: in.InternalPort, Autostop: in.Autostop, MinMachines: in.MinMachines, SoftLimit: in.SoftLimit,
				Create: in.Create, PlainPorts: in.PlainPorts})
		},
		Apply: func(ctx context.Context, work patch.Work, grant *gate.Grant, _ plan.Report) (patch.Result, error) {
			return editor.Apply(work, grant, call.CallerFrom(ctx).ID)
		},
		Text:    patchText,
		Earlier: booleanCreate,
	}, func(p map[string]*jsonschema.Schema) {
		appPattern(p)
		p["autostop"].Enum = []any{patch.KeepAutostop, "off", "stop", "suspend"}
		p["create"].Enum = []any{plan.CreateHTTP, plan.CreateTCP}
		bound(p["plain_ports"].Items, 1, 65535)
		bound(p["internal_port"], 1, 65535)
		bound(p["min_machines_running"], 0, 1000)
		bound(p["soft_limit"], 1, 1_000_000)
	})
}

func (a *toolset) editor() *patch.Editor {
	return &patch.Editor{Client: a.fly, Deployer: a.deployer(), Roots: a.roots, Drafts: a.drafts, CheckApp: a.CheckApp}
}

// booleanCreate accepts the boolean that create once was.
func booleanCreate(arguments map[string]any) {
	switch arguments["create"] {
	case true, "true":
		arguments["create"] = plan.CreateHTTP
	case false, "false":
		delete(arguments, "create")
	}
}

func bound(s *jsonschema.Schema, low, high float64) { s.Minimum, s.Maximum = &low, &high }

func patchText(out patch.Result) string {
	var b strings.Builder
	for _, r := range out.Remarks {
		fmt.Fprintf(&b, "remark %s", r.Code)
		if r.Row > 0 {
			fmt.Fprintf(&b, " (row %d)", r.Row)
		}
		fmt.Fprintf(&b, ": %s", r.What)
		if r.Fix != "" {
			b.WriteString(" → " + r.Fix)
		}
		b.WriteByte('\n')
	}
	if out.Diff != "" {
		b.WriteString("diff:\n" + out.Diff)
	}
	if out.Content != "" {
		b.WriteString("content:\n" + out.Content + "\n")
	}
	if out.Draft != "" {
		fmt.Fprintf(&b, "draft: %s (30 minutes), sha256 %s\n", out.Draft, out.SHA256)
	}
	return b.String()
}
