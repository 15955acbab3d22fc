package flysim

import (
	"encoding/json"
	"time"
)

// reading is what the API needs of a configuration again and again, read once
// for each version.
type reading struct {
	document      json.RawMessage
	probes        []probe
	image         imageRecord
	metadata      map[string]string
	group         string // the process group
	killTimeout   time.Duration
	unsuspendable string // why it is stopped where suspend is asked for
}

// reading is the present configuration's.
func (m *vm) reading() *reading {
	if m.read != nil {
		return m.read
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
	m.read = &reading{
		document: document,
		probes:   probesOf(m.config),
		image:    imageRecord{Registry: image.registry, Repository: image.repository, Tag: image.tag, Digest: image.digest},
		metadata: metadata, group: m.config.ProcessGroup(),
		killTimeout: killTimeoutOf(m.config.Raw("stop_config")), unsuspendable: unsuspendable(m.config),
	}
	return m.read
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
