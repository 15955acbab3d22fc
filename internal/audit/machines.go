package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// machineRules are about Machines and hosts: section 2.5 of the catalogue.
func machineRules() []Rule {
	on := []Input{Machines}
	states := docs("machines/machine-states/")
	return []Rule{
		{
			ID: "NO_MACHINES", Severity: Error, Title: "an app with addresses and no Machine",
			Why: "there is nothing that could answer (PR03)", Docs: docs("monitoring/error-codes/"),
			Needs: []Input{Addresses, Machines}, find: noMachines,
		},
		{
			ID: "ALL_FAILED", Severity: Critical, Title: "no Machine can answer",
			Why:  "every request fails until a person acts",
			Docs: docs("monitoring/error-codes/"), Needs: []Input{Addresses, Machines},
			find: func(f *Facts) []match { return f.blocked(plan.NoMachineAnswers) },
		},
		{
			ID: "CRASH_LOOP", Severity: Error, Title: "the program ended with an error",
			Why: "the Machine is down although nobody stopped it", Docs: states, Needs: on, find: crashed,
		},
		{
			ID: "OOM_ON_WAKE", Severity: Error, Title: "the program was killed for lack of memory",
			Why: "it starts, and dies again under load", Docs: docs("machines/guides-examples/machine-sizing/"),
			Needs: on, find: outOfMemory,
		},
		{
			ID: "CORDONED", Severity: Error, Title: "a Machine is cordoned",
			Why: "Fly Proxy sends it no request", Docs: states, Needs: on, find: cordoned,
		},
		{
			ID: "HOST_UNREACHABLE", Severity: Warning, Title: "the host of a Machine is down",
			Why:  "the Machine cannot be started or updated, and what is known of it may be incomplete",
			Docs: docs("reference/app-availability/"), Needs: on, find: hostDown,
		},
		{
			ID: "STUCK_TRANSIENT", Severity: Warning, Title: "a Machine does not leave a passing state",
			Why: "it neither answers nor can be started", Docs: states, Needs: on, find: stuck,
		},
		{
			ID: "DETACHED_MACHINE", Severity: Warning, Title: "a Machine that fly deploy does not update",
			Why:  "it keeps its services, public ones too, whatever the fly.toml says",
			Docs: docs("machines/overview/"), Needs: on, find: detached,
		},
		{
			ID: "MACHINE_AUTO_DESTROY", Severity: Blocker, Title: "a Machine that sleeps is destroyed by it",
			Why: "auto_destroy destroys the Machine when it stops", Docs: docs("machines/api/machines-resource/"),
			Needs: on, find: autoDestroyed,
		},
		{
			ID: "DEPLOY_SKIPPED_STOPPED", Severity: Warning, Title: "the current version never ran",
			Why:  "the Machine was stopped when it was updated: whether the program starts is not tested",
			Docs: docs("launch/deploy/"), Needs: on, find: neverRan,
		},
		{
			ID: "PRIMARY_REGION_MISMATCH", Severity: Warning, Title: "no Machine in the primary region",
			Why:  "min_machines_running and replays to the primary region have no effect",
			Docs: docs("reference/configuration/"), Needs: on, find: primaryElsewhere,
		},
		{
			ID: "SMALL_MEMORY", Severity: Info, Title: "256 MB of memory",
			Why: "larger runtimes do not start with it", Docs: docs("machines/guides-examples/machine-sizing/"),
			Needs: on, find: smallMemory,
		},
	}
}

func noMachines(f *Facts) []match {
	if len(f.State.Machines) > 0 || len(f.State.Inbound()) == 0 {
		return nil
	}
	return []match{{
		evidence: "addresses: " + plan.Few(f.ofKind(func(k fly.Kind) bool { return k != fly.Egress })),
		remedy:   command("fly deploy -a "+f.App, "creates Machines, from the folder of the app's source"),
	}}
}

func crashed(f *Facts) []match {
	return f.each(func(u *unit) string {
		e := u.Exit
		if u.State == "started" || e == nil || e.Requested || e.OOMKilled || e.Code == 0 || u.Config.IsOneCommand() {
			return ""
		}
		return fmt.Sprintf("%s, exit code %d", plan.Clean(u.State), e.Code)
	}, func([]string) plan.Next {
		return command("fly logs -a "+f.App+" --no-tail", "shows the last words of the program")
	})
}

func outOfMemory(f *Facts) []match {
	return f.each(func(u *unit) string {
		for _, event := range u.Events {
			if event.Exit != nil && event.Exit.OOMKilled {
				return "killed for lack of memory at " + event.Time.Format(time.RFC3339)
			}
		}
		return ""
	}, edit("give the group more memory in [[vm]]"))
}

func cordoned(f *Facts) []match {
	holds := func(u *unit) string {
		if !u.Cordoned {
			return ""
		}
		return "cordoned"
	}
	return f.each(holds, f.machineCommand("uncordon", "lets Fly Proxy use the Machine again", holds))
}

func hostDown(f *Facts) []match {
	var down []string
	for _, m := range f.State.Machines {
		if m.HostDown() {
			down = append(down, m.ID)
		}
	}
	if len(down) == 0 {
		return nil
	}
	m := match{
		evidence: fmt.Sprintf("%d of %s: %s", len(down), plan.Machines(len(f.State.Machines)), plan.Few(down)),
		remedy: command(fmt.Sprintf("fly machine status %s -a %s", down[0], f.App),
			"shows the host; a clone elsewhere takes over, and the Machine comes back with its host"),
	}
	if len(down) == len(f.State.Machines) {
		m.severity = Critical
	}
	return []match{m}
}

