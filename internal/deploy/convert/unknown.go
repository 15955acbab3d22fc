package convert

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// convertedObjects are the objects that a conversion writes anew, as Fly's API documents
// them (fly-go's MachineConfig).
type convertedObjects struct {
	Services []machine.Service        `json:"services"`
	Checks   map[string]machine.Check `json:"checks"`
	Guest    machine.Guest            `json:"guest"`
	Restart  struct {
		Policy      string  `json:"policy"`
		MaxRetries  int     `json:"max_retries"`
		GPUBidPrice float64 `json:"gpu_bid_price"`
	} `json:"restart"`
	StopConfig struct {
		Timeout json.RawMessage `json:"timeout"`
		Signal  json.RawMessage `json:"signal"`
	} `json:"stop_config"`
}

// keepUnknown carries the fields that this program does not know from the objects of an
// existing configuration into those that a conversion wrote in their place: a fly.toml has
// no word for them, so it cannot mean to remove them. flyctl would lose them. They go with
// an object that the file no longer has.
func keepUnknown(config, existing machine.Config) (machine.Config, error) {
	for field := range reflect.TypeFor[convertedObjects]().Fields() {
		key := tag(field)
		now, had := config.Raw(key), existing.Raw(key)
		if now == nil || had == nil || string(now) == string(had) {
			continue
		}
		with, carried, err := carry(field.Type, now, had)
		if err != nil {
			return machine.Config{}, fmt.Errorf("machine configuration: field %q: %w", key, err)
		}
		if !carried {
			continue
		}
		if config, err = config.With(key, with); err != nil {
			return machine.Config{}, err
		}
	}
	return config, nil
}

// carry puts the unknown fields of a value into the one of the same type that
// takes its place, and reports whether there were any.
func carry(t reflect.Type, now, had json.RawMessage) (with json.RawMessage, carried bool, err error) {
	switch {
	case t.Kind() == reflect.Pointer:
		return carry(t.Elem(), now, had)
	case t.Kind() == reflect.Struct:
		return carryObject(now, had, fieldsOf(t), true)
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		return carryObject(now, had, func(string) reflect.Type { return t.Elem() }, false)
	case t.Kind() == reflect.Slice && len(identity(t.Elem())) > 0:
		return carryList(t.Elem(), now, had)
	}
	return now, false, nil
}

// carryObject carries the unknown fields of an object. known gives the type of a field, nil
// for one that is unknown; unknown says whether those are carried.
func carryObject(now, had json.RawMessage, known func(key string) reflect.Type,
	unknown bool) (json.RawMessage, bool, error) {
	var to, from map[string]json.RawMessage
	if json.Unmarshal(now, &to) != nil || json.Unmarshal(had, &from) != nil || to == nil {
		return now, false, nil // not of that type: who reads it judges that
	}
	any := false
	for key, value := range from {
		has, there := to[key]
		t := known(key)
		switch {
		case t == nil && unknown && !there:
			to[key], any = value, true
		case t != nil && there:
			with, carried, err := carry(t, has, value)
			if err != nil {
				return nil, false, err
			}
			if carried {
				to[key], any = with, true
			}
		}
	}
	if !any {
		return now, false, nil
	}
	with, err := json.Marshal(to)
	return with, true, err
}

// carryList carries the unknown fields of a list's elements, which are matched by their
// identity. Where two have the same one, nothing is carried between them.
func carryList(t reflect.Type, now, had json.RawMessage) (json.RawMessage, bool, error) {
	var to, from []json.RawMessage
	if json.Unmarshal(now, &to) != nil || json.Unmarshal(had, &from) != nil {
		return now, false, nil
	}
	places, before := placesOf(t, to), placesOf(t, from)
	any := false
	for about, i := range before {
		at, ok := places[about]
		if !ok || i < 0 || at < 0 {
			continue
		}
		with, carried, err := carry(t, to[at], from[i])
		if err != nil {
			return nil, false, err
		}
		if carried {
			to[at], any = with, true
		}
	}
	if !any {
		return now, false, nil
	}
	with, err := json.Marshal(to)
	return with, true, err
}

// placesOf maps the identity of each element to its index: -1 if several have it.
func placesOf(t reflect.Type, list []json.RawMessage) map[string]int {
	places := make(map[string]int)
	for i, raw := range list {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			continue
		}
		var about strings.Builder
		for _, key := range identity(t) {
			fmt.Fprintf(&about, "%s ", fields[key])
		}
		if _, twice := places[about.String()]; twice {
			i = -1
		}
		places[about.String()] = i
	}
	return places
}

// identity lists the fields by which the elements of a list are matched.
func identity(t reflect.Type) []string {
	switch t {
	case reflect.TypeFor[machine.Service]():
		return []string{"protocol", "internal_port"}
	case reflect.TypeFor[machine.Port]():
		return []string{"port", "start_port", "end_port"}
	case reflect.TypeFor[machine.Check]():
		return []string{"type", "port", "method", "path"}
	}
	return nil
}

// fieldsOf gives the types of a struct's fields by their names in JSON.
func fieldsOf(t reflect.Type) func(key string) reflect.Type {
	types := make(map[string]reflect.Type)
	for field := range t.Fields() {
		types[tag(field)] = field.Type
	}
	return func(key string) reflect.Type { return types[key] }
}

func tag(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}
