package private

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Callers finds the apps whose variables name another app by an address that will not work, or
// will not wake it. It remembers what it read for a while.
type Callers struct {
	Clock Clock

	mu    sync.Mutex
	read  map[string]variables // by app
	names []string             // of the apps, as they were listed last
	asked time.Time            // when
}

// variables are those of one app, by name. Their values stay here.
type variables struct {
	at     time.Time
	values map[string]string
}

const (
	// callersLife is how long the variables of an app are remembered.
	callersLife = 10 * time.Minute
	// maxCallers bounds how many apps are looked into: each costs a request.
	maxCallers = 20
)

// find returns a line for each variable of another app that names this one: with the app and the
// name of the variable, never with its value. What could not be read is said.
func (c *Callers) find(ctx context.Context, client Client, s rules.Snapshot, hostnames []string) []string {
	app := s.Addresses.App.Name
	names, err := c.apps(ctx, client)
	if err != nil {
		return []string{"the variables of other apps were not read: this token cannot list apps"}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == app })
	var out []string
	if left := len(names) - maxCallers; left > 0 {
		names = names[:maxCallers]
		out = append(out, fmt.Sprintf("%d more apps were not looked into", left))
	}
	public := namesAny("", append([]string{app + ".fly.dev"}, hostnames...))
	internal := namesAny(`(?:[a-z0-9_-]+\.)*`, []string{app + ".internal"}) // also iad.app.internal
	var unread []string
	for _, name := range names {
		values, err := c.variables(ctx, client, name)
		if err != nil {
			unread = append(unread, name)
			continue
		}
		for variable, value := range values {
			switch {
			case public.MatchString(value):
				out = append(out, fmt.Sprintf("%s: %s names the public address; change it to http://%s.flycast",
					name, plan.Clean(variable), app))
			case internal.MatchString(value):
				out = append(out, fmt.Sprintf("%s: %s names %s.internal, which wakes no Machine; change it to "+
					"http://%s.flycast", name, plan.Clean(variable), app, app))
			}
		}
	}
	slices.Sort(out)
	if len(unread) > 0 {
		out = append(out, "the variables of "+plan.Few(unread)+" could not be read")
	}
	return plan.Shortened(out)
}

// namesAny returns an expression that finds one of hosts in a value, after labels that match prefix.
// It does not find a longer host name that ends or begins like one of them: the app api is not named
// by shop-api.fly.dev.
func namesAny(prefix string, hosts []string) *regexp.Regexp {
	quoted := make([]string, len(hosts))
	for i, host := range hosts {
		quoted[i] = regexp.QuoteMeta(host)
	}
	return regexp.MustCompile(`(?i)(?:^|[^a-z0-9_.-])` + prefix + `(?:` + strings.Join(quoted, "|") +
		`)\.?(?:$|[^a-z0-9_.-])`)
}

// apps returns the names of the apps that the token can list.
func (c *Callers) apps(ctx context.Context, client Client) ([]string, error) {
	now := c.Clock.Now()
	c.mu.Lock()
	names, asked := c.names, c.asked
	c.mu.Unlock()
	if !asked.IsZero() && now.Sub(asked) < callersLife {
		return slices.Clone(names), nil
	}
	names, err := client.AppNames(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names, c.asked = names, now
	return slices.Clone(names), nil
}

// variables returns the environment of an app's Machines.
func (c *Callers) variables(ctx context.Context, client Client, app string) (map[string]string, error) {
	now := c.Clock.Now()
	c.mu.Lock()
	known, ok := c.read[app]
	c.mu.Unlock()
	if ok && now.Sub(known.at) < callersLife {
		return known.values, nil
	}
	machines, err := client.Machines(ctx, app)
	if err != nil {
		return nil, err
	}
	values := environment(machines)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == nil {
		c.read = make(map[string]variables)
	}
	c.read[app] = variables{at: now, values: values}
	return values, nil
}

// environment returns the variables of Machines; of one that differs between them, any value.
func environment(machines []fly.Machine) map[string]string {
	out := make(map[string]string)
	for _, m := range machines {
		env, err := m.Config.Env()
		if err != nil {
			continue
		}
		for name, value := range env {
			out[name] += value + "\n"
		}
	}
	return out
}
