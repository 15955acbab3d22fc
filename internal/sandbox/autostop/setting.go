package autostop

import (
	"encoding/json"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// defaultSoftLimit is the soft limit of a service that has none (Fly docs,
// "Autostop/autostart").
const defaultSoftLimit = 20

// maxSuspendMemory is the most memory in MB that a suspended Machine can have
// (Fly docs, "Suspend and resume"; another page says 4 GB).
const maxSuspendMemory = 2048

// suspendable is the time since which a Machine must have been updated to be
// suspended (the same page).
func suspendable() time.Time { return time.Date(2024, 6, 20, 20, 0, 0, 0, time.UTC) }

// setting is what a Machine's configuration says about autostop.
type setting struct {
	mode      machine.Autostop
	keep      string // why it is never stopped, empty if it may be
	serves    bool   // it has services
	softLimit int    // the lowest of its services
	minimum   int    // the highest min_machines_running of its services
	primary   string // PRIMARY_REGION
	fallback  string // why stop takes the place of suspend, as far as the configuration tells
}

func read(config machine.Config) setting {
	services, err := config.Services()
	switch {
	case err != nil:
		return setting{keep: "its services cannot be read"}
	case len(services) == 0:
		return setting{keep: "it has no services: autostop is for Machines that Fly Proxy routes to"}
	}
	s := setting{serves: true, mode: machine.AutostopSuspend}
	for _, service := range services {
		mode := machine.AutostopOff
		if service.Autostop != nil {
			mode = *service.Autostop
		}
		switch {
		case mode == machine.AutostopOff:
			s.keep = "autostop is off in " + which(len(services))
		case mode == machine.AutostopStop:
			s.mode = mode
		}
		limit := defaultSoftLimit
		if c := service.Concurrency; c != nil && c.SoftLimit > 0 {
			limit = c.SoftLimit
		}
		if s.softLimit == 0 || limit < s.softLimit {
			s.softLimit = limit
		}
		if service.MinMachinesRunning != nil {
			s.minimum = max(s.minimum, *service.MinMachinesRunning)
		}
	}
	if env, err := config.Env(); err == nil {
		s.primary = env["PRIMARY_REGION"]
	}
	var standbys []string
	if raw := config.Raw("standbys"); raw != nil && (json.Unmarshal(raw, &standbys) != nil || len(standbys) > 0) {
		s.keep = "it is a standby"
	}
	s.fallback = fallback(config)
	return s
}

func which(services int) string {
	if services == 1 {
		return "its service"
	}
	return "one of its services"
}

// fallback is why a Machine of this configuration is stopped where suspend is
// asked for, empty if it is suspended.
func fallback(config machine.Config) string {
	guest, err := config.Guest()
	if err == nil && guest != nil {
		switch {
		case guest.MemoryMB > maxSuspendMemory:
			return "it has more than 2 GB of memory"
		case guest.GPUKind != "" || guest.GPUs > 0:
			return "it has a GPU"
		}
	}
	var init struct {
		Swap int `json:"swap_size_mb"`
	}
	var schedule string
	switch {
	case json.Unmarshal(config.Raw("init"), &init) == nil && init.Swap > 0:
		return "it has swap"
	case json.Unmarshal(config.Raw("schedule"), &schedule) == nil && schedule != "":
		return "it has a schedule"
	}
	return ""
}

// fallbackOf is fallback, and the age of the Machine.
func (s setting) fallbackOf(b sandbox.Backend) string {
	if s.fallback == "" && b.Updated.Before(suspendable()) {
		return "it was last updated before June 20, 2024"
	}
	return s.fallback
}
