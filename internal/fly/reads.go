package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

var orgSlug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// maxPages bounds every list that comes in pages.
const maxPages = 100

const (
	appQuery = `query FlycastApp($appName: String!) {
		app(name: $appName) { id name status hostname network organization { id slug rawSlug name } }
	}`
	appsQuery = `query FlycastApps($after: String) {
		apps(type: "container", first: 200, after: $after) { nodes { name organization { slug rawSlug } } pageInfo { hasNextPage endCursor } }
	}`
	blueGreenQuery    = `query FlycastBlueGreen($appName: String!) { canPerformBluegreenDeployment(name: $appName) }`
	organizationQuery = `query FlycastOrganization($slug: String!) { organization(slug: $slug) { id slug rawSlug name } }`
)

// App implements [Client].
func (c *FlyGo) App(ctx context.Context, app string) (App, error) {
	if err := checkApp(app); err != nil {
		return App{}, err
	}
	op := c.reading("app_record", app, "", brisk())
	data, err := c.ask(ctx, op, "FlycastApp", appQuery, appVariables{app})
	if err != nil {
		return App{}, err
	}
	var answer struct{ App *wireApp }
	if err := json.Unmarshal(data, &answer); err != nil {
		return App{}, op.unreadable(err)
	}
	if answer.App == nil {
		return App{}, op.notFound("")
	}
	record, err := answer.App.app(app)
	if err != nil {
		return App{}, op.unreadable(err)
	}
	return record, nil
}

// CanBlueGreen implements [Client]. An answer without the word is none: what is
// not said is not allowed.
func (c *FlyGo) CanBlueGreen(ctx context.Context, app string) (bool, error) {
	if err := checkApp(app); err != nil {
		return false, err
	}
	op := c.reading("bluegreen", app, "", brisk())
	data, err := c.ask(ctx, op, "FlycastBlueGreen", blueGreenQuery, appVariables{app})
	if err != nil {
		return false, err
	}
	var answer struct{ CanPerformBluegreenDeployment *bool }
	if err := json.Unmarshal(data, &answer); err != nil {
		return false, op.unreadable(err)
	}
	if answer.CanPerformBluegreenDeployment == nil {
		return false, op.unreadable(errors.New("it does not tell whether bluegreen is possible"))
	}
	return *answer.CanPerformBluegreenDeployment, nil
}

// AppNames implements [Client]. If only some apps may be named, they are the
// answer, and nothing is sent.
func (c *FlyGo) AppNames(ctx context.Context) ([]string, error) {
	if len(c.apps) > 0 {
		return slices.Sorted(slices.Values(c.apps)), nil
	}
	type page struct {
		After string `json:"after,omitempty"`
	}
	op := c.reading(actionApps, "", "", brisk())
	var names []string
	var at page
	for range maxPages {
		data, err := c.ask(ctx, op, "FlycastApps", appsQuery, at)
		if err != nil {
			return nil, err
		}
		var answer struct {
			Apps struct {
				Nodes []struct {
					Name         string
					Organization Organization
				}
				PageInfo struct {
					HasNextPage bool
					EndCursor   string
				}
			}
		}
		if err := json.Unmarshal(data, &answer); err != nil {
			return nil, op.unreadable(err)
		}
		for _, node := range answer.Apps.Nodes {
			if ValidAppName(node.Name) && (c.organization == "" || node.Organization.HasSlug(c.organization)) {
				names = append(names, node.Name)
			}
		}
		next := answer.Apps.PageInfo
		if !next.HasNextPage {
			slices.Sort(names)
			return slices.Compact(names), nil
		}
		if next.EndCursor == at.After {
			break
		}
		at.After = next.EndCursor
	}
	return nil, op.unreadable(errors.New("the list of apps does not end"))
}

// Organization implements [Client].
func (c *FlyGo) Organization(ctx context.Context, slug string) (Organization, error) {
	op := c.reading(actionOrganization, "", "", brisk())
	if !orgSlug.MatchString(slug) {
		return Organization{}, &Error{Code: gate.InvalidInput, Message: op.quote(slug) + " is not the slug of an organization"}
	}
	op.thing, op.kind = "organization "+slug, AnOrganization
	variables := struct {
		Slug string `json:"slug"`
	}{slug}
	data, err := c.ask(ctx, op, "FlycastOrganization", organizationQuery, variables)
	if err != nil {
		return Organization{}, err
	}
	var answer struct{ Organization *Organization }
	if err := json.Unmarshal(data, &answer); err != nil {
		return Organization{}, op.unreadable(err)
	}
	if answer.Organization == nil {
		return Organization{}, op.notFound("")
	}
	return answer.Organization.told(), nil
}

// Certificates implements [Client].
func (c *FlyGo) Certificates(ctx context.Context, app string) ([]Certificate, error) {
	if err := checkApp(app); err != nil {
		return nil, err
	}
	op := c.reading("certificates", app, "", calm())
	var list []Certificate
	query := url.Values{"limit": {"100"}}
	for range maxPages {
		answer, err := c.call(ctx, op, http.MethodGet, "/apps/"+app+"/certificates?"+query.Encode(), nil, nil)
		if err != nil {
			return nil, err
		}
		var page struct {
			Certificates []struct {
				Hostname   string `json:"hostname"`
				Configured bool   `json:"configured"`
			} `json:"certificates"`
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return nil, op.unreadable(err)
		}
		for _, cert := range page.Certificates {
			list = append(list, Certificate{Hostname: plain(cert.Hostname, 253), Configured: cert.Configured})
		}
		if page.NextCursor == "" {
			return list, nil
		}
		if page.NextCursor == query.Get("cursor") {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	return nil, op.unreadable(errors.New("the list of certificates does not end"))
}

func checkApp(app string) error { return Apps(nil).Check(app) }

func checkMachine(app, id string) error {
	if err := checkApp(app); err != nil {
		return err
	}
	if !machineID.MatchString(id) {
		return &Error{Code: gate.InvalidInput, Message: quote(id) + " is not the id of a Machine"}
	}
	return nil
}
