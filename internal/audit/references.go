package audit

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// reference is another app that a variable of this app names. The value of the variable
// is not kept.
type reference struct {
	variable string
	app      string
	domain   string // fly.dev, flycast or internal
	https    bool
}

func (r reference) compare(other reference) int {
	return cmp.Or(cmp.Compare(r.app, other.app), cmp.Compare(r.domain, other.domain),
		cmp.Compare(r.variable, other.variable), cmp.Compare(btoi(r.https), btoi(other.https)))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// host returns the name that callers use.
func (r reference) host() string { return r.app + "." + r.domain }

var flyHost = regexp.MustCompile(`(?i)(https?://(?:[^/@\s]*@)?)?([a-z0-9_.-]+)\.(fly\.dev|flycast|internal)\b`)

// references returns the other apps that the values of an environment name. Only names of
// variables and of apps are in the result.
func references(own string, env map[string]string) []reference {
	var out []reference
	for variable, value := range env {
		for _, found := range flyHost.FindAllStringSubmatch(value, -1) {
			labels := strings.Split(strings.ToLower(found[2]), ".")
			app := labels[len(labels)-1] // iad.shop-db.internal, shop-db.fly.dev
			if !fly.ValidAppName(app) || app == own {
				continue
			}
			out = append(out, reference{
				variable: variable, app: app, domain: strings.ToLower(found[3]),
				https: strings.HasPrefix(strings.ToLower(found[1]), "https"),
			})
		}
	}
	return out
}
