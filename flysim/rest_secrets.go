package flysim

import (
	"net/http"
	"strconv"
)

// secretRecord is a secret in the Machines API, without its value.
type secretRecord struct {
	Name      string `json:"name"`
	Digest    string `json:"digest"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func (a *appState) secretRecord(name string) secretRecord {
	known := a.secrets.byName[name]
	return secretRecord{name, known.digest, timestamp(known.created), timestamp(known.updated)}
}

func (a *appState) secretRecords() []secretRecord {
	records := []secretRecord{}
	for _, name := range a.secrets.names() {
		records = append(records, a.secretRecord(name))
	}
	return records
}

// appForSecrets finds the app of the path for a read of its secrets. It fails if the request asks for a
// version that does not exist yet.
func (req *apiRequest) appForSecrets() (*appState, error) {
	a, err := req.app()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"version", "min_version"} {
		text := req.URL.Query().Get(name)
		if text == "" {
			continue
		}
		version, err := strconv.ParseUint(text, 10, 64)
		switch {
		case err != nil:
			return nil, invalid("invalid_argument: %s must be a number", name)
		case version > a.secrets.version:
			return nil, notFound("secrets version")
		}
	}
	return a, nil
}

func listSecrets(req *apiRequest) apiAnswer {
	a, err := req.appForSecrets()
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, map[string][]secretRecord{"secrets": a.secretRecords()})
}

func getSecret(req *apiRequest) apiAnswer {
	a, err := req.appForSecrets()
	if err != nil {
		return refuse(err)
	}
	name := req.PathValue("target")
	if _, ok := a.secrets.byName[name]; !ok {
		return refuse(notFound("secret"))
	}
	return reply(http.StatusOK, a.secretRecord(name))
}

// updateSecrets sets the secrets that have a value and removes those that are null.
func updateSecrets(req *apiRequest) apiAnswer {
	var in struct {
		Values map[string]*string `json:"values"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	set, unset := make(map[string]string), []string(nil)
	for name, value := range in.Values {
		switch {
		case !validSecretName(name):
			return refuse(invalid("invalid_argument: %.40q cannot be the name of a secret", name))
		case value == nil:
			unset = append(unset, name)
		default:
			set[name] = *value
		}
	}
	if len(in.Values) == 0 {
		return refuse(invalid("invalid_argument: values is required"))
	}
	s := req.platform.state
	s.setSecrets(a, set, req.now)
	version := s.unsetSecrets(a, unset)
	return reply(http.StatusOK, struct {
		Secrets []secretRecord `json:"secrets"`
		Version uint64         `json:"version"`
	}{a.secretRecords(), version})
}

func setSecret(req *apiRequest) apiAnswer {
	var in struct {
		Value *string `json:"value"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	name := req.PathValue("target")
	switch {
	case in.Value == nil:
		return refuse(invalid("invalid_argument: value is required"))
	case !validSecretName(name):
		return refuse(invalid("invalid_argument: %.40q cannot be the name of a secret", name))
	}
	version := req.platform.state.setSecrets(a, map[string]string{name: *in.Value}, req.now)
	return reply(http.StatusCreated, struct {
		secretRecord
		Version uint64 `json:"version"`
	}{a.secretRecord(name), version})
}

func deleteSecret(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	name := req.PathValue("target")
	if _, ok := a.secrets.byName[name]; !ok {
		return refuse(notFound("secret"))
	}
	return reply(http.StatusOK, map[string]uint64{"version": req.platform.state.unsetSecrets(a, []string{name})})
}
