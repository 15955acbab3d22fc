package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// routingRules are about TLS and about services: sections 2.2 and 2.3 of the catalogue.
func routingRules() []Rule {
	on := []Input{Machines}
	both := []Input{Addresses, Machines}
	return []Rule{
		{
			ID: "FORCE_HTTPS_ON_FLYCAST", Severity: Error, Title: "private callers are redirected to https",
			Why: "Flycast has no certificates, so the redirected request fails", Docs: docs("networking/flycast/"),
			Needs: both, find: ifFlycast(func(f *Facts) []match { return f.blocked(plan.ForceHTTPS) }),
		},
		{
			ID: "FORCE_HTTPS_DRIFT", Severity: Error, Title: "force_https is off in the release and on on the Machines",
			Why: "the deploy that turned it off did not reach every Machine", Docs: docs("reference/configuration/"),
			Needs: []Input{Machines, Release}, find: redirectDrift,
		},
		{
			ID: "TLS_ONLY_SERVICE", Severity: Error, Title: "private callers have no port without TLS",
			Why: "Flycast has no certificates, so http://APP.flycast is refused", Docs: docs("networking/services/"),
			Needs: both, find: ifFlycast(func(f *Facts) []match { return f.blocked(plan.TLSOnly) }),
		},
		{
			ID: "TLS_PORT_NO_CERT", Severity: Info, Title: "a TLS port without a certificate",
			Why: "private callers that use https get an error (PT05 or PT06 in the log)", Docs: docs("monitoring/error-codes/"),
			Needs: []Input{Addresses, Machines, Certificates}, find: ifPrivate(uncertified),
		},
		{
			ID: "PG_TLS_ON_FLYCAST", Severity: Warning, Title: "Fly Proxy terminates PostgreSQL's TLS",
			Why: "private clients that verify the certificate fail", Docs: docs("networking/services/"),
			Needs: both, find: ifFlycast(handler("pg_tls", "use a port without handlers")),
		},
		{
			ID: "PROXY_PROTO_HANDLER", Severity: Warning, Title: "the proxy_proto handler is on",
			Why:  "a program that does not expect the PROXY protocol reads it as the beginning of the request",
			Docs: docs("networking/services/"), Needs: on,
			find: handler("proxy_proto", "remove the handler unless the program reads the PROXY protocol"),
		},
		{
			ID: "CERT_ON_PRIVATE_APP", Severity: Blocker, Title: "custom hostnames on an app without public addresses",
			Why:  "the hostnames do not answer, and their certificates may stop renewing",
			Docs: docs("networking/custom-domain/"), Needs: []Input{Addresses, Certificates}, find: orphanedHostnames,
		},
		{
			ID: "NO_SERVICES", Severity: Error, Title: "no Machine has a service",
			Why: "Fly Proxy neither reaches the app nor starts and stops it", Docs: docs("launch/autostop-autostart/"),
			Needs: both, find: func(f *Facts) []match {
				if len(f.State.Inbound()) == 0 || len(f.State.Machines) == 0 {
					return nil // a worker: nobody is to reach it
				}
				return f.blocked(plan.NoServices)
			},
		},
		{
			ID: "SERVICE_NO_PORTS", Severity: Error, Title: "no service has a port",
			Why: "Fly Proxy listens on nothing for the app: no request reaches it", Docs: docs("reference/configuration/"),
			Needs: both, find: func(f *Facts) []match { return f.blocked(plan.NoPorts) },
		},
		{
			ID: "PROCESS_GROUP_PORT_CLASH", Severity: Error, Title: "two process groups serve one port",
			Why:  "each request goes to one of the groups by chance",
			Docs: docs("networking/app-services/"), Needs: on, find: portClash,
		},
		{
			ID: "UDP_SERVICE", Severity: Blocker, Title: "a UDP service",
			Why:  "Flycast does not carry UDP: without its dedicated IPv4 address the service is cut off",
			Docs: docs("networking/udp-and-tcp/"), Needs: both,
			find: func(f *Facts) []match { return f.blocked(plan.UDPService) },
		},
		{
			ID: "CONCURRENCY_CONNECTIONS_FOR_HTTP", Severity: Warning, Title: "connections are counted instead of requests",
			Why:  "an idle keep-alive connection counts as load, and keeps the last Machine awake",
			Docs: docs("reference/concurrency/"), Needs: on, find: countedConnections,
		},
		{
			ID: "SOFT_LIMIT_DEFAULT", Severity: Info, Title: "no soft limit",
			Why:  "the default is 20: above it Fly Proxy starts another Machine",
			Docs: docs("reference/concurrency/"), Needs: on, find: defaultLimit,
		},
		{
			ID: "SOFT_LIMIT_EXTREME", Severity: Warning, Title: "an unusual soft limit",
			Why:  "a very low limit starts a Machine for nearly each request, a very high one never starts a second",
			Docs: docs("reference/load-balancing/"), Needs: on, find: extremeLimit,
		},
		{
			ID: "HARD_LIMIT_LOW", Severity: Warning, Title: "the hard limit is not above the soft limit",
			Why:  "requests are refused or queued while another Machine starts (PR01, PR03)",
			Docs: docs("monitoring/error-codes/"), Needs: on, find: lowHardLimit,
		},
		{
			ID: "CHECK_FAILING", Severity: Error, Title: "a health check fails",
			Why:  "Fly Proxy sends no request to the Machine, and no check ever restarts it",
			Docs: docs("reference/health-checks/"), Needs: on, find: failingCheck,
		},
		{
			ID: "GRACE_PERIOD_LONG", Severity: Warning, Title: "a long grace period of a Machine that sleeps",
			Why:  "after a wake no request is answered until the check passes",
			Docs: docs("reference/health-checks/"), Needs: on, find: longGrace,
		},
		{
			ID: "TOPLEVEL_CHECKS_ONLY", Severity: Info, Title: "checks that do not affect routing",
			Why:  "only the checks of a service keep requests away from a Machine that fails",
			Docs: docs("reference/health-checks/"), Needs: on, find: topLevelChecks,
		},
		{
			ID: "CONFIG_DRIFT_MACHINES", Severity: Warning, Title: "Machines of one group have different services",
			Why:  "what a caller gets depends on the Machine; the next deploy makes them equal",
			Docs: docs("networking/app-services/"), Needs: on, find: groupDrift,
		},
	}
}

