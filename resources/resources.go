// Package resources serves what an agent may want to read without calling a
// tool: a person's fly.toml, and the status and the deployed configuration of
// an app. Reads only.
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
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// URI templates.
const (
	FileTemplate     = "fly-toml:///{+path}"
	StatusTemplate   = "flycast://apps/{app}/status"
	DeployedTemplate = "flycast://apps/{app}/fly.toml"
)

// Reader reads what the resources show.
type Reader interface {
	rules.Reader
	deployed.Reader
}

// Resources serves the templates.
type Resources struct {
	Fly     Reader
	Roots   *roots.Roots // nil: no files
	Sandbox bool
	Now     func() time.Time // nil: answers do not say how old what they tell is
}

// Templates are the resource templates with their handlers.
func (r Resources) Templates() []mcpserver.ServerResourceTemplate {
	templates := []mcpserver.ServerResourceTemplate{
		{
			Template: mcp.NewResourceTemplate(StatusTemplate, "app-status",
				mcp.WithTemplateTitle("Status of an app"), mcp.WithTemplateMIMEType("application/json"),
				mcp.WithTemplateDescription("Addresses, Machines with state and services, what is awake, and the verdict, as JSON.")),
			Handler: r.status,
		},
		{
			Template: mcp.NewResourceTemplate(DeployedTemplate, "app-fly-toml",
				mcp.WithTemplateTitle("fly.toml as deployed"), mcp.WithTemplateMIMEType("application/toml"),
				mcp.WithTemplateDescription("The configuration as deployed, from the current release or the Machines; comments tell where the Machines differ; environment values are masked.")),
			Handler: r.deployed,
		},
	}
	if len(r.Roots.Dirs()) > 0 {
		templates = append(templates, mcpserver.ServerResourceTemplate{
			Template: mcp.NewResourceTemplate(FileTemplate, "fly-toml-file",
				mcp.WithTemplateTitle("A fly.toml on this machine"),
				mcp.WithTemplateDescription("A fly.toml, fly.json or fly.yaml below the server's roots, and no other program's file; path is absolute, without its first slash.")),
			Handler: r.file,
		})
	}
	return templates
}

func (r Resources) status(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	app := variable(request, "app")
	status, err := r.read(ctx, app)
	if err != nil {
		return nil, plainError(err)
	}
	body, err := json.MarshalIndent(status, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("status of %s: %w", app, err)
	}
	return text(request, "application/json", string(body)), nil
}

func (r Resources) deployed(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	app := variable(request, "app")
	body, err := deployed.Read(ctx, r.Fly, app, render.Masked)
	if err != nil {
		return nil, plainError(err)
	}
	return text(request, "application/toml", string(body)), nil
}

func (r Resources) file(_ context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	path, err := pathOf(request.Params.URI)
	if err != nil {
		return nil, err
	}
	f, err := r.Roots.Read(path)
	if err != nil {
		if errors.Is(err, roots.ErrOutside) {
			return nil, fmt.Errorf("%w; they are %q", err, r.Roots.Dirs())
		}
		return nil, err
	}
	if !lint.Recognize(f.Path, f.Data) {
		return nil, fmt.Errorf("%.200s is not a fly.toml: it does not have the keys of one. It was not shown", f.Path)
	}
	return text(request, "application/"+strings.TrimPrefix(filepath.Ext(f.Path), "."), string(f.Data)), nil
}

// pathOf is the absolute path of a fly-toml URI. An escaped slash or dot means
// the same as a plain one; the roots decide where it may lead.
func pathOf(uri string) (string, error) {
	rest, ok := strings.CutPrefix(uri, "fly-toml:///")
	if !ok {
		return "", fmt.Errorf("%.100q is not a fly-toml:/// URI", uri)
	}
	path, err := url.PathUnescape(rest)
	if err != nil {
		return "", fmt.Errorf("%.100q: malformed escape", uri)
	}
	return "/" + path, nil
}

// variable is a template variable; mcp-go hands them over as lists.
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

// plainError gives the code, the sentence and the hint of an error of the client.
// Other errors here name what is wrong with the URI or with the stored
// configuration; they hold no values.
func plainError(err error) error {
	var coded *fly.Error
	if errors.As(err, &coded) {
		if coded.Hint != "" {
			return fmt.Errorf("%s: %s; %s", coded.Code, coded.Message, coded.Hint)
		}
		return fmt.Errorf("%s: %s", coded.Code, coded.Message)
	}
	return err
}

func text(request mcp.ReadResourceRequest, mime, body string) []mcp.ResourceContents {
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: request.Params.URI, MIMEType: mime, Text: outside.Block(body)}}
}
