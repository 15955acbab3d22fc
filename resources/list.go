package resources

import (
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const (
	listedApps  = 50 // on a page
	listedFiles = 50
	// listWithin is how long the platform has to name the apps: clients list resources when they
	// start.
	listWithin = 5 * time.Second
)

// List returns a page of the resources that there are: the fly.toml files in the roots, and the
// status and the deployed fly.toml of each app. next is the cursor of the next page; empty: there is
// none. Apps that cannot be listed are left out.
func (r Resources) List(ctx context.Context, cursor string) (page []mcp.Resource, next string) {
	after, _ := base64.StdEncoding.DecodeString(cursor) // mcp-go refused what cannot be decoded
	if cursor == "" {
		for _, path := range r.Roots.FindConfigs(listedFiles) {
			page = append(page, mcp.NewResource("fly-toml://"+(&url.URL{Path: path}).EscapedPath(), plan.Line(path),
				mcp.WithResourceDescription("A person's fly.toml.")))
		}
	}
	names := r.names(ctx)
	i, found := slices.BinarySearch(names, string(after))
	if found {
		i++
	}
	names = names[i:]
	if len(names) > listedApps {
		names = names[:listedApps]
		next = base64.StdEncoding.EncodeToString([]byte(names[len(names)-1]))
	}
	for _, app := range names {
		page = append(page,
			mcp.NewResource(strings.Replace(StatusTemplate, "{app}", app, 1), app+" status",
				mcp.WithMIMEType("application/json"),
				mcp.WithResourceDescription("Addresses, Machines, services, and the verdict.")),
			mcp.NewResource(strings.Replace(DeployedTemplate, "{app}", app, 1), app+" fly.toml",
				mcp.WithMIMEType("application/toml"), mcp.WithResourceDescription("As deployed; values are hidden.")))
	}
	return page, next
}

// names returns the apps to list, sorted: those of the settings, else those of the organization.
func (r Resources) names(ctx context.Context) []string {
	names := slices.Clone(r.Apps)
	if len(names) == 0 && r.Lister != nil {
		ctx, cancel := context.WithTimeout(ctx, listWithin)
		defer cancel()
		listed, err := r.Lister.AppNames(ctx)
		if err != nil {
			return nil
		}
		names = slices.Clone(listed)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
