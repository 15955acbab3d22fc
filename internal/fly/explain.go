package fly

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// ErrNotSent is wrapped by the errors of requests that were certainly not sent.
var ErrNotSent = errors.New("the request was not sent")

// ErrNoCapacity is wrapped by the refusal of a Machine or a volume for which no host
// has room, or not the host that it must be on. The code is precondition.
var ErrNoCapacity = errors.New("no host has room")

// explain turns an error of the transport or of GraphQL into an [*plan.Problem] or an
// [*Ambiguous].
func (op *operation) explain(err error) error {
	if err == nil {
		return nil
	}
	var coded *plan.Problem
	var ambiguous *Ambiguous
	var failed *failure
	var refused gqlerror.List
	switch {
	case errors.Is(err, errNoApp):
		return errNoApp
	case errors.As(err, &coded):
		return coded
	case errors.As(err, &ambiguous):
		return ambiguous
	case errors.As(err, &failed):
		return op.explainFailure(failed)
	case errors.As(err, &refused) && len(refused) > 0:
		return op.explainRefusal(refused)
	case op.write && op.sent:
		return &Ambiguous{Cause: err}
	}
	return op.unreadable(err)
}

// unreadable returns the error for an answer that arrived and cannot be read.
func (op *operation) unreadable(cause error) error {
	if op.write {
		return &Ambiguous{Cause: cause}
	}
	return op.error(gate.PlatformError, "Fly's answer cannot be read", "", cause)
}

func (op *operation) explainFailure(f *failure) error {
	var e *plan.Problem
	switch {
	case f.limited:
		e = op.error(gate.RateLimited, "held back: Fly allows no more requests of this kind for now", "", ErrNotSent)
	case errors.Is(f.cause, errRedirect):
		e = op.error(gate.PlatformError, f.cause.Error(), "", nil)
	case f.status != 0:
		e = op.byStatus(f.status, f.text)
	default:
		message := "Fly's answer was lost"
		switch {
		case errors.Is(f.cause, context.Canceled):
			message = "the call was canceled before Fly answered"
		case errors.Is(f.cause, context.DeadlineExceeded):
			message = "Fly did not answer in time"
		case f.unsent:
			message = "Fly could not be reached"
		}
		cause := f.cause
		if f.unsent {
			message += "; nothing was sent"
			cause = errors.Join(ErrNotSent, cause)
		}
		e = op.error(gate.PlatformError, message, "", cause)
	}
	e.RetryAfter = f.retryAfter
	return e
}

// byStatus maps an HTTP status of the Machines API, or of GraphQL's front.
func (op *operation) byStatus(status int, text string) *plan.Problem {
	lower := strings.ToLower(text)
	if op.write && noRoom.MatchString(lower) {
		return op.error(gate.Precondition, "no host has room for "+op.subject(), text, ErrNoCapacity)
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return op.unauthorized(text)
	case http.StatusNotFound:
		return op.notFound(text)
	case http.StatusTooManyRequests:
		return op.error(gate.RateLimited, "Fly allows no more requests of this kind for now", text, nil)
	case http.StatusPreconditionFailed:
		switch {
		case op.stateful && op.machine != "" && betweenStates.MatchString(lower):
			return op.error(gate.Busy, op.subject()+" is changing state", text, nil)
		case op.stateful || !op.write: // such as the processes of a stopped Machine
			return op.error(gate.Precondition, op.subject()+" is not in a state that allows this", text, nil)
		}
		return op.error(gate.Stale, op.subject()+" has changed in the meantime", text, nil)
	case http.StatusConflict, http.StatusBadRequest, http.StatusUnprocessableEntity:
		switch {
		case op.write && versionConflict.MatchString(lower):
			return op.error(gate.Stale, op.subject()+" has changed in the meantime", text, nil)
		case status != http.StatusConflict:
			return op.error(gate.InvalidInput, fmt.Sprintf("Fly refused the request (%d)", status), text, nil)
		case strings.Contains(lower, "lease"):
			return op.error(gate.Busy, "somebody else holds the lease of "+op.subject(), text, nil)
		}
		return op.error(gate.Busy, op.subject()+" is busy", text, nil)
	}
	return op.error(gate.PlatformError, fmt.Sprintf("Fly answered %d", status), text, nil)
}

// noRoom matches the refusals for lack of room on a host, or of a host (seen with
// status 400, 409, 412 and 422, for Machines and for volumes; flyctl looks for the
// first two phrases).
var noRoom = regexp.MustCompile(`could not reserve resource|deploys to this host are temporarily disabled` +
	`|insufficient (cpus|memory|ips|resources)|no(t enough)? capacity|insufficient_capacity`)

