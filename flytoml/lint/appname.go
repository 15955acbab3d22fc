package lint

import (
	"fmt"
	"regexp"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// placeholder and template match the names that examples and templates have in
// place of an app's.
var (
	placeholder = regexp.MustCompile(`(?i)^((my|your|the|some)[-_ ]?((fly|cool|awesome|new)[-_ ]?)?(app|application|project|service|server)([-_ ]?(name|here|id))?|app[-_ ]?name|app[-_ ]?id|(name|app)[-_ ]?(goes[-_ ]?)?here|your[-_ ].*|.*[-_]your[-_].*|change[-_ ]?me|replace[-_ ]?(me|this|with)?.*|todo|tbd|fixme|placeholder|x{3,}|insert[-_ ].*)$`)
	template    = regexp.MustCompile(`^\$|^\{.*\}$|\$\{|\$\(|\{\{|<[^>]*>|%[A-Za-z_]+%|%\(|^@.*@$|^__.*__$`)
)

// appName looks at the name of the app.
func (l *linter) appName(root spot) {
	app := l.under(root, "app")
	name, ok := app.value.(string)
	if !ok || name == "" {
		return
	}
	switch {
	case template.MatchString(name):
		l.warn(FindingAppName, app, message{
			fmt.Sprintf("the app's name %s has not been filled in", excerpt.Quote(name)),
			"flyctl takes the text as it stands: it fills in no variables in this file, and finds no such app",
			"write the app's name, or leave app out and name it with -a or FLY_APP"})
	case placeholder.MatchString(name):
		l.warn(FindingAppName, app, message{
			fmt.Sprintf("%s looks like the name that an example has in place of an app's", excerpt.Quote(name)),
			"names are unique among all apps on Fly: this one is somebody else's, or a deploy finds no such app",
			"write the app's own name"})
	case !flytoml.IsAppName(name):
		l.warn(FindingAppName, app, message{
			fmt.Sprintf("no app can be called %s", excerpt.Quote(name)),
			"names have small letters, digits and dashes, 63 at most; flyctl does not look at it, and finds no such app",
			"write the app's name as `fly apps list` shows it"})
	}
}
