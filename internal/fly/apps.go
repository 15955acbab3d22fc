package fly

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Apps are the only apps that a server may work on (--app); empty means every
// app that the token can see.
//
// The transport checks the app of every request. Who answers without asking Fly
// (from a journal, a file or a draft) calls Check itself.
type Apps []string

// Check returns nil if the app may be named. Else the error has code
// invalid_input for what cannot be the name of an app, and code blocked for an app
// that is not one of these.
func (a Apps) Check(app string) error {
	switch {
	case !ValidAppName(app):
		return plan.Invalid("%s is not a valid Fly app name", outside.Quote(app, 70))
	case len(a) > 0 && !slices.Contains(a, app):
		return &plan.Problem{Code: gate.Blocked, Message: fmt.Sprintf("this server was started only for %s, not for %s",
			strings.Join(a, ", "), app)}
	}
	return nil
}

// Actions of the operations that name no app.
const (
	// actionApps lists the names of all apps. It is sent only if every app may be
	// named: see [Client.AppNames].
	actionApps = "apps"
	// actionOrganization reads the id of an organization, without which no address
	// can be allocated for it. The answer is about the organization alone.
	actionOrganization = "organization"
)

// errNoApp ends an operation that names no app and should: a bug of this package.
var errNoApp = errors.New("an operation without an app; nothing was sent")

// checkOperation decides whether an operation may be sent, by the app that it names.
func (a Apps) checkOperation(op *operation) error {
	switch {
	case op.scope != onAccount:
		return a.Check(op.app)
	case op.action == actionOrganization, op.action == actionApps && len(a) == 0:
		return nil
	}
	return errNoApp
}
