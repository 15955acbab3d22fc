package flysim

import (
	"encoding/json"
	"time"
)

// parsedConfig is what the API often needs of a configuration, parsed once for each version.
type parsedConfig struct {
	document      json.RawMessage
	probes        []probe
	image         imageRecord
	metadata      map[string]string
	group         string // the process group
	killTimeout   time.Duration
	unsuspendable string // why a Machine with it is stopped instead of suspended
}

// parse returns the parsed current configuration.
func (m *vm) parse() *parsedConfig {
	if m.parsed != nil {
		return m.parsed
	}
	image := parseImage(m.config.Image())
	if image.digest == "" {
		image.digest = digestOf(image.String())
	}
	document, err := json.Marshal(m.config)
	if err != nil {
		document = json.RawMessage("{}") // cannot happen: it was read from JSON
	}
	metadata, err := m.config.Metadata()
	if err != nil {
		metadata = nil
	}
	m.parsed = &parsedConfig{
		document: document,
		probes:   probesOf(m.config),
		image:    imageRecord{Registry: image.registry, Repository: image.repository, Tag: image.tag, Digest: image.digest},
		metadata: metadata, group: m.config.ProcessGroup(),
		killTimeout: killTimeoutOf(m.config.Raw("stop_config")), unsuspendable: unsuspendable(m.config),
	}
	return m.parsed
}

// killTimeoutOf returns how long a stop_config gives a program to end.
func killTimeoutOf(raw json.RawMessage) time.Duration {
	var config struct {
		Timeout json.RawMessage `json:"timeout"`
	}
	if raw == nil || json.Unmarshal(raw, &config) != nil {
		return killTimeout
	}
	if d, err := parseDuration(config.Timeout); err == nil && d > 0 {
		return d
	}
	return killTimeout
}
