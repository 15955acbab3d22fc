package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// sleepingRules are about autostop and autostart: section 2.4 of the catalogue.
func sleepingRules() []Rule {
	on := []Input{Machines}
	autostop := docs("launch/autostop-autostart/")
	return []Rule{
		{
			ID: "AUTOSTOP_UNSET", Severity: Error, Title: "autostop is not set",
			Why: "the default is off: an idle Machine runs, and is billed, for ever", Docs: autostop, Needs: on,
			find: neverStops(func(a *machine.Autostop) bool { return a == nil }, "sets no autostop"),
		},
		{
			ID: "AUTOSTOP_OFF", Severity: Error, Title: "autostop is off",
			Why: "an idle Machine runs, and is billed, for ever", Docs: autostop, Needs: on,
			find: neverStops(func(a *machine.Autostop) bool { return a != nil && *a == machine.AutostopOff },
				"has autostop off"),
		},
		{
			ID: "AUTOSTOP_WRONG_FIELD_NAME", Severity: Error, Title: "a service has the field names of fly.toml",
			Why:  "the Machines API takes autostop, autostart and min_machines_running: other names do nothing",
			Docs: docs("machines/api/machines-resource/"), Needs: on, find: wrongFieldName,
		},
		{
			ID: "AUTOSTART_DISABLED", Severity: Critical, Title: "Machines stop and no request starts them",
			Why:  "after the first idle minutes every request fails until a person starts a Machine",
			Docs: autostop, Needs: on, find: notStarted,
		},
		{
			ID: "AUTOSTOP_MIXED_SERVICES", Severity: Warning, Title: "the services of a Machine differ in autostop",
			Why:  "one service without autostop keeps the Machine awake for all",
			Docs: autostop, Needs: on, find: mixedServices,
		},
		{
			ID: "DISABLE_MACHINE_AUTOSTART_SET", Severity: Error, Title: "disable_machine_autostart is set",
			Why:  "the old setting keeps requests from starting the Machine, whatever its services say",
			Docs: autostop, Needs: on, find: oldAutostart,
		},
		{
			ID: "MIN_MACHINES_NONZERO", Severity: Error, Title: "a minimum of running Machines",
			Why:  "so many Machines of the primary region always run",
			Docs: autostop, Needs: on, find: minimum,
		},
		{
			ID: "MIN_MACHINES_NO_PRIMARY", Severity: Warning, Title: "a minimum without a Machine in the primary region",
			Why:  "the minimum counts in the primary region only, so it has no effect",
			Docs: autostop, Needs: on, find: minimumWithoutPrimary,
		},
		{
			ID: "MIN_MACHINES_EQ_COUNT", Severity: Warning, Title: "the minimum is the number of Machines",
			Why:  "no Machine of the primary region ever stops",
			Docs: autostop, Needs: on, find: minimumOfAll,
		},
		{
			ID: "BACKGROUND_WORK_AUTOSTOP", Severity: Warning, Title: "background work in a Machine that sleeps",
			Why:  "work that is not a request does not count as load: it is cut off when the Machine stops",
			Docs: docs("blueprints/long-running-tasks/"), Needs: on, find: backgroundWork,
		},
		{
			ID: "STATEFUL_ROOTFS_AUTOSTOP", Severity: Blocker, Title: "data outside a volume in a Machine that sleeps",
			Why:  "a stop resets the root file system: what the program stored there is lost",
			Docs: docs("volumes/overview/"), Needs: on, find: statefulRoot,
		},
		{
			ID: "SINGLE_VOLUME_MACHINE", Severity: Warning, Title: "one Machine with one volume",
			Why:  "a volume is on one host: if the host is down, nothing can take over",
			Docs: docs("volumes/overview/"), Needs: on, find: singleVolume,
		},
		{
			ID: "RESTART_ALWAYS_AUTOSTOP", Severity: Warning, Title: `restart policy "always" on a Machine that sleeps`,
			Why:  "a program that ends by itself is started again, and the Machine does not rest",
			Docs: docs("machines/guides-examples/machine-restart-policy/"), Needs: on, find: restartsAlways,
		},
		{
			ID: "STANDBY_WITH_SERVICES", Severity: Warning, Title: "a standby has services",
			Why:  "a standby is for groups without services; it would begin to serve requests",
			Docs: docs("reference/app-availability/"), Needs: on, find: servingStandby,
		},
		{
			ID: "MACHINE_NO_SERVICES_NEVER_STOPS", Severity: Info, Title: "a group without services runs for ever",
			Why:  "autostop is for Machines that Fly Proxy routes to; a worker runs until it ends",
			Docs: autostop, Needs: on, find: workers,
		},
		{
			ID: "TOO_MANY_MACHINES", Severity: Warning, Title: "many Machines that sleep in one region",
			Why:  "Fly stops one Machine of a region every few minutes: it takes hours until all are stopped",
			Docs: autostop, Needs: on, find: manyMachines,
		},
	}
}

