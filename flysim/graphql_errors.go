package flysim

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	gqlerrors "github.com/graph-gophers/graphql-go/errors"
)

// maxErrors is how many errors of one query are reported. A query whose fields conflict with each
// other has very many.
const maxErrors = 50

// unknownField matches the engine's message for a field that a type does not have.
var unknownField = regexp.MustCompile(`^Cannot query field "(\w+)" on type "(\w+)"\.`)

// notEmulated ends the message for a query that uses something missing from the schema, which Fly
// may have.
const notEmulated = ": not emulated"

// reword gives an error of the engine the form that it has at Fly, whose engine is graphql-ruby. It
// sets extensions.code for a resolver's refusal and for a query that does not fit the schema.
func reword(err *gqlerrors.QueryError) {
	var refusal *apiError
	switch {
	case errors.As(err.ResolverError, &refusal):
		if refusal.status == http.StatusBadRequest || refusal.status == http.StatusUnprocessableEntity {
			err.Extensions = map[string]any{"code": "UNPROCESSABLE"}
		}
	case err.Rule == "FieldsOnCorrectTypeRule":
		if m := unknownField.FindStringSubmatch(err.Message); m != nil {
			err.Message = "Field '" + m[1] + "' doesn't exist on type '" + m[2] + "'" + notEmulated
			err.Extensions = map[string]any{"code": "undefinedField", "typeName": m[2], "fieldName": m[1]}
		}
	case err.Rule == "KnownTypeNamesRule", err.Rule == "KnownArgumentNamesRule", strings.Contains(err.Message,
		"is not defined by type"):
		err.Message = strings.TrimSuffix(err.Message, ".") + notEmulated
	case err.Rule == "NoUndefinedVariablesRule":
		err.Extensions = map[string]any{"code": "variableNotDefined"}
	case err.Rule == "NoUnusedVariablesRule":
		err.Extensions = map[string]any{"code": "variableNotUsed"}
	}
}

// essentialErrors returns the errors of a query that its client should see. If the query has fields that
// are not emulated, only those are returned, because its other errors follow from them.
func essentialErrors(errs []*gqlerrors.QueryError) []*gqlerrors.QueryError {
	fields := slices.DeleteFunc(slices.Clone(errs),
		func(err *gqlerrors.QueryError) bool { return err.Rule != "FieldsOnCorrectTypeRule" })
	if len(fields) > 0 {
		errs = fields
	}
	return errs[:min(len(errs), maxErrors)]
}
