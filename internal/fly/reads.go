package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

var orgSlug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// maxPages bounds every list that comes in pages.
const maxPages = 100

const (
	appsQuery = `query FlycastApps($after: String) {
		apps(type: "container", first: 200, after: $after) {
			nodes { name organization { slug rawSlug } }
			pageInfo { hasNextPage endCursor }
		}
	}`
	blueGreenQuery    = `query FlycastBlueGreen($appName: String!) { canPerformBluegreenDeployment(name: $appName) }`
	organizationQuery = `query FlycastOrganization($slug: String!) { organization(slug: $slug) { id slug rawSlug name } }`
)

// CanBlueGreen reports whether Fly lets the app be deployed with the strategy
// bluegreen: an organization's limits may leave no room for a second set of
// Machines. An answer that does not say is an error.
func (c *Client) CanBlueGreen(ctx context.Context, app string) (bool, error) {
	op := c.reading("bluegreen", brisk()).onApp(app)
	data, err := c.ask(ctx, op, "FlycastBlueGreen", blueGreenQuery, appVariables{app})
	return decode(op, data, err, func(data []byte) (bool, error) {
		var answer struct{ CanPerformBluegreenDeployment *bool }
		if err := json.Unmarshal(data, &answer); err != nil {
			return false, err
		}
		if answer.CanPerformBluegreenDeployment == nil {
			return false, errors.New("the answer does not say whether bluegreen is possible")
		}
		return *answer.CanPerformBluegreenDeployment, nil
	})
}

// appsPage is one page of the list of apps.
type appsPage struct {
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

// AppNames lists the apps that this token can list, sorted; a token for one app
// gets code unauthorized. If only some apps may be named, they are the answer, and
// nothing is sent.
func (c *Client) AppNames(ctx context.Context) ([]string, error) {
	return c.appNames(ctx, c.organization)
}

// OrganizationApps is [Client.AppNames] for one organization. If only some apps may be
// named, all of them are the answer, whatever their organization.
func (c *Client) OrganizationApps(ctx context.Context, slug string) ([]string, error) {
	if !orgSlug.MatchString(slug) {
		return nil, plan.Invalid("%s is not the slug of an organization", quote(slug))
	}
	return c.appNames(ctx, slug)
}

// appNames lists the apps of an organization, or of all if it is empty.
func (c *Client) appNames(ctx context.Context, organization string) ([]string, error) {
	if len(c.apps) > 0 {
		return slices.Sorted(slices.Values(c.apps)), nil
	}
	var variables struct {
		After string `json:"after,omitempty"`
	}
	op := c.reading(actionApps, brisk())
	var names []string
	for range maxPages {
		data, err := c.ask(ctx, op, "FlycastApps", appsQuery, variables)
		page, err := decode(op, data, err, fromJSON[appsPage])
		if err != nil {
			return nil, err
		}
		for _, node := range page.Apps.Nodes {
			if ValidAppName(node.Name) && (organization == "" || node.Organization.HasSlug(organization)) {
				names = append(names, node.Name)
			}
		}
		next := page.Apps.PageInfo
		if !next.HasNextPage {
			slices.Sort(names)
			return slices.Compact(names), nil
		}
		if next.EndCursor == variables.After {
			break
		}
		variables.After = next.EndCursor
	}
	return nil, op.unreadable(errors.New("the list of apps does not end"))
}

// Organization reads an organization by its slug.
func (c *Client) Organization(ctx context.Context, slug string) (Organization, error) {
	op := c.reading(actionOrganization, brisk())
	if !orgSlug.MatchString(slug) {
		return Organization{}, plan.Invalid("%s is not the slug of an organization", op.quote(slug))
	}
	op.thing, op.kind = "organization "+slug, AnOrganization
	variables := struct {
		Slug string `json:"slug"`
	}{slug}
	data, err := c.ask(ctx, op, "FlycastOrganization", organizationQuery, variables)
	return decode(op, data, err, func(data []byte) (Organization, error) {
		var answer struct{ Organization *Organization }
		if err := json.Unmarshal(data, &answer); err != nil {
			return Organization{}, err
		}
		if answer.Organization == nil {
			return Organization{}, errAbsent
		}
		return answer.Organization.checked(), nil
	})
}

// certificatesPage is one page of an app's certificates.
type certificatesPage struct {
	Certificates []struct {
		Hostname string `json:"hostname"`
	} `json:"certificates"`
	NextCursor string `json:"next_cursor"`
}

// Certificates lists the app's certificates, all pages.
func (c *Client) Certificates(ctx context.Context, app string) ([]Certificate, error) {
	op := c.reading("certificates", calm()).onApp(app)
	var list []Certificate
	query := url.Values{"limit": {"100"}}
	for range maxPages {
		answer, err := c.get(ctx, op, "/apps/"+app+"/certificates?"+query.Encode())
		page, err := decode(op, answer, err, fromJSON[certificatesPage])
		if err != nil {
			return nil, err
		}
		for _, certificate := range page.Certificates {
			list = append(list, Certificate{plain(certificate.Hostname, 253)})
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
