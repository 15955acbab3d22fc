package machine

import (
	"encoding/json"
	"slices"
	"strings"
)

// IsStandby reports whether the Machine is a standby, which starts when another
// Machine fails (Fly docs, "Standby Machines").
func (c Config) IsStandby() bool {
	var standbys []json.RawMessage
	raw := c.Raw("standbys")
	return raw != nil && json.Unmarshal(raw, &standbys) == nil && len(standbys) > 0
}

// IsScheduled reports whether Fly starts the Machine at set times.
func (c Config) IsScheduled() bool {
	raw := strings.TrimSpace(string(c.Raw("schedule")))
	return raw != "" && raw != "null" && raw != `""`
}

// RunsTask reports whether the Machine runs a task instead of serving requests.
func (c Config) RunsTask() bool { return c.AutoDestroy() || c.IsScheduled() }

// ServicesOrNone returns the services of the configuration, or none if they cannot be read.
func (c Config) ServicesOrNone() []Service {
	list, err := c.Services()
	if err != nil {
		return nil
	}
	return list
}

// HasPort reports whether Fly Proxy listens for one of the services of the Machine.
func (c Config) HasPort() bool {
	return slices.ContainsFunc(c.ServicesOrNone(), Service.HasPort)
}
