package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// awakeSettings are the flags of why-awake.
type awakeSettings struct {
	machine       string
	json          bool
	allowLoopback bool
}

func whyAwakeCommand(p program) *cobra.Command {
	s := &awakeSettings{}
	c := &cobra.Command{
		Use: "why-awake APP", Short: "Explain what keeps an app's Machines awake", Args: cobra.ExactArgs(1),
		Long: `Explain what keeps the Machines of an app awake, what would let them sleep, and why
a request would not wake them. Nothing is changed, and a read-only token is enough.

A cause that is marked certain holds whatever the load. The others depend on the
load that Fly Proxy counts, which no API shows.`,
		RunE: func(c *cobra.Command, args []string) error { return s.run(c.Context(), p, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&s.machine, "machine", "", "explain this Machine only")
	f.BoolVar(&s.json, "json", false, "print JSON")
	f.BoolVar(&s.allowLoopback, "allow-loopback-api", false, "allow a real token to be sent to an API on a loopback address")
	return c
}

func (s *awakeSettings) run(ctx context.Context, p program, app string) error {
	client, err := p.client(s.allowLoopback)
	if err != nil {
		return err
	}
	state, err := rules.Read(ctx, client, app)
	switch {
	case err != nil:
		return withHint(err)
	case !state.MachinesKnown:
		return fmt.Errorf("it is unknown why %s is awake: this token is not allowed to list its Machines", app)
	}
	if _, ok := audit.Find(state, s.machine); s.machine != "" && !ok {
		return fmt.Errorf("%s has no Machine %s", app, plan.Quote(s.machine))
	}
	e := audit.Explain(app, state, s.machine, p.clock.Now())
	text := awakeReport(app, e)
	if s.json {
		body, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return err
		}
		text = string(body) + "\n"
	}
	_, err = io.WriteString(p.stdout, cli.Shown(p.stdout, text))
	return err
}

// awakeReport returns an explanation for people.
func awakeReport(app string, e audit.Explanation) string {
	var b strings.Builder
	b.WriteString(e.Summary(app) + "\n")
	for _, a := range e.Awake {
		certain := "perhaps"
		if a.Certain {
			certain = "certain"
		}
		fmt.Fprintf(&b, "\n%s in %s (%s), %s: %s\n    %s\n    fix: %s\n", plan.Machines(a.Number), a.Region,
			plan.Few(a.Machines), certain, a.Cause, a.Why, audit.RemedyText(a.Fix))
	}
	for _, o := range e.Obstacles {
		who := "a request starts no Machine"
		if o.Number > 0 {
			who = fmt.Sprintf("a request does not start %s (%s)", plan.Machines(o.Number), plan.Few(o.Machines))
		}
		fmt.Fprintf(&b, "\n%s: %s\n    fix: %s\n", who, o.Why, audit.RemedyText(o.Fix))
	}
	for _, u := range e.Unknown {
		fmt.Fprintf(&b, "\nunknown: %s\n", u)
	}
	return b.String()
}
