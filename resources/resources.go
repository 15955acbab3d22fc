// Package resources serves what an agent can read without calling a tool: the fly.toml
// files of a person, and the status and the deployed configuration of an app.
package resources

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/deployed"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// URI templates.
const (
	FileTemplate     = "fly-toml:///{+path}"
	StatusTemplate   = "flycast://apps/{app}/status"
	DeployedTemplate = "flycast://apps/{app}/fly.toml"
	HostnameTemplate = "flycast://apps/{app}/hostnames"
)

// Reader reads what the resources show.
type Reader interface {
	rules.Reader
	deployed.Reader
	Certificates(ctx context.Context, app string) ([]fly.Certificate, error)
}

// Resources serves the templates.
type Resources struct {
	Fly     Reader
	Roots   *roots.Roots // nil: no files
	Sandbox bool
	Apps    []string         // to list; empty: those that Lister names
	Lister  Lister           // nil: no others are listed
	Now     func() time.Time // nil: a status does not say how old it is
}

// Templates returns the resource templates with their handlers.
func (r Resources) Templates() []mcpserver.ServerResourceTemplate {
	templates := []mcpserver.ServerResourceTemplate{
		{
			Template: mcp.NewResourceTemplate(StatusTemplate, "app-status",
				mcp.WithTemplateTitle("Status of an app"), mcp.WithTemplateMIMEType("application/json"),
				mcp.WithTemplateDescription("Addresses, Machines with state and services (many are "+
					"summed up by group), how many are awake, the network, and the verdict, as JSON.")),
			Handler: r.status,
		},
		{
			Template: mcp.NewResourceTemplate(DeployedTemplate, "app-fly-toml",
				mcp.WithTemplateTitle("fly.toml as deployed"), mcp.WithTemplateMIMEType("application/toml"),
				mcp.WithTemplateDescription("The deployed configuration, from the current release or the Machines. "+
					"Comments say where Machines differ. Environment values are masked.")),
			Handler: r.deployed,
		},
		{
			Template: mcp.NewResourceTemplate(HostnameTemplate, "app-hostnames",
				mcp.WithTemplateTitle("Hostnames of an app"), mcp.WithTemplateMIMEType("application/json"),
				mcp.WithTemplateDescription("Its public name, custom hostnames, how callers on the private network "+
					"reach it, and its network.")),
			Handler: r.hostnames,
		},
	}
	if len(r.Roots.Dirs()) > 0 {
		templates = append(templates, mcpserver.ServerResourceTemplate{
			Template: mcp.NewResourceTemplate(FileTemplate, "fly-toml-file",
				mcp.WithTemplateTitle("A fly.toml on this machine"),
				mcp.WithTemplateDescription("A fly.toml, fly.json or fly.yaml in one of the server's roots. "+
					"path is absolute, without the first slash. Other files are refused.")),
			Handler: r.file,
		})
	}
	return templates
}

func (r Resources) status(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	app := variable(request, "app")
	status, err := r.readStatus(ctx, app)
	if err != nil {
		return nil, plainError(err)
	}
	body, err := json.MarshalIndent(status, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("status of %s: %w", app, err)
	}
	return newContents(request, "application/json", string(body)), nil
}

func (r Resources) deployed(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	app := variable(request, "app")
	config, err := deployed.Read(ctx, r.Fly, app)
	if err != nil {
		return nil, plainError(err)
	}
	body, err := config(render.Masked)
	if err != nil {
		return nil, plainError(err)
	}
	return newContents(request, "application/toml", string(body)), nil
}

func (r Resources) file(_ context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	path, err := pathOf(request.Params.URI)
	if err != nil {
		return nil, err
	}
	f, err := r.Roots.Read(path)
	if err != nil {
		if errors.Is(err, roots.ErrOutside) {
			return nil, fmt.Errorf("%w; the roots are %q", err, r.Roots.Dirs())
		}
		return nil, err
	}
	if !lint.Recognize(f.Path, f.Data) {
		return nil, fmt.Errorf("%.200s does not have the keys of a fly.toml, so it is not shown", f.Path)
	}
	return newContents(request, "application/"+strings.TrimPrefix(filepath.Ext(f.Path), "."), string(f.Data)), nil
}

// pathOf returns the absolute path of a fly-toml URI. Escaped slashes and dots mean
// the same as plain ones; the roots decide which paths are allowed.
func pathOf(uri string) (string, error) {
	rest, ok := strings.CutPrefix(uri, "fly-toml:///")
	if !ok {
		return "", fmt.Errorf("%.100q is not a fly-toml:/// URI", uri)
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return "", fmt.Errorf("%.100q contains a malformed escape", uri)
	}
	return "/" + path, nil
}

// variable returns a template variable; mcp-go passes them as lists.
func variable(request mcp.ReadResourceRequest, name string) string {
	switch v := request.Params.Arguments[name].(type) {
	case string:
		return v
	case []string:
		if len(v) == 1 {
			return v[0]
		}
	}
	return ""
}

// plainError returns the code, the sentence and the hint of an error of the client.
// Other errors here are about the URI or the stored configuration, and contain no
// values of it.
func plainError(err error) error {
	var coded *plan.Problem
	if errors.As(err, &coded) {
		if coded.Hint != "" {
			return fmt.Errorf("%s: %s; %s", coded.Code, coded.Message, coded.Hint)
		}
		return fmt.Errorf("%s: %s", coded.Code, coded.Message)
	}
	return err
}

func newContents(request mcp.ReadResourceRequest, mime, body string) []mcp.ResourceContents {
	return []mcp.ResourceContents{
		mcp.TextResourceContents{URI: request.Params.URI, MIMEType: mime, Text: outside.Block(body)},
	}
}