// udpSleeps is the question about autostop of a Machine that serves UDP.
const udpSleeps = "a datagram starts no stopped Machine: does another caller use TCP often enough to keep the UDP service reachable?"

func servesUDP(u *unit) bool { return slices.ContainsFunc(u.services, machine.Service.IsUDP) }

func neverStops(holds func(*machine.Autostop) bool, what string) func(*Facts) []match {
	return func(f *Facts) []match {
		udp := slices.ContainsFunc(f.units, func(u unit) bool { return servesUDP(&u) })
		fix := f.patch(plan.Arguments{Autostop: "stop"}, "lets idle Machines stop, if the user wants that")
		if udp {
			fix = asked(udpSleeps)
		}
		return f.each(eachService(func(u *unit, s machine.Service) string {
			if s.IsRouted() && holds(s.Autostop) && u.stateful == nil {
				return "the service at " + internalPort(s) + " " + what
			}
			return ""
		}), fix)
	}
}

func wrongFieldName(f *Facts) []match {
	return f.each(func(u *unit) string {
		var list []map[string]json.RawMessage
		if json.Unmarshal(u.Config.Raw("services"), &list) != nil {
			return ""
		}
		for _, s := range list {
			for _, key := range slices.Sorted(maps.Keys(s)) {
				if strings.HasPrefix(key, "auto_") || strings.HasPrefix(key, "min_machines") && key != "min_machines_running" {
					return "the service has the field " + plan.Quote(key)
				}
			}
		}
		return ""
	}, f.patch(plan.Arguments{}, "writes the settings under their right names"))
}

func notStarted(f *Facts) []match {
	return f.each(func(u *unit) string {
		if !u.sleeps() || !machine.AnyRouted(u.services) || machine.AnyWoken(u.services) {
			return ""
		}
		return "autostop is on and autostart is off"
	}, f.patch(plan.Arguments{}, "sets autostart"))
}

func mixedServices(f *Facts) []match {
	return f.each(func(u *unit) string {
		var modes []string
		for _, s := range u.services {
			mode := machine.AutostopOff
			if s.Autostop != nil {
				mode = *s.Autostop
			}
			if !slices.Contains(modes, mode.String()) {
				modes = append(modes, mode.String())
			}
		}
		if len(modes) < 2 {
			return ""
		}
		return "autostop is " + strings.Join(modes, " and ") + " in its services"
	}, f.patch(plan.Arguments{Autostop: "stop"}, "sets one value in all services"))
}

// hasOldAutostart returns what the old setting says, empty if it is not set.
func hasOldAutostart(u *unit) string {
	var on bool
	if json.Unmarshal(u.Config.Raw("disable_machine_autostart"), &on) != nil || !on {
		return ""
	}
	return "disable_machine_autostart is true"
}

func oldAutostart(f *Facts) []match {
	return f.each(hasOldAutostart, f.machineCommand("update", "an update without the setting removes it", hasOldAutostart))
}

func minimum(f *Facts) []match {
	zero := 0
	return f.each(func(u *unit) string {
		if n := machine.Minimum(u.services); n > 0 && u.sleeps() {
			return fmt.Sprintf("min_machines_running is %d", n)
		}
		return ""
	}, f.patch(plan.Arguments{MinMachines: &zero}, "lets the last Machine stop, if the user wants that"))
}

// inPrimary returns the minimum of a group, its primary region, and how many of its Machines
// are there.
func (f *Facts) inPrimary(group string) (n int, primary string, there int) {
	for i := range f.units {
		if u := &f.units[i]; u.group == group {
			n = max(n, machine.Minimum(u.services))
			if u.primary != "" {
				primary = u.primary
			}
		}
	}
	for i := range f.units {
		if u := &f.units[i]; u.group == group && u.Region == primary {
			there++
		}
	}
	return n, primary, there
}

