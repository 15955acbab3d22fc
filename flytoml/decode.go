package flytoml

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// define makes a Definition from a decoded document as flyctl does: it translates
// old spellings in the generic document, writes it as JSON, and reads the JSON.
// The detour through JSON is deliberate: encoding/json matches key names in any
// case, refuses a quoted number, and drops unknown keys, and so flyctl does too.
//
// On an error only App is set in the Definition, as in flyctl.
func define(doc map[string]any) (*Definition, error) {
	def := &Definition{}
	err := func() error {
		patched, err := legacy.Translate(legacy.CloneTable(doc))
		if err != nil {
			return err
		}
		data, err := appendJSON(make([]byte, 0, 8<<10), patched)
		if err != nil {
			return err
		}
		return json.Unmarshal(data, def)
	}()
	if err != nil {
		app, _ := doc["app"].(string)
		return &Definition{App: app}, inFlyctlsWords(err)
	}
	return def, nil
}

// inFlyctlsWords rewrites a type mismatch with the type names that flyctl's message has.
func inFlyctlsWords(err error) error {
	var mismatch *json.UnmarshalTypeError
	if !errors.As(err, &mismatch) {
		return err
	}
	if mismatch.Struct == "" && mismatch.Field == "" {
		return fmt.Errorf("json: cannot unmarshal %s into Go value of type %s",
			mismatch.Value, legacy.TypeNames().Replace(mismatch.Type.String()))
	}
	name := mismatch.Struct
	switch name {
	case "Definition":
		name = "Config"
	case "GuestFile":
		name = "File"
	case "Port":
		name = "MachinePort"
	case "Concurrency":
		name = "MachineServiceConcurrency"
	case "HTTPResponse":
		name = "HTTPResponseOptions"
	case "wireStop":
		name = "StopConfig"
	}
	if name != "" { // the unexported copies of fly-go's structs
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	return fmt.Errorf("json: cannot unmarshal %s into Go struct field %s.%s of type %s",
		mismatch.Value, name, mismatch.Field, legacy.TypeNames().Replace(mismatch.Type.String()))
}

// Duration is a length of time. In JSON it is a Go duration string, or a number
// of nanoseconds. (Keys that mean milliseconds or seconds were turned into
// strings before: see package legacy.)
type Duration time.Duration

// String returns the duration as Go writes it: 1m30s.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the String form.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads a Go duration string or a number of nanoseconds.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	switch value := value.(type) {
	case nil:
		*d = 0
	case float64:
		*d = Duration(int64(value))
	case string:
		parsed, err := time.ParseDuration(value)
		if err != nil {
			return err
		}
		*d = Duration(parsed)
	default:
		return fmt.Errorf("unknown duration type: %T", value)
	}
	return nil
}

// text returns the duration as a Machine's configuration has it, nil for nil.
func (d *Duration) text() *string {
	if d == nil {
		return nil
	}
	s := d.String()
	return &s
}

// Autostop is auto_stop_machines: a boolean (true is stop, false is off) or one of off, stop
// and suspend.
type Autostop machine.Autostop

// MarshalJSON writes what fly-go writes: false, true or "suspend".
func (a Autostop) MarshalJSON() ([]byte, error) { return machine.Autostop(a).MarshalJSON() }

// UnmarshalJSON reads a boolean or one of off, stop and suspend.
func (a *Autostop) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && strings.IndexByte(`ntf"`, data[0]) >= 0 {
		return (*machine.Autostop)(a).UnmarshalJSON(data)
	}
	return errors.New("autostop value is not a valid bool or string")
}

// UnmarshalJSON reads a word, or the number that flyctl accepts for it.
func (p *MachinePersistRootfs) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	numbered := []MachinePersistRootfs{"", "never", "restart", "always"}
	var word string
	wrong := json.Unmarshal(data, &word)
	if wrong == nil {
		if word == "none" {
			word = ""
		}
		if !slices.Contains(numbered, MachinePersistRootfs(word)) {
			return fmt.Errorf("invalid persist_rootfs string value %s", outside.Quote(word, 10*excerpt.MaxQuoted))
		}
		*p = MachinePersistRootfs(word)
		return nil
	}
	var n int
	if json.Unmarshal(data, &n) != nil {
		return wrong
	}
	if n < 0 || n >= len(numbered) {
		return fmt.Errorf("invalid persist_rootfs int value %d", n)
	}
	*p = numbered[n]
	return nil
}
