package flysim

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	graphql "github.com/graph-gophers/graphql-go"
	gqlerrors "github.com/graph-gophers/graphql-go/errors"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

//go:embed schema/*.graphql
var schemaFiles embed.FS

// schemaText returns the schema: the text of all its files.
func schemaText() string {
	var text strings.Builder
	for _, name := range []string{"root", "app", "account", "change"} {
		part, err := schemaFiles.ReadFile("schema/" + name + ".graphql")
		if err != nil {
			panic(err) // it is part of the program
		}
		text.Write(part)
	}
	return text.String()
}

// parsedSchema returns the parsed schema with its resolvers. It holds no state, and all platforms
// of a process share it, because parsing takes milliseconds.
var parsedSchema = sync.OnceValue(func() *graphql.Schema {
	return graphql.MustParseSchema(schemaText(), &root{}, graphql.UseFieldResolvers(),
		graphql.MaxDepth(15), graphql.MaxSelections(2000), graphql.MaxQueryLength(64<<10),
		graphql.OverlapValidationLimit(100_000),
		graphql.Logger(silent{}), graphql.PanicHandler(silent{}))
})

// graphRequest is the body of a GraphQL request.
type graphRequest struct {
	Query         string         `json:"query"`
	OperationName string         `json:"operationName"`
	Variables     map[string]any `json:"variables"`

	document *ast.QueryDocument // nil if the query cannot be parsed
}

// operation returns the operation that will be executed, or nil if that is ambiguous.
func (g graphRequest) operation() *ast.OperationDefinition {
	switch {
	case g.document == nil || len(g.document.Operations) == 0:
		return nil
	case g.OperationName != "":
		return g.document.Operations.ForName(g.OperationName)
	case len(g.document.Operations) > 1:
		return nil
	}
	return g.document.Operations[0]
}

// classifyGraph fills in the call: the operation is the first field, and the app and the target are
// taken from its arguments.
func classifyGraph(req *apiRequest) {
	if json.Unmarshal(req.body, &req.graph) != nil {
		return
	}
	if strings.Contains(req.graph.Query, "setSecrets") || strings.Contains(req.graph.Query, "deleteLimitedAccessToken") {
		req.call.Body = nil // secret values are not recorded
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: req.graph.Query}, 10_000)
	if err != nil {
		return
	}
	req.graph.document = document
	op := req.graph.operation()
	if op == nil {
		return
	}
	req.call.Write = op.Operation == ast.Mutation
	for _, selection := range op.SelectionSet {
		field, ok := selection.(*ast.Field)
		if !ok {
			continue
		}
		req.call.Operation = "graphql." + field.Name
		values := make(map[string]any)
		for _, argument := range field.Arguments {
			value, err := argument.Value.Value(req.graph.Variables)
			if err != nil {
				continue
			}
			if input, ok := value.(map[string]any); ok && argument.Name == "input" {
				values = input
				break
			}
			values[argument.Name] = value
		}
		req.call.App = firstText(values, "appId", "appName", "name")
		req.call.Target = firstText(values, "ip", "ipAddressId", "type", "releaseId", "slug", "hostname",
			"machineId", "profile")
		return
	}
}

// mutations returns the names of the operation's mutations, each once.
func (g graphRequest) mutations() []string {
	op := g.operation()
	if op == nil || op.Operation != ast.Mutation {
		return nil
	}
	var names []string
	spread := make(map[string]bool)
	var collect func(ast.SelectionSet)
	collect = func(set ast.SelectionSet) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				if !slices.Contains(names, s.Name) {
					names = append(names, s.Name)
				}
			case *ast.InlineFragment:
				collect(s.SelectionSet)
			case *ast.FragmentSpread:
				if fragment := g.document.Fragments.ForName(s.Name); fragment != nil && !spread[s.Name] {
					spread[s.Name] = true
					collect(fragment.SelectionSet)
				}
			}
		}
	}
	collect(op.SelectionSet)
	return names
}

func firstText(values map[string]any, keys ...string) string {
	for _, key := range keys {
		if text, ok := values[key].(string); ok && text != "" {
			return text
		}
	}
	return ""
}

