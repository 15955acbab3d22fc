package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// Parse parses one fault or event of a command line:
//
//	ip.release status=502 times=2
//	machine.* reset=after chance=0.2
//	clock jump=1h at=30s
//	event app=shop-api machine=0 do=crash at=1m
//
// The first word is the operation of a fault ("*" for every operation), or `event`, or `clock`,
// which is the same as `event` and reads better. The keys and their meaning are those of a script.
// `effect` and `truncate` need no value, `listen` takes addresses separated by commas, and a value
// with spaces is written in double quotes, with the escapes of Go.
func Parse(line string) (flysim.Script, error) {
	list, err := splitLine(line)
	if err != nil {
		return flysim.Script{}, err
	}
	if len(list) == 0 {
		return flysim.Script{}, errors.New("want an operation and what goes wrong, such as: ip.release status=502")
	}
	values := make(map[string]json.RawMessage)
	for _, w := range list[1:] {
		if _, twice := values[w.key]; twice {
			return flysim.Script{}, &keyError{w.key, "given twice"}
		}
		if values[w.key], err = w.json(); err != nil {
			return flysim.Script{}, err
		}
	}
	first := list[0]
	if first.given {
		return flysim.Script{}, &keyError{first.key, "the operation must come first; * means every operation"}
	}
	event := first.key == "event" || first.key == "clock"
	if !event {
		if _, twice := values["operation"]; twice {
			return flysim.Script{}, &keyError{"operation", "given twice"}
		}
		if first.key == "*" {
			first.key = ""
		}
		values["operation"] = quoteJSON(first.key)
	}
	document, err := json.Marshal(values)
	if err != nil {
		return flysim.Script{}, err
	}
	if event {
		e, err := DecodeEvent(document)
		return flysim.Script{Events: []flysim.Event{e}}, err
	}
	f, err := DecodeFault(document)
	return flysim.Script{Faults: []flysim.Fault{f}}, err
}

// DecodeFault decodes a fault from JSON.
func DecodeFault(document []byte) (flysim.Fault, error) {
	var table faultTable
	if err := decodeTable(document, &table); err != nil {
		return flysim.Fault{}, err
	}
	return table.fault()
}

// DecodeEvent decodes an event from JSON.
func DecodeEvent(document []byte) (flysim.Event, error) {
	var table eventTable
	if err := decodeTable(document, &table); err != nil {
		return flysim.Event{}, err
	}
	return table.event()
}

// decodeTable decodes one document. An unknown key is an error, and so is anything after the
// document.
func decodeTable[T faultTable | eventTable](document []byte, table *T) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(table)
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch):
		return &keyError{mismatch.Field, "a " + mismatch.Value + " does not fit"}
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	case decoder.More():
		return errors.New("more than one document")
	}
	return nil
}

// word is one word of a line.
type word struct {
	key, value string
	given      bool // whether it has a value
}

// splitLine splits at spaces outside of quotes.
func splitLine(line string) ([]word, error) {
	var list []word
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		end := strings.IndexAny(rest, " \t\r\n=")
		if end < 0 {
			end = len(rest)
		}
		w := word{key: rest[:end]}
		if rest = rest[end:]; strings.HasPrefix(rest, "=") {
			w.given, rest = true, rest[1:]
			if strings.HasPrefix(rest, `"`) {
				quoted, err := strconv.QuotedPrefix(rest)
				if err != nil {
					return nil, &keyError{w.key, "the quotes are not closed"}
				}
				w.value, _ = strconv.Unquote(quoted) // it is quoted
				rest = rest[len(quoted):]
			} else {
				end := strings.IndexAny(rest, " \t\r\n")
				if end < 0 {
					end = len(rest)
				}
				w.value, rest = rest[:end], rest[end:]
			}
		}
		list = append(list, w)
	}
	return list, nil
}

// json returns the word's value as JSON of the kind that its key expects.
func (w word) json() (json.RawMessage, error) {
	switch w.key {
	case "after", "times", "status", "chance", "speed":
		if _, err := strconv.ParseFloat(w.value, 64); err != nil || !json.Valid([]byte(w.value)) {
			return nil, &keyError{w.key, fmt.Sprintf("%.40q is not a number", w.value)}
		}
		return json.RawMessage(w.value), nil
	case "effect", "truncate":
		if !w.given {
			return json.RawMessage("true"), nil
		}
		if w.value != "true" && w.value != "false" {
			return nil, &keyError{w.key, fmt.Sprintf("%.40q is neither true nor false", w.value)}
		}
		return json.RawMessage(w.value), nil
	case "listen":
		if w.value == "" {
			return json.RawMessage("[]"), nil
		}
		return json.Marshal(strings.Split(w.value, ","))
	}
	if !w.given {
		return nil, &keyError{w.key, "has no value"}
	}
	return quoteJSON(w.value), nil
}

func quoteJSON(s string) json.RawMessage {
	raw, _ := json.Marshal(s) // a string always marshals
	return raw
}

// words builds a line of words; empty values are left out.
type words struct{ strings.Builder }

func (l *words) add(key, value string) {
	if value == "" {
		return
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' }) {
		value = strconv.Quote(value)
	}
	l.WriteString(" " + key + "=" + value)
}

func (l *words) span(key string, d time.Duration) {
	if d != 0 {
		l.add(key, d.String())
	}
}

func (l *words) number(key string, n int) {
	if n != 0 {
		l.add(key, strconv.Itoa(n))
	}
}

func (l *words) flag(key string, on bool) {
	if on {
		l.WriteString(" " + key)
	}
}

// Line returns a fault in the form that [Parse] reads. Before is left out.
func Line(f flysim.Fault) string {
	var l words
	if l.WriteString(f.Operation); f.Operation == "" {
		l.WriteString("*")
	}
	l.add("app", f.App)
	l.add("target", f.Target)
	l.span("at", f.At)
	l.span("for", f.For)
	l.number("after", f.After)
	l.number("times", f.Times)
	if f.Chance != 0 {
		l.add("chance", strconv.FormatFloat(f.Chance, 'g', -1, 64))
	}
	l.number("status", f.Status)
	l.add("body", f.Body)
	l.add("content_type", f.ContentType)
	l.span("retry_after", f.RetryAfter)
	l.flag("effect", f.EffectThenStatus)
	for _, name := range slices.Sorted(maps.Keys(resets())) {
		if f.Reset == resets()[name] {
			l.add("reset", name)
		}
	}
	l.span("delay", f.Delay)
	l.span("trickle", f.Trickle)
	l.flag("truncate", f.Malformed)
	l.span("jump", f.Jump)
	return l.String()
}

// EventLine returns an event in the form that [Parse] reads.
func EventLine(e flysim.Event) string {
	var l words
	if l.WriteString("event"); e.Clock != nil {
		l.Reset()
		l.WriteString("clock")
	}
	l.span("at", e.At)
	l.span("every", e.Every)
	l.add("app", e.App)
	l.add("machine", e.Machine)
	switch {
	case e.Clock != nil:
		l.span("jump", e.Clock.Jump)
		if e.Clock.Speed != nil {
			l.add("speed", strconv.FormatFloat(*e.Clock.Speed, 'g', -1, 64))
		}
	case e.Do == flysim.DoListen:
		if l.add("listen", strings.Join(e.Listen, ",")); len(e.Listen) == 0 {
			l.WriteString(" listen=")
		}
	case e.Do == flysim.DoLease:
		l.span("lease", e.Lease)
	default:
		l.add("do", string(e.Do))
	}
	return l.String()
}
