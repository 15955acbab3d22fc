package flysim

import (
	"fmt"
	"net/http"
)

// apiError is a refusal that can be answered in the form of either API.
type apiError struct {
	status  int    // REST
	code    string // GraphQL's extensions.code; REST's status for name_taken
	message string
}

func (e *apiError) Error() string { return e.message }

// Status implements [Refusal].
func (e *apiError) Status() int { return e.status }

// Refusal is an error for which the platform has an HTTP status, such as 404.
type Refusal interface {
	error
	Status() int
}

// Extensions gives the GraphQL engine the code.
func (e *apiError) Extensions() map[string]any { return map[string]any{"code": e.code} }

// Refusals that several operations share. GraphQL uses other words than REST for something that is
// missing.
var (
	errUnauthorized   = &apiError{http.StatusForbidden, "UNAUTHORIZED", "unauthorized"}
	errAppNotFound    = &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find App"}
	errNoOrganization = &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find Organization"}
)

// notFound returns REST's answer for something that does not exist.
func notFound(what string) *apiError {
	return &apiError{http.StatusNotFound, "NOT_FOUND", what + " not found"}
}

// precondition returns the refusal of a change that the current state does not allow.
func precondition(format string, args ...any) *apiError {
	return &apiError{http.StatusPreconditionFailed, "failed_precondition", "failed_precondition: " +
		fmt.Sprintf(format, args...)}
}

// invalid returns the refusal of a malformed request.
func invalid(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "invalid_argument", fmt.Sprintf(format, args...)}
}
