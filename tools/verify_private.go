package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/peer"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

type verifyInput struct {
	App      string   `json:"app" jsonschema:"name of the Fly app"`
	Path     string   `json:"path,omitempty" jsonschema:"its fly.toml; default: the deployed configuration"`
	Claims   []string `json:"claims,omitempty" jsonschema:"default: all"`
	Approval string   `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	DryRun   bool     `json:"dry_run,omitempty"`
}

func (a *toolset) verifyPrivate() call.Tool {
	effect := call.Joins
	if a.ReadOnly { // no peer is added
		effect = call.Reads
	}
	verifier := a.verifier()
	return call.NewChanging(a.Handler, call.Changing[verifyInput, verify.Work, verify.Result]{
		Spec: call.Spec{
			Name: verify.Tool, Title: "Verify that an app is private", Effect: effect,
			Description: "Proves by observation that an app is private and answers over Flycast: addresses, services, " +
				"listening sockets, DNS and requests through a temporary WireGuard peer, which a person approves. " +
				"Stops no Machine, and changes nothing of the app. Use it as the last step, or to check an app at any time.",
		},
		Plan: func(ctx context.Context, in verifyInput) (verify.Proposal, error) {
			file, err := a.wantedFile(ctx, in)
			if err != nil {
				return verify.Proposal{}, err
			}
			want := verify.Input{App: in.App, File: file}
			for _, c := range in.Claims {
				want.Claims = append(want.Claims, verify.Claim(c))
			}
			return verifier.Plan(ctx, want)
		},
		Apply: verifier.Apply,
		Text:  verifyText,
	}, func(p map[string]*jsonschema.Schema) {
		appPattern(p)
		for _, c := range verify.Claims() {
			if c != verify.Sleeps {
				p["claims"].Items.Enum = append(p["claims"].Items.Enum, string(c))
			}
		}
	})
}

// wantedFile returns what the Machines should have: the person's file, else the deployed
// configuration; nil if there is none.
func (a *toolset) wantedFile(ctx context.Context, in verifyInput) (*flytoml.File, error) {
	if in.Path != "" {
		f, err := source.FromPath(a.roots, in.Path)
		return f.File, err
	}
	f, _, err := source.Deployed(ctx, a.fly, in.App)
	if err != nil {
		return nil, nil
	}
	return f, nil
}

func (a *toolset) verifier() *verify.Verifier {
	v := &verify.Verifier{Client: a.fly, Comparer: a.deployer(), Clock: a.Clock, Mode: a.verifyMode, Internet: a.internet}
	if !a.ReadOnly {
		v.Peers = a.peers
	}
	if a.Journal != nil {
		v.Approvals = a.Journal
	}
	return v
}

// newJoiner returns what adds peers: one for a server, because one peer exists at a time.
func newJoiner(handler *call.Handler, client peer.Client) *peer.Joiner {
	j := &peer.Joiner{Client: client, Journal: handler.Journal, Record: handler.Record}
	if handler.Clock != nil {
		j.Now = handler.Clock.Now
	}
	if handler.Gate != nil {
		j.Installation = handler.Gate.Installation
	}
	return j
}

func verifyText(out verify.Result) string { return claimsText(out.Claims, out.Vantage) }

// claimsText renders the outcome of claims, a line each.
func claimsText(claims []verify.Proof, vantage string) string {
	var b strings.Builder
	if vantage != "" {
		fmt.Fprintf(&b, "asked from: %s\n", vantage)
	}
	for _, c := range claims {
		fmt.Fprintf(&b, "claim %s: %s: %s\n", c.Claim, c.Verdict, plan.Message(c.Evidence))
	}
	return b.String()
}