func minimumWithoutPrimary(f *Facts) []match {
	var out []match
	for _, group := range f.groups {
		if n, primary, there := f.inPrimary(group); n > 0 && there == 0 {
			where := "and no primary region"
			if primary != "" {
				where = "and no Machine in the primary region " + plan.Quote(primary)
			}
			out = append(out, match{
				evidence: fmt.Sprintf("group %s has min_machines_running %d, %s", plan.Quote(group), n, where),
				remedy:   edit("set primary_region to a region that has Machines of the group")(nil),
			})
		}
	}
	return out
}

func minimumOfAll(f *Facts) []match {
	var out []match
	for _, group := range f.groups {
		if n, primary, there := f.inPrimary(group); n > 0 && there > 0 && n >= there {
			lower := max(there-1, 0)
			out = append(out, match{
				evidence: fmt.Sprintf("group %s has min_machines_running %d, and %s in %s", plan.Quote(group), n,
					plan.Machines(there), plan.Quote(primary)),
				remedy: f.patch(plan.Arguments{MinMachines: &lower}, "lets one Machine more stop")([]string{group}),
			})
		}
	}
	return out
}

// workWords are parts of names of programs that work without requests.
func workWords() []string {
	return []string{"sidekiq", "celery", "resque", "cron", "worker", "queue", "scheduler", "delayed_job", "rq", "bullmq"}
}

// backgroundWord returns the word in the group or the command of a Machine that speaks for
// background work, empty if there is none.
func backgroundWord(u *unit) string {
	texts := []string{u.group}
	var init struct {
		Cmd, Exec, Entrypoint []string
	}
	if json.Unmarshal(u.Config.Raw("init"), &init) == nil {
		texts = slices.Concat(texts, init.Entrypoint, init.Exec, init.Cmd)
	}
	for _, text := range texts {
		words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" /.:-", r) })
		for _, word := range workWords() {
			if slices.Contains(words, word) {
				return word
			}
		}
	}
	return ""
}

func backgroundWork(f *Facts) []match {
	return f.each(func(u *unit) string {
		if word := backgroundWord(u); word != "" && u.sleeps() {
			return fmt.Sprintf("%q in its group or command", word)
		}
		return ""
	}, asked("does the program work without requests? If so, give that work a group without services, or autostop off"))
}

func statefulRoot(f *Facts) []match {
	return f.each(func(u *unit) string {
		if u.stateful == nil || len(u.mounts) > 0 || !u.sleeps() {
			return ""
		}
		return "the image looks like " + u.stateful.Name + ", and no volume is mounted"
	}, asked("is the data needed? If so, mount a volume first, or set autostop off"))
}

func singleVolume(f *Facts) []match {
	number := make(map[string]int)
	for _, u := range f.units {
		number[u.group]++
	}
	return f.each(func(u *unit) string {
		if len(u.mounts) == 0 || number[u.group] > 1 || u.Config.RunsTask() {
			return ""
		}
		return "it is the only one of its group, and has a volume"
	}, asked("is a second Machine with a copy of the data worth its price?"))
}

func restartsAlways(f *Facts) []match {
	return f.each(func(u *unit) string {
		var restart struct{ Policy string }
		if json.Unmarshal(u.Config.Raw("restart"), &restart) != nil || restart.Policy != "always" || !u.sleeps() {
			return ""
		}
		return `restart policy is "always"`
	}, edit(`set policy = "on-failure" in [[restart]]`))
}

func servingStandby(f *Facts) []match {
	return f.each(func(u *unit) string {
		if !u.Config.IsStandby() || len(u.services) == 0 {
			return ""
		}
		return "it is a standby with services"
	}, asked("is it to serve requests? Then the next deploy makes it an ordinary Machine"))
}

func workers(f *Facts) []match {
	return f.each(func(u *unit) string {
		if len(u.services) > 0 || u.State != "started" || u.Config.RunsTask() || u.Config.IsOneCommand() {
			return ""
		}
		return "group " + plan.Quote(u.group) + " has no services"
	}, none("workers run until they end by themselves"))
}

// manyInRegion is from when on autostop takes hours.
const manyInRegion = 20

func manyMachines(f *Facts) []match {
	number := make(map[string]int)
	for i := range f.units {
		if u := &f.units[i]; u.sleeps() {
			number[u.Region]++
		}
	}
	var out []match
	for _, region := range slices.Sorted(maps.Keys(number)) {
		if number[region] > manyInRegion {
			out = append(out, match{
				evidence: fmt.Sprintf("%s in %s", plan.Machines(number[region]), plan.Quote(region)),
				remedy:   command("fly scale count N --region "+region+" -a "+f.App, "if fewer are enough"),
			})
		}
	}
	return out
}