// How long a passing state is normal, by the newest event.
const (
	longPassing  = 5 * time.Minute
	longUpdating = 10 * time.Minute
)

func stuck(f *Facts) []match {
	passing := []string{"creating", "starting", "stopping", "restarting", "suspending", "updating", "replacing"}
	holds := func(u *unit) string {
		if !slices.Contains(passing, u.State) || len(u.Events) == 0 || u.Events[0].Time.IsZero() {
			return ""
		}
		limit, since := longPassing, f.At.Sub(u.Events[0].Time)
		if u.State == "updating" {
			limit = longUpdating
		}
		if since <= limit {
			return ""
		}
		return fmt.Sprintf("%s for %s", u.State, since.Round(time.Minute))
	}
	return f.each(holds, f.machineCommand("status", "shows what it waits for", holds))
}

func detached(f *Facts) []match {
	return f.each(func(u *unit) string {
		if !u.Config.IsDetached() {
			return ""
		}
		return "not made by fly deploy"
	}, func([]string) plan.Next {
		return decide(fmt.Sprintf("keep it as it is, destroy it, or let deploy {app: %q, adopt: true} manage it?", f.App))
	})
}

func autoDestroyed(f *Facts) []match {
	return f.each(func(u *unit) string {
		if !u.Config.AutoDestroy() || !u.sleeps() {
			return ""
		}
		return "auto_destroy is true and autostop is on"
	}, asked("is it meant to be gone when it is idle? Else remove auto_destroy first"))
}

func neverRan(f *Facts) []match {
	return f.each(func(u *unit) string {
		if u.State != "stopped" && u.State != "suspended" {
			return ""
		}
		for _, event := range u.Events { // the newest first
			switch event.Type {
			case "start":
				return ""
			case "update":
				return "updated at " + event.Time.Format(time.RFC3339) + " and not started since"
			}
		}
		return ""
	}, func([]string) plan.Next { return decide("send it a request, and see whether it starts") })
}

func primaryElsewhere(f *Facts) []match {
	primary := ""
	regions := make(map[string]bool)
	for _, u := range f.units {
		if !u.Config.IsFlyLaunch() {
			continue
		}
		regions[u.Region] = true
		if u.primary != "" {
			primary = u.primary
		}
	}
	if primary == "" || len(regions) == 0 || regions[primary] {
		return nil
	}
	return []match{{
		evidence: "primary region " + plan.Quote(primary) + " has no Machine",
		remedy:   edit("set primary_region to a region that has Machines")(nil),
	}}
}

func smallMemory(f *Facts) []match {
	return f.each(func(u *unit) string {
		if u.guest == nil || u.guest.MemoryMB == 0 || u.guest.MemoryMB > 256 {
			return ""
		}
		return fmt.Sprintf("%d MB of memory", u.guest.MemoryMB)
	}, none("it is enough for small programs"))
}

// listeningRules are about what programs listen on: section 2.6 of the catalogue.
func listeningRules() []Rule {
	needs := []Input{Machines, Processes}
	return []Rule{
		{
			ID: "LISTEN_LOOPBACK_ONLY", Severity: Critical, Title: "the program listens on loopback only",
			Why:  "Fly Proxy cannot connect to it (PC01): every request fails",
			Docs: docs("monitoring/error-codes/"), Needs: needs,
			find: listening(rules.OnLoopback, "make the program listen on 0.0.0.0, and deploy it with fly deploy"),
		},
		{
			ID: "LISTEN_WRONG_PORT", Severity: Critical, Title: "nothing listens at internal_port",
			Why:  "Fly Proxy cannot connect to the program (PC01): every request fails",
			Docs: docs("monitoring/error-codes/"), Needs: needs,
			find: listening(rules.OnOtherPort, "which port does the program listen on? Set internal_port to it"),
		},
		{
			ID: "LISTEN_6PN_ONLY", Severity: Critical, Title: "the program listens on the private IPv6 address only",
			Why:  "callers of .internal reach it, and Fly Proxy, and so Flycast, does not",
			Docs: docs("networking/flycast/"), Needs: needs,
			find: listening(rules.OnPrivateIP, "make the program listen on 0.0.0.0 or [::], and deploy it with fly deploy"),
		},
		{
			ID: "LISTEN_EXTRA_PORTS", Severity: Info, Title: "other ports are open on the private network",
			Why:  "every app on the network can connect to what listens on the Machine's addresses",
			Docs: docs("networking/private-networking/"), Needs: needs, find: extraPorts,
		},
	}
}

func listening(where rules.ListenPlace, fix string) func(*Facts) []match {
	return func(f *Facts) []match {
		var out []match
		for _, p := range f.State.ListenProblems() {
			if p.Where == where {
				out = append(out, match{
					evidence: fmt.Sprintf("Machine %s: port %d is %s", p.Machine, p.Port, p.Where), remedy: decide(fix),
				})
			}
		}
		return out
	}
}

func extraPorts(f *Facts) []match {
	return f.each(func(u *unit) string {
		served := func(n int) bool {
			return slices.ContainsFunc(u.services, func(s machine.Service) bool { return s.InternalPort == n })
		}
		var open []string
		for _, p := range rules.OpenSockets(f.State.Listening[u.ID]) {
			if text := fmt.Sprint(p); !served(p) && !slices.Contains(open, text) {
				open = append(open, text)
			}
		}
		if len(open) == 0 {
			return ""
		}
		return "port " + strings.Join(open, ", ") + " is open"
	}, asked("is the port meant for other apps?"))
}
