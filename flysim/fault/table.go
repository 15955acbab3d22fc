package fault

import (
	"fmt"
	"math"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// faultTable is a fault as it is written in a script, in JSON, and, as key=value, on a command
// line.
type faultTable struct {
	Operation string `toml:"operation" json:"operation"`
	App       string `toml:"app" json:"app"`
	Target    string `toml:"target" json:"target"`

	At     string   `toml:"at" json:"at"`
	For    string   `toml:"for" json:"for"`
	After  int      `toml:"after" json:"after"`
	Times  *int     `toml:"times" json:"times"`
	Chance *float64 `toml:"chance" json:"chance"`

	Answer      string `toml:"answer" json:"answer"`
	Status      int    `toml:"status" json:"status"`
	Body        string `toml:"body" json:"body"`
	ContentType string `toml:"content_type" json:"content_type"`
	RetryAfter  string `toml:"retry_after" json:"retry_after"`
	Effect      bool   `toml:"effect" json:"effect"`
	Reset       string `toml:"reset" json:"reset"`
	Delay       string `toml:"delay" json:"delay"`
	Trickle     string `toml:"trickle" json:"trickle"`
	Truncate    bool   `toml:"truncate" json:"truncate"`
	Jump        string `toml:"jump" json:"jump"`
}

// eventTable is an event as it is written in any of the three forms.
type eventTable struct {
	At    string `toml:"at" json:"at"`
	Every string `toml:"every" json:"every"`

	App     string   `toml:"app" json:"app"`
	Machine string   `toml:"machine" json:"machine"`
	Do      string   `toml:"do" json:"do"`
	Listen  []string `toml:"listen" json:"listen"`
	Lease   string   `toml:"lease" json:"lease"`

	Jump  string   `toml:"jump" json:"jump"`
	Speed *float64 `toml:"speed" json:"speed"`
}

// keyError is a mistake in a table, in any of the three forms.
type keyError struct{ key, message string }

// Error implements [error].
func (e *keyError) Error() string {
	if e.key == "" {
		return e.message
	}
	return e.key + ": " + e.message
}

// maxSpan is the longest duration of a script.
const maxSpan = 10 * 365 * 24 * time.Hour

// Duration parses a duration that is given under a key. It must be positive and at most ten years.
func Duration(key, text string) (time.Duration, error) {
	var s spans
	d := s.read(key, text, false)
	return d, s.err
}

// spans parses durations and keeps the first mistake.
type spans struct{ err error }

// read returns the duration, or 0 if there is none. It must be positive; with zero it may be 0.
func (s *spans) read(key, text string, zero bool) time.Duration {
	if text == "" || s.err != nil {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxSpan || d == 0 && !zero {
		s.err = &keyError{key, fmt.Sprintf("%.40q is not a duration such as \"2s\" or \"1h30m\", up to ten years", text)}
	}
	return d
}

// resets returns the values of the key reset.
func resets() map[string]flysim.Reset {
	return map[string]flysim.Reset{"": flysim.ResetNone, "before": flysim.ResetBefore,
		"after": flysim.ResetAfter, "during": flysim.ResetDuring}
}

func (t faultTable) fault() (flysim.Fault, error) {
	var s spans
	retry := s.read("retry_after", t.RetryAfter, false)
	var f flysim.Fault
	switch t.Answer {
	case "":
	case "no_capacity":
		f = flysim.NoCapacity(t.Operation)
	case "host_closed":
		f = flysim.HostClosed(t.Operation)
	case "rate_limited":
		f = flysim.RateLimited(t.Operation, time.Second)
	case "edge":
		f = flysim.EdgeError(t.Operation, http.StatusBadGateway)
		if t.Status != 0 {
			f = flysim.EdgeError(t.Operation, t.Status)
		}
	default:
		return flysim.Fault{},
			&keyError{"answer", fmt.Sprintf("%.40q is not one of no_capacity, host_closed, rate_limited, edge", t.Answer)}
	}
	f.Operation, f.App, f.Target = t.Operation, t.App, t.Target
	f.At, f.For = s.read("at", t.At, true), s.read("for", t.For, false)
	f.Delay, f.Trickle, f.Jump = s.read("delay", t.Delay, false), s.read("trickle", t.Trickle, false),
		s.read("jump", t.Jump, false)
	f.After, f.EffectThenStatus, f.Malformed, f.Reset = t.After, t.Effect, t.Truncate, resets()[t.Reset]
	if t.Times != nil {
		f.Times = *t.Times
	}
	if t.Chance != nil {
		f.Chance = *t.Chance
	}
	if t.Status != 0 {
		f.Status = t.Status
	}
	if t.Body != "" {
		f.Body = t.Body
	}
	if t.ContentType != "" {
		f.ContentType = t.ContentType
	}
	if retry != 0 {
		f.RetryAfter = retry
	}
	if s.err != nil {
		return flysim.Fault{}, s.err
	}
	return f, t.check(f)
}

// check finds combinations that make no sense.
func (t faultTable) check(f flysim.Fault) error {
	_, reset := resets()[t.Reset]
	for _, rule := range []struct {
		broken       bool
		key, message string
	}{
		{!isKnown(t.Operation), "operation",
			fmt.Sprintf("%.60q is not an operation, and not a pattern that matches one", t.Operation)},
		{t.After < 0, "after", "want 0 or more"},
		{t.Times != nil && (*t.Times == 0 || *t.Times < -1), "times", "want 1 or more, or -1 for no end"},
		{t.Chance != nil && !(*t.Chance > 0 && *t.Chance <= 1), "chance", "want a number over 0 and up to 1"},
		{t.Status != 0 && (t.Status < 200 || t.Status > 599), "status", "want 200 to 599"},
		{!reset, "reset", fmt.Sprintf("%.40q is not one of before, during, after", t.Reset)},
		{f.Status == 0 && t.Body != "", "body", "needs a status or an answer"},
		{f.Status == 0 && t.ContentType != "", "content_type", "needs a status or an answer"},
		{strings.ContainsFunc(t.ContentType, func(r rune) bool { return r < ' ' || r > '~' }), "content_type",
			"want printable ASCII"},
		{f.Status == 0 && t.RetryAfter != "", "retry_after", "needs a status or an answer"},
		{f.Status == 0 && t.Effect, "effect", "needs a status or an answer"},
		{f.Reset != flysim.ResetNone && f.Status != 0, "reset",
			"not allowed with a status: a dropped connection has no answer"},
		{f.Reset != flysim.ResetNone && t.Truncate, "truncate", "not allowed with reset"},
		{f.Status != 0 && t.Truncate, "truncate", "not allowed with a status: its body is sent whole"},
		{f.Status == 0 && f.Reset == flysim.ResetNone && f.Delay == 0 && f.Trickle == 0 && f.Jump == 0 && !f.Malformed, "",
			"nothing goes wrong: give one of answer, status, reset, delay, trickle, truncate, jump"},
	} {
		if rule.broken {
			return &keyError{rule.key, rule.message}
		}
	}
	return nil
}

// isKnown reports whether a pattern can match a call. Every GraphQL field counts as known, because
// even one that the platform does not serve can get an answer.
func isKnown(operation string) bool {
	if operation == "" || strings.HasPrefix(operation, "graphql.") {
		_, err := path.Match(operation, "")
		return err == nil
	}
	names := append(flysim.Operations(), "unknown", "graphql.unknown")
	return slices.ContainsFunc(names, func(name string) bool {
		ok, err := path.Match(operation, name)
		return err == nil && ok
	})
}

// minEvery is the shortest time between two repetitions.
const minEvery = time.Second

func (t eventTable) event() (flysim.Event, error) {
	var s spans
	e := flysim.Event{At: s.read("at", t.At, true), Every: s.read("every", t.Every, false)}
	e.Incident = flysim.Incident{App: t.App, Machine: t.Machine, Do: flysim.Action(t.Do), Listen: t.Listen,
		Lease: s.read("lease", t.Lease, false)}
	jump := s.read("jump", t.Jump, false)
	if s.err != nil {
		return flysim.Event{}, s.err
	}
	if t.At == "" {
		e.At = e.Every
	}
	if jump != 0 || t.Speed != nil {
		e.Clock = &flysim.ClockChange{Jump: jump, Speed: t.Speed}
	}
	if t.Listen != nil {
		e.Do = flysim.DoListen
	} else if t.Lease != "" {
		e.Do = flysim.DoLease
	}
	return e, t.check(e)
}

func (t eventTable) check(e flysim.Event) error {
	given := 0
	for _, is := range []bool{t.Do != "", t.Listen != nil, t.Lease != "", e.Clock != nil} {
		if is {
			given++
		}
	}
	for _, rule := range []struct {
		broken       bool
		key, message string
	}{
		{given != 1, "", "give one of do, listen, lease, or jump and speed"},
		{t.Do != "" && !slices.Contains(flysim.Actions(), flysim.Action(t.Do)), "do",
			fmt.Sprintf("%.40q is not one of %s", t.Do, actionWords())},
		{slices.ContainsFunc(t.Listen, func(s string) bool { return !flysim.CanListen(s) }), "listen",
			`want addresses such as "0.0.0.0:8080" or "udp://[::]:53"`},
		{e.Clock == nil && t.App == "", "app", "want the app of the Machines"},
		{e.Clock != nil && t.App != "", "app", "not allowed with the clock, which all apps share"},
		{e.Clock != nil && t.Machine != "", "machine", "not allowed with the clock, which all apps share"},
		{t.Every != "" && e.Every < minEvery, "every", "want 1s or more"},
		{t.Every != "" && t.Jump != "", "every", "a jump happens once; speed makes time pass faster"},
		{t.Speed != nil && !ValidSpeed(*t.Speed), "speed", fmt.Sprintf("want 0 to %g", MaxSpeed)},
	} {
		if rule.broken {
			return &keyError{rule.key, rule.message}
		}
	}
	return nil
}

// actionWords returns the possible values of do.
func actionWords() string {
	var names []string
	for _, d := range flysim.Actions() {
		names = append(names, string(d))
	}
	return strings.Join(names, ", ")
}

// MaxSpeed is the fastest speed of a platform's clock: 11 days in a second.
const MaxSpeed = 1e6

// ValidSpeed reports whether a clock can have a speed.
func ValidSpeed(speed float64) bool { return !math.IsNaN(speed) && speed >= 0 && speed <= MaxSpeed }
