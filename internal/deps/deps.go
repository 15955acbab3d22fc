//go:build deps

package deps

import (
	_ "filippo.io/age"
	_ "filippo.io/age/armor"
	_ "github.com/agnivade/levenshtein"
	_ "github.com/aymanbagabas/go-udiff"
	_ "github.com/creack/pty"
	_ "github.com/docker/go-units"
	_ "github.com/google/jsonschema-go/jsonschema"
	_ "github.com/google/shlex"
	_ "github.com/graph-gophers/graphql-go"
	_ "github.com/jedib0t/go-pretty/v6/table"
	_ "github.com/lmittmann/tint"
	_ "github.com/mark3labs/mcp-go/client"
	_ "github.com/mark3labs/mcp-go/mcptest"
	_ "github.com/mark3labs/mcp-go/server"
	_ "github.com/pelletier/go-toml/v2/unstable"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/santhosh-tekuri/jsonschema/v6"
	_ "github.com/spf13/cobra"
	_ "github.com/superfly/fly-go"
	_ "github.com/superfly/fly-go/flaps"
	_ "github.com/vektah/gqlparser/v2"
	_ "golang.org/x/term"
	_ "golang.org/x/time/rate"
)
