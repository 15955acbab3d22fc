package lint

import (
	"fmt"
	"regexp"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// placeholder and template match names that stand for an app name in examples and
// templates.
var (
	placeholder = regexp.MustCompile(
		`(?i)^((my|your|the|some)[-_ ]?((fly|cool|awesome|new)[-_ ` +
			`]?)?(app|application|project|service|server)([-_ ]?(name|here|id))?|app[-_ ]?name|app[-_ ` +
			`]?id|(name|app)[-_ ]?(goes[-_ ]?)?here|your[-_ ].*|.*[-_]your[-_].*|change[-_ ]?me|replace[-_ ` +
			`]?(me|this|with)?.*|todo|tbd|fixme|placeholder|x{3,}|insert[-_ ].*)$`)
	template = regexp.MustCompile(`^\$|^\{.*\}$|\$\{|\$\(|\{\{|<[^>]*>|%[A-Za-z_]+%|%\(|^@.*@$|^__.*__$`)
)

// checkAppName looks at the name of the app.
func (l *linter) checkAppName(root spot) {
	app := l.under(root, "app")
	name, ok := app.value.(string)
	if !ok || name == "" {
		return
	}
	switch {
	case template.MatchString(name):
		l.warn(FindingAppName, app, message{
			fmt.Sprintf("the app name %s is a template that was not filled in", excerpt.Quote(name)),
			"flyctl does not expand variables in this file: it looks for an app with exactly this name, and finds none",
			"write the app's name, or remove app and use -a or FLY_APP"})
	case placeholder.MatchString(name):
		l.warn(FindingAppName, app, message{
			fmt.Sprintf("%s looks like a placeholder for the app name", excerpt.Quote(name)),
			"app names are unique across Fly: this one belongs to someone else, or a deploy finds no such app",
			"write the name of your app"})
	case !flytoml.IsAppName(name):
		l.warn(FindingAppName, app, message{
			fmt.Sprintf("%s cannot be an app name", excerpt.Quote(name)),
			"an app name has at most 63 lowercase letters, digits and dashes; flyctl does not check it, and finds no such app",
			"write the app's name as `fly apps list` shows it"})
	}
}
