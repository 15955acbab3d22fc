package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// journey makes the calls of the demo.
type journey struct {
	page   *page
	client *mcpClient
	app    string
	file   string

	number   int
	reason   string   // why a call failed; the calls after it are not made
	undone   []string // the call that failed, and those not made
	after    listing
	verified []string
	refuted  []string
	assumed  []string
	unknown  []string
	undo     []string
}

// step is a call of a changing tool.
type step struct {
	tool string
	why  string
	with callArguments
}

// run lists the addresses, makes all calls and lists the addresses again. An
// error is one of the connection; a call that fails is not an error here.
func (j *journey) run(ctx context.Context) error {
	before, err := j.list(ctx, "The state of the app.")
	if err != nil {
		return err
	}
	_, err = j.change(ctx, step{
		"make_private",
		"One plan for the whole job, in an order that keeps a way to reach the app. A person is asked.",
		callArguments{App: j.app, Path: j.file, Sleep: "stop", Network: before.OwnNetwork},
	})
	if err != nil {
		return err
	}
	after, err := j.list(ctx, "The state of the app afterwards.")
	j.after = after
	return err
}

func (j *journey) list(ctx context.Context, why string) (listing, error) {
	with := callArguments{App: j.app}
	j.begin("list_ips", with, why)
	out, err := callTool[listing](ctx, j.client, "list_ips", with)
	if err == nil {
		if out.Verdict == "" {
			out.Verdict = "unknown" // it could not be read; the summary says why
		}
		j.page.listing(out)
	}
	return out, err
}

func (j *journey) change(ctx context.Context, c step) (outcome, error) {
	j.begin(c.tool, c.with, c.why)
	out, err := callTool[outcome](ctx, j.client, c.tool, c.with)
	if err != nil {
		return out, err
	}
	j.page.outcome(out)
	if out.Status != plan.Applied && out.Status != plan.NothingToDo {
		j.undone, j.reason = append(j.undone, c.tool), string(out.Status)
		if out.Code != "" {
			j.reason += ", " + string(out.Code)
		}
	}
	j.verified = append(j.verified, prefixed(c.tool, out.Verified)...)
	j.refuted = merge(j.refuted, out.Refuted)
	j.assumed = merge(j.assumed, out.Assumed)
	j.unknown = out.Unknown
	j.undo = append(j.undo, prefixed(c.tool, out.Undo)...)
	return out, nil
}

func (j *journey) begin(tool string, with callArguments, why string) {
	j.number++
	j.page.heading(j.number, tool, with.String(), why)
}

// prefixed puts the tool's name before each sentence.
func prefixed(tool string, list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, tool+": "+s)
	}
	return out
}

// merge appends what the list does not have yet.
func merge(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// show runs the demo from the first request to the verdict.
func (j *journey) show(ctx context.Context, p *proof) error {
	if err := p.before(ctx); err != nil {
		return err
	}
	if err := j.run(ctx); err != nil {
		return err
	}
	public := publicAddresses(p.platform, j.app)
	if j.after.Verdict == "private" && len(public) == 0 {
		if err := j.prove(ctx, p); err != nil {
			return err
		}
	}
	return j.conclude(public)
}

// prove lets the app fall asleep, and has the server check it from inside its network, which wakes
// it.
func (j *journey) prove(ctx context.Context, p *proof) error {
	p.page.section("Time passes")
	p.letIdle()
	_, err := j.change(ctx, step{
		verify.Tool, "The proof, from inside the private network. A person is asked.", callArguments{App: j.app},
	})
	if err != nil {
		return err
	}
	p.page.section("Time passes again")
	stopped := p.letIdle()
	if len(j.refuted) > 0 {
		return fmt.Errorf("%s: %s", j.app, j.refuted[0])
	}
	if len(stopped) == 0 {
		return fmt.Errorf("%s did not stop when idle", j.app)
	}
	return nil
}

// conclude gives the verdict, from the last list_ips and from the addresses that
// the platform itself still routes from the internet.
func (j *journey) conclude(public []string) error {
	p := j.page
	private := j.after.Verdict == "private" && len(public) == 0
	p.section("Verdict")
	truth := "the platform itself has no public address for it"
	if len(public) > 0 {
		truth = "the platform itself still answers for it on " + strings.Join(public, " and ")
	}
	if private {
		p.text(fmt.Sprintf("%s is private: list_ips says so, and %s.", j.app, truth))
		p.text(fmt.Sprintf("Other apps on its network now use http://%s.flycast.", j.app))
	} else {
		p.text(fmt.Sprintf("%s is NOT private: list_ips says %s, and %s.", j.app, j.after.Verdict, truth))
	}
	if len(j.undone) > 0 {
		p.text(fmt.Sprintf("%s: %s. Not done: %s.", j.undone[0], j.reason, strings.Join(j.undone, ", ")))
	}
	p.items("Verified (read back after the write)", j.verified)
	p.items("Assumed", j.assumed)
	p.items("NOT verified by the server", j.unknown)
	p.items("To undo", j.undo)
	if !private {
		return fmt.Errorf("%s is not private at the end", j.app)
	}
	p.section("Next: try it with your own app")
	p.lines(nextSteps)
	return nil
}

// nextSteps adds the server to a client.
const nextSteps = `go install github.com/flycast-mcp/flycast-mcp/cmd/flycast-mcp@latest

# the same emulated platform, with your own agent:
claude mcp add flycast-sandbox -- flycast-mcp stdio --sandbox

# your own app, in the folder of its fly.toml, with a token for one app and one day:
export FLY_API_TOKEN="$(fly tokens create deploy -a YOUR-APP -x 24h)"
claude mcp add flycast --env FLY_API_TOKEN="$FLY_API_TOKEN" \
  -- flycast-mcp stdio --app YOUR-APP
`
