package flysim

import (
	"encoding/json"
	"time"
)

// parsedConfig is what the API needs of a configuration again and again, read once
// for each version.
type parsedConfig struct {
	document      json.RawMessage
	probes        []probe
	image         imageRecord
	metadata      map[string]string
	group         string // the process group
	killTimeout   time.Duration
	unsuspendable string // why it is stopped where suspend is asked for
}

// parse is the present configuration's.
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
		document = json.RawMessage("{}") // cannot be: it was read from JSON
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

// killTimeoutOf is how long a program has to end by its stop_config.
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