func portClash(f *Facts) []match {
	owner := make(map[string]string)
	var out []match
	for i := range f.units {
		u := &f.units[i]
		for _, s := range u.services {
			for _, p := range s.Ports {
				key := p.String() + "/" + s.Protocol
				first, taken := owner[key]
				switch {
				case p.String() == "none":
				case !taken:
					owner[key] = u.group
				case first != u.group && first != "\x00":
					owner[key] = "\x00" // once
					out = append(out, match{
						evidence: fmt.Sprintf("port %s of groups %s and %s", p, plan.Quote(first), plan.Quote(u.group)),
						remedy:   edit("give each group its own port, or make two apps")(nil),
					})
				}
			}
		}
	}
	return out
}

func isHTTP(s machine.Service) bool { return slices.ContainsFunc(s.Ports, machine.Port.IsHTTP) }

func countedConnections(f *Facts) []match {
	return f.each(eachService(func(_ *unit, s machine.Service) string {
		if isHTTP(s) && s.Limits().Unit != machine.CountRequests {
			return "the HTTP service at " + internalPort(s) + " counts connections"
		}
		return ""
	}), edit(`set type = "requests" in the service's concurrency`))
}

func defaultLimit(f *Facts) []match {
	return f.each(eachService(func(_ *unit, s machine.Service) string {
		if s.IsRouted() && (s.Concurrency == nil || s.Concurrency.SoftLimit == 0 && s.Concurrency.HardLimit == 0) {
			return "the service at " + internalPort(s) + " sets no soft_limit"
		}
		return ""
	}), f.patch(plan.Arguments{}, "with soft_limit, the number of requests that one Machine takes well"))
}

// Limits between which a soft limit is usual.
const (
	lowSoftLimit  = 5
	highSoftLimit = 1000
)

func extremeLimit(f *Facts) []match {
	return f.each(eachService(func(_ *unit, s machine.Service) string {
		limits := s.Limits()
		switch set := s.Concurrency; {
		case set == nil || set.SoftLimit == 0:
			return ""
		case set.HardLimit > 0 && set.SoftLimit > set.HardLimit:
			return fmt.Sprintf("soft_limit %d is above hard_limit %d", set.SoftLimit, set.HardLimit)
		case limits.Soft < lowSoftLimit || limits.Soft > highSoftLimit:
			return fmt.Sprintf("soft_limit is %d", limits.Soft)
		}
		return ""
	}), f.patch(plan.Arguments{}, "with soft_limit, the number of requests that one Machine takes well"))
}

func lowHardLimit(f *Facts) []match {
	return f.each(eachService(func(_ *unit, s machine.Service) string {
		if limits := s.Limits(); limits.Hard > 0 && limits.Hard <= limits.Soft {
			return fmt.Sprintf("hard_limit is %d and soft_limit %d", limits.Hard, limits.Soft)
		}
		return ""
	}), edit("raise hard_limit, or remove it"))
}

func failingCheck(f *Facts) []match {
	return f.each(func(u *unit) string {
		if u.State != "started" {
			return ""
		}
		for _, c := range u.Checks {
			if c.Status == "critical" {
				return "check " + plan.Quote(c.Name) + " is critical"
			}
		}
		return ""
	}, func([]string) plan.Next { return command("fly checks list -a "+f.App, "shows what the check got") })
}

// longGracePeriod is from when on a grace period is a long time for a caller who waits.
const longGracePeriod = 30 * time.Second

func longGrace(f *Facts) []match {
	return f.each(func(u *unit) string {
		if !u.sleeps() {
			return ""
		}
		for _, s := range u.services {
			for _, c := range s.Checks {
				if c.GracePeriod == nil {
					continue
				}
				if d, err := time.ParseDuration(*c.GracePeriod); err == nil && d > longGracePeriod {
					return fmt.Sprintf("grace_period is %s", d)
				}
			}
		}
		return ""
	}, edit("shorten grace_period to what the program needs to start"))
}

func topLevelChecks(f *Facts) []match {
	return f.each(func(u *unit) string {
		own, err := u.Config.Checks()
		if err != nil || len(own) == 0 || !machine.AnyRouted(u.services) {
			return ""
		}
		if slices.ContainsFunc(u.services, func(s machine.Service) bool { return len(s.Checks) > 0 }) {
			return ""
		}
		return "only top-level checks"
	}, edit("move the checks into the service"))
}

func groupDrift(f *Facts) []match {
	var out []match
	for _, group := range f.groups {
		versions := make(map[string]string) // services → a Machine
		var order []string
		for i := range f.units {
			u := &f.units[i]
			if u.group != group || u.Config.IsDetached() || u.Config.IsOneCommand() {
				continue
			}
			text := string(u.Config.Raw("services"))
			if _, ok := versions[text]; !ok {
				versions[text] = u.ID
				order = append(order, u.ID)
			}
		}
		if len(order) > 1 {
			out = append(out, match{
				evidence: fmt.Sprintf("group %s: the services of Machine %s differ", plan.Quote(group), plan.Few(order)),
				remedy:   f.patch(plan.Arguments{}, "makes a draft of the deployed configuration")([]string{group}),
			})
		}
	}
	return out
}
