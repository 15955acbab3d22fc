package flysim

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
)

func getMetadata(req *apiRequest) apiAnswer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	metadata := m.parse().metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return reply(http.StatusOK, metadata)
}

func getMetadataValue(req *apiRequest) apiAnswer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	value, ok := m.parse().metadata[req.PathValue("key")]
	if !ok {
		return refuse(notFound("metadata key"))
	}
	return reply(http.StatusOK, map[string]string{"value": value})
}

// setMetadata sets one entry. The Machine keeps its version. Its lease is not checked, because
// flyctl sends no nonce here while it holds leases.
func setMetadata(req *apiRequest) apiAnswer {
	var in struct {
		Value *string `json:"value"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	if in.Value == nil {
		return refuse(invalid("invalid_argument: value is required"))
	}
	return editMetadata(req, "", func(metadata map[string]string) { metadata[req.PathValue("key")] = *in.Value })
}

func deleteMetadata(req *apiRequest) apiAnswer {
	return editMetadata(req, "", func(metadata map[string]string) { delete(metadata, req.PathValue("key")) })
}

// patchMetadata sets several entries and removes those that are null or empty. If the request has a
// machine_version, it fails unless that is the Machine's current version.
func patchMetadata(req *apiRequest) apiAnswer {
	var in struct {
		Metadata map[string]*string `json:"metadata"`
		Version  string             `json:"machine_version"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	if in.Metadata == nil {
		return refuse(invalid("invalid_argument: metadata is required"))
	}
	return editMetadata(req, in.Version, func(metadata map[string]string) {
		for key, value := range in.Metadata {
			if value == nil || *value == "" {
				delete(metadata, key)
				continue
			}
			metadata[key] = *value
		}
	})
}

func editMetadata(req *apiRequest, version string, edit func(map[string]string)) apiAnswer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	switch {
	case m.state == "destroyed":
		return refuse(precondition("machine is destroyed"))
	case version != "" && version != m.instance:
		return refuse(precondition("machine %s has version %s, not machine_version", m.id, m.instance))
	}
	metadata := maps.Clone(m.parse().metadata)
	if metadata == nil {
		metadata = make(map[string]string)
	}
	edit(metadata)
	config, err := m.config.With("metadata", metadata)
	if err != nil {
		return refuse(err)
	}
	m.setConfig(config)
	m.updated = req.now
	return apiAnswer{status: http.StatusNoContent}
}

// isNull reports whether a value in a body is absent or null.
func isNull(raw json.RawMessage) bool {
	return len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}
