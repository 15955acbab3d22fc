package tools

import (
	"cmp"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/rollout"
)

// Entries of a Machine's metadata that strategies with more Machines than the
// app has leave on them: flyctl's, and the one of this program's engine by which
// a Machine names the one in whose place it is.
const (
	metadataCanary    = "fly_canary"
	metadataBlueGreen = "fly_bluegreen_deployment_tag"
	metadataReplaces  = "flycast_replaces"
	safeToDestroy     = "safe_to_destroy"
)

// label is one entry of a configuration's metadata.
func label(c machine.Config, key string) string {
	metadata, err := c.Metadata()
	if err != nil {
		return ""
	}
	return metadata[key]
}

// halfExchanged are the groups in which an earlier bluegreen deploy did not come
// to its end. Such a deploy, made again, is given all their Machines, also those
// that have their configuration already: it knows which of them are to go.
func (d *deployment) halfExchanged() map[string]bool {
	groups := make(map[string]bool)
	if d.settings.strategy != rollout.BlueGreen {
		return groups
	}
	there := make(map[string]bool)
	for _, m := range d.snapshot.Machines {
		there[m.ID] = true
	}
	for _, m := range d.snapshot.Machines {
		if label(m.Config, metadataBlueGreen) == safeToDestroy || there[label(m.Config, metadataReplaces)] {
			groups[cmp.Or(m.Config.ProcessGroup(), d.file.DefaultGroup())] = true
		}
	}
	return groups
}
