// Package fault reads the faults and events of an emulated platform from text: a script in TOML
// ([ParseScript]), words of a command line ([Parse]) and JSON ([DecodeFault], [DecodeEvent]). All
// three have the same keys; docs/flysim.md describes them.
//
//	script, err := fault.Parse("ip.release status=502 times=2")
//	platform.Play(script)
package fault

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// ScriptError is a mistake in a script.
type ScriptError struct {
	Line    int    // in the file; 0: unknown, or there is no file
	Key     string // such as fault.status; empty: the file is not valid TOML
	Message string
}

// Error implements [error].
func (e *ScriptError) Error() string {
	text := e.Message
	if e.Key != "" {
		text = e.Key + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d: %s", e.Line, text)
	}
	return text
}

// MaxEntries is how many faults and events a script can have.
const MaxEntries = 1000

// ParseScript parses a script in TOML. Unknown keys are refused. The error is a [*ScriptError]
// about the first mistake.
func ParseScript(data []byte) (flysim.Script, error) {
	var file struct {
		Seed   int64        `toml:"seed"`
		Faults []faultTable `toml:"fault"`
		Events []eventTable `toml:"event"`
	}
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&file); err != nil {
		return flysim.Script{}, decodeError(err)
	}
	if len(file.Faults)+len(file.Events) > MaxEntries {
		return flysim.Script{}, &ScriptError{Message: fmt.Sprintf("more than %d faults and events", MaxEntries)}
	}
	script := flysim.Script{Seed: file.Seed}
	for i, table := range file.Faults {
		fault, err := table.fault()
		if err != nil {
			return flysim.Script{}, located(data, "fault", i, err)
		}
		script.Faults = append(script.Faults, fault)
	}
	for i, table := range file.Events {
		event, err := table.event()
		if err != nil {
			return flysim.Script{}, located(data, "event", i, err)
		}
		script.Events = append(script.Events, event)
	}
	return script, nil
}

// decodeError returns the [*ScriptError] for a mistake that the TOML decoder found.
func decodeError(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		line, _ := first.Position()
		return &ScriptError{Line: line, Key: strings.Join(first.Key(), "."), Message: "unknown key"}
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, _ := decode.Position()
		return &ScriptError{Line: line, Key: strings.Join(decode.Key(), "."),
			Message: strings.TrimPrefix(decode.Error(), "toml: ")}
	}
	return &ScriptError{Message: strings.TrimPrefix(err.Error(), "toml: ")}
}

// located adds to a mistake in the nth table of a kind where it is in the file: the line of its
// key, or else of the table's header.
func located(data []byte, kind string, n int, err error) error {
	var mistake *keyError
	if !errors.As(err, &mistake) {
		return err
	}
	e := &ScriptError{Key: kind, Message: mistake.message}
	if mistake.key != "" {
		e.Key += "." + mistake.key
	}
	var parser unstable.Parser
	parser.Reset(data)
	inside, seen := false, -1
	for parser.NextExpression() {
		expression := parser.Expression()
		keys := expression.Key()
		if !keys.Next() {
			continue
		}
		name := keys.Node()
		line := parser.Shape(name.Raw).Start.Line
		switch {
		case expression.Kind == unstable.ArrayTable && string(name.Data) == kind && keys.IsLast():
			if seen++; seen == n {
				e.Line = line
			}
			inside = seen == n
		case expression.Kind == unstable.ArrayTable || expression.Kind == unstable.Table:
			inside = false
		case inside && string(name.Data) == mistake.key:
			e.Line = line
			return e
		}
	}
	return e
}
