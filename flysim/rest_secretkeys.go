package flysim

import (
	"maps"
	"net/http"
	"slices"
)

// secretKeyRecord is a key in the Machines API.
type secretKeyRecord struct {
	Name   string `json:"name"`
	Kind   string `json:"type"`
	Public []byte `json:"public_key,omitempty"`
}

func (a *appState) secretKeyRecord(name string) secretKeyRecord {
	key := a.secrets.keys[name]
	return secretKeyRecord{name, key.kind, []byte(key.public)}
}

func listSecretKeys(req *apiRequest) apiAnswer {
	a, err := req.appForSecrets()
	if err != nil {
		return refuse(err)
	}
	records := []secretKeyRecord{}
	for _, name := range slices.Sorted(maps.Keys(a.secrets.keys)) {
		records = append(records, a.secretKeyRecord(name))
	}
	return reply(http.StatusOK, map[string][]secretKeyRecord{"secret_keys": records})
}

func getSecretKey(req *apiRequest) apiAnswer {
	a, err := req.appForSecrets()
	if err != nil {
		return refuse(err)
	}
	name := req.PathValue("target")
	if a.secrets.keys[name] == nil {
		return refuse(notFound("secret key"))
	}
	return reply(http.StatusOK, a.secretKeyRecord(name))
}

// keyKinds returns the types of keys, and whether each has a public half.
func keyKinds() map[string]bool {
	return map[string]bool{
		"es256": true, "hs256": false, "hs384": false, "hs512": false, "xaes256gcm": false,
		"nacl_auth": false, "nacl_box": true, "nacl_secretbox": false, "nacl_sign": true,
	}
}

// setSecretKey stores a key that the client sends, without its value, or generates one.
func setSecretKey(req *apiRequest) apiAnswer {
	var in struct {
		Kind  string `json:"type"`
		Value []byte `json:"value"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	name := req.PathValue("target")
	pair, known := keyKinds()[in.Kind]
	switch {
	case !known:
		return refuse(invalid("invalid_argument: type %.40q is not known", in.Kind))
	case !validSecretName(name):
		return refuse(invalid("invalid_argument: %.40q cannot be the name of a key", name))
	}
	key := &appKey{kind: in.Kind}
	if pair {
		key.public = req.platform.state.ids.opaque("secret key", "", 32)
	}
	if a.secrets.keys == nil {
		a.secrets.keys = make(map[string]*appKey)
	}
	a.secrets.keys[name] = key
	return reply(http.StatusCreated, struct {
		secretKeyRecord
		Version uint64 `json:"version"`
	}{a.secretKeyRecord(name), a.secrets.next(true)})
}

func deleteSecretKey(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	name := req.PathValue("target")
	if a.secrets.keys[name] == nil {
		return refuse(notFound("secret key"))
	}
	delete(a.secrets.keys, name)
	return reply(http.StatusOK, map[string]uint64{"version": a.secrets.next(true)})
}