type requestKey struct{}

// requestOf returns the request that a resolver serves. The engine passes it only in the context.
func requestOf(ctx context.Context) *apiRequest { return ctx.Value(requestKey{}).(*apiRequest) }

// serveGraph executes a query. Errors in the query are answered with 200 and a list of errors, as
// Fly does; only a body that is not a GraphQL request gets 400.
func serveGraph(req *apiRequest) apiAnswer {
	if req.graph.Query == "" {
		return refuse(invalid("unable to parse request body"))
	}
	if req.graph.document == nil { // the engine must not run what was not classified
		return reply(http.StatusOK, graphql.Response{Errors: []*gqlerrors.QueryError{{Message: "syntax error in query"}}})
	}
	ctx := context.WithValue(context.WithoutCancel(req.Context()), requestKey{}, req) // a query that has begun is finished
	response := parsedSchema().Exec(ctx, req.graph.Query, req.graph.OperationName, req.graph.Variables)
	response.Errors = essentialErrors(response.Errors)
	for _, err := range response.Errors {
		reword(err)
	}
	if req.platform.options.OmitTypes {
		response.Data = req.graph.blankTypes(response.Data)
	}
	return reply(http.StatusOK, response)
}

// silent keeps a resolver's panic out of the process's log. The client gets it as an error of the
// query.
type silent struct{}

func (silent) LogPanic(context.Context, any) {}

func (silent) MakePanicError(_ context.Context, value any) *gqlerrors.QueryError {
	return &gqlerrors.QueryError{Message: fmt.Sprintf("internal error: %v", value)}
}

// scalar is the value of a custom scalar (ISO8601DateTime, BigInt, JSON).
type scalar struct{ json.RawMessage }

// ImplementsGraphQLType lets the engine use a scalar for the schema's types.
func (scalar) ImplementsGraphQLType(name string) bool {
	return slices.Contains([]string{"ISO8601DateTime", "BigInt", "JSON"}, name)
}

// UnmarshalGraphQL stores an input value.
func (s *scalar) UnmarshalGraphQL(input any) error {
	raw, err := json.Marshal(input)
	s.RawMessage = raw
	return err
}

// MarshalJSON writes null for an absent value.
func (s scalar) MarshalJSON() ([]byte, error) {
	if len(s.RawMessage) == 0 {
		return []byte("null"), nil
	}
	return s.RawMessage, nil
}

// textScalar returns a scalar that is written as a string.
func textScalar(s string) scalar {
	raw, _ := json.Marshal(s) // a string always marshals
	return scalar{raw}
}

// blankTypes blanks the type of every address row in an answer. The schema does not allow that, but an
// older platform might answer so.
func (g graphRequest) blankTypes(data json.RawMessage) json.RawMessage {
	op := g.operation()
	var tree map[string]any
	if op == nil || json.Unmarshal(data, &tree) != nil || tree == nil {
		return data
	}
	g.blank(op.SelectionSet, tree, false)
	raw, err := json.Marshal(tree)
	if err != nil {
		return data
	}
	return raw
}

// blank goes through the fields of one object. rows says that the object holds address rows or is
// one.
func (g graphRequest) blank(fields ast.SelectionSet, object map[string]any, rows bool) {
	for _, selection := range fields {
		switch s := selection.(type) {
		case *ast.InlineFragment:
			g.blank(s.SelectionSet, object, rows)
		case *ast.FragmentSpread:
			if fragment := g.document.Fragments.ForName(s.Name); fragment != nil {
				g.blank(fragment.SelectionSet, object, rows)
			}
		case *ast.Field:
			below := s.Name == "ipAddresses" || s.Name == "ipAddress" || rows && s.Name == "nodes"
			switch value := object[s.Alias].(type) {
			case map[string]any:
				g.blank(s.SelectionSet, value, below)
			case []any:
				for _, element := range value {
					if element, ok := element.(map[string]any); ok {
						g.blank(s.SelectionSet, element, below)
					}
				}
			default:
				if rows && s.Name == "type" {
					object[s.Alias] = nil
				}
			}
		}
	}
}
