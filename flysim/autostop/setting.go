package autostop

import (
	"encoding/json"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// autostopSetting is what a Machine's configuration says about autostop.
type autostopSetting struct {
	mode      spec.Autostop
	keep      string // why it is never stopped, empty if it may be
	serves    bool   // it has services
	softLimit int    // the lowest of its services
	minimum   int    // the highest min_machines_running of its services
	primary   string // PRIMARY_REGION
}

func read(config spec.Config) autostopSetting {
	services, err := config.Services()
	switch {
	case err != nil:
		return autostopSetting{keep: "its services cannot be read"}
	case len(services) == 0:
		return autostopSetting{keep: "it has no services: autostop is for Machines that Fly Proxy routes to"}
	}
	s := autostopSetting{serves: true, mode: spec.AutostopSuspend}
	for _, service := range services {
		switch service.Autostop {
		case spec.AutostopOff:
			s.keep = "autostop is off in " + which(len(services))
		case spec.AutostopStop:
			s.mode = spec.AutostopStop
		}
		if limit := service.Limits().Soft; s.softLimit == 0 || limit < s.softLimit {
			s.softLimit = limit
		}
		s.minimum = max(s.minimum, service.MinRunning)
	}
	if env, err := config.Env(); err == nil {
		s.primary = env["PRIMARY_REGION"]
	}
	var standbys []string
	if raw := config.Raw("standbys"); raw != nil && (json.Unmarshal(raw, &standbys) != nil || len(standbys) > 0) {
		s.keep = "it is a standby"
	}
	return s
}

func which(services int) string {
	if services == 1 {
		return "its service"
	}
	return "one of its services"
}
