package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// ifFlycast limits a rule to apps with a Flycast address: without one nobody calls the app
// over it.
func ifFlycast(find func(*Facts) []match) func(*Facts) []match {
	return func(f *Facts) []match {
		if !f.hasFlycast() {
			return nil
		}
		return find(f)
	}
}

// ifPrivate limits a rule to apps that only private callers reach.
func ifPrivate(find func(*Facts) []match) func(*Facts) []match {
	return func(f *Facts) []match {
		if rules.Judge(f.State.Addresses.List) != rules.Private {
			return nil
		}
		return find(f)
	}
}

func redirectDrift(f *Facts) []match {
	if f.Release == nil || redirects(f.Release.Document()) {
		return nil
	}
	return f.each(eachService(func(_ *unit, s machine.Service) string {
		for _, p := range s.Ports {
			if p.ForceHTTPS {
				return fmt.Sprintf("force_https is on for port %s, and off in the release", p)
			}
		}
		return ""
	}), func([]string) plan.Next {
		return f.patch(plan.Arguments{}, "makes a draft of the deployed configuration")(nil)
	})
}

// redirects reports whether force_https is true anywhere in a stored configuration.
func redirects(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			if on, isBool := item.(bool); isBool && on && strings.EqualFold(key, "force_https") || redirects(item) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, redirects)
	case []map[string]any:
		return slices.ContainsFunc(v, func(item map[string]any) bool { return redirects(item) })
	}
	return false
}

func uncertified(f *Facts) []match {
	if len(f.Certificates) > 0 {
		return nil
	}
	return f.each(eachService(func(_ *unit, s machine.Service) string {
		for _, p := range s.Ports {
			own := p.TLSOptions != nil && p.TLSOptions.DefaultSelfSigned != nil && *p.TLSOptions.DefaultSelfSigned
			if slices.Contains(p.Handlers, "tls") && !own {
				return fmt.Sprintf("port %s has TLS, and the app has no certificate", p)
			}
		}
		return ""
	}), none("callers use the port without TLS"))
}

func handler(name, fix string) func(*Facts) []match {
	return func(f *Facts) []match {
		return f.each(eachService(func(_ *unit, s machine.Service) string {
			for _, p := range s.Ports {
				if slices.Contains(p.Handlers, name) {
					return fmt.Sprintf("port %s has the handler %s", p, name)
				}
			}
			return ""
		}), edit(fix))
	}
}

func orphanedHostnames(f *Facts) []match {
	verdict := rules.Judge(f.State.Addresses.List)
	if len(f.Certificates) == 0 || verdict != rules.Private && verdict != rules.Unreachable {
		return nil
	}
	var names []string
	for _, c := range f.Certificates {
		names = append(names, outside.Quote(c.Hostname, 80))
	}
	return []match{{
		evidence: "certificates for " + plan.Few(names),
		remedy:   decide("are the hostnames still needed? They work only with a public address; else remove them and their DNS records"),
	}}
}