// betweenStates matches the refusals that end by themselves. flyctl, too, waits on
// "still active".
var betweenStates = regexp.MustCompile(
	`still active|'creating'|starting|stopping|suspending|restarting|replacing|updating`)

// versionConflict matches the refusal of a current_version that is not current.
var versionConflict = regexp.MustCompile(
	`current[ _]version|version (mismatch|conflict)|instance[ _]id (mismatch|does not match)`)

// explainRefusal maps the errors in a GraphQL answer. A mutation may have taken effect
// before the error: what is not clearly a refusal is an [*Ambiguous].
func (op *operation) explainRefusal(list gqlerror.List) error {
	first := list[0]
	code, _ := first.Extensions["code"].(string)
	switch strings.ToUpper(code) {
	case "UNAUTHORIZED", "UNAUTHENTICATED", "FORBIDDEN":
		return op.unauthorized(first.Message)
	case "NOT_FOUND":
		return op.notFound(first.Message)
	case "INVALID", "INVALID_ARGUMENTS", "UNPROCESSABLE":
		return op.error(gate.InvalidInput, "Fly refused the request", first.Message, nil)
	case "RATE_LIMITED", "TOO_MANY_REQUESTS", "THROTTLED":
		return op.error(gate.RateLimited, "Fly allows no more requests of this kind for now", first.Message, nil)
	}
	lower := strings.ToLower(first.Message)
	switch {
	case code == "" && strings.Contains(lower, "could not find"):
		return op.notFound(first.Message)
	case code == "" && (strings.Contains(lower, "not authorized") || strings.Contains(lower, "unauthorized")):
		return op.unauthorized(first.Message)
	case op.write:
		return &Ambiguous{Status: http.StatusOK, Cause: errors.New("Fly says " + op.quote(first.Message))}
	}
	return op.error(gate.PlatformError, "Fly failed", first.Message, nil)
}

// mentions reports whether the answer's errors are about one field.
func mentions(err error, field string) bool {
	var list gqlerror.List
	if !errors.As(err, &list) {
		return false
	}
	for _, e := range list {
		if strings.Contains(strings.ToLower(e.Path.String()+" "+e.Message), strings.ToLower(field)) {
			return true
		}
	}
	return false
}

// subject names what the operation is about.
func (op *operation) subject() string {
	switch {
	case op.thing != "":
		return op.thing
	case op.machine != "":
		return "Machine " + op.machine + " of app " + op.app
	case op.app != "":
		return "app " + op.app
	}
	return "the account"
}

func (op *operation) unauthorized(text string) *plan.Problem {
	e := op.error(gate.Unauthorized, "the access token does not allow this for "+op.subject(), text, nil)
	e.Hint = tokenHint(op.app)
	return e
}

func (op *operation) error(code gate.Code, message, text string, cause error) *plan.Problem {
	if text = op.quote(text); text != "" {
		message += ": Fly says " + text
	}
	if op.write && isRefusal(code) {
		message += "; nothing was changed"
	}
	return &plan.Problem{Code: code, Message: message, RequestID: plain(op.mask(op.requestID), 64), Err: cause}
}

// isRefusal reports whether the code says that a write was refused.
func isRefusal(code gate.Code) bool {
	switch code {
	case gate.Unauthorized, gate.NotFound, gate.RateLimited, gate.InvalidInput,
		gate.Precondition, gate.Busy, gate.Stale:
		return true
	}
	return false
}

func noToken(token Token, app string) *plan.Problem {
	message := "no access token is set"
	if why := token.Missing(); why != "" {
		message += ": " + why
	}
	return &plan.Problem{Code: gate.Unauthorized, Message: message, Hint: tokenHint(app)}
}

func tokenHint(app string) string {
	command := "fly tokens create deploy -a " + app + " -x 24h"
	if app == "" {
		command = "fly tokens create org -x 24h"
	}
	return command + ", then set FLY_API_TOKEN to the token"
}

// mask hides the secrets of the operation in a text from outside.
func (op *operation) mask(text string) string {
	return outside.MaskSecrets(text, op.secrets, op.tokens)
}

// quote returns [quote] with the secrets of the operation masked.
func (op *operation) quote(text string) string { return quote(op.mask(text)) }

// quote shows text from outside in quotation marks: one line, at most 120
// visible characters. Empty stays empty.
func quote(text string) string {
	if text = plain(text, math.MaxInt); text == "" {
		return ""
	}
	return outside.Quote(text, 120)
}

// plain returns the visible words of a text on one line of at most limit characters.
// An invisible character ends a word.
func plain(text string, limit int) string {
	words := strings.FieldsFunc(text, func(r rune) bool {
		return r == ' ' || r == unicode.ReplacementChar || !outside.IsVisible(r)
	})
	return outside.Line(strings.Join(words, " "), limit)
}
