package fly

import (
	"cmp"
	"slices"
	"time"
)

// maxEvents is how much of a Machine's history is kept.
const maxEvents = 50

// Event is an entry of a Machine's history.
type Event struct {
	Type   string // launch, start, exit, update, …
	Status string
	Source string // user, flyd, proxy, …
	Time   time.Time
	Exit   *Exit // of an exit, if Fly says how
}

// Exit is how a Machine's program ended.
type Exit struct {
	Code       int
	OOMKilled  bool
	Requested  bool
	Restarting bool // Fly starts it again, as its restart policy says
}

type wireEvent struct {
	Type      string `json:"type"`
	Status    string `json:"status"`
	Source    string `json:"source"`
	Timestamp int64  `json:"timestamp"` // milliseconds
	Request   *struct {
		ExitEvent    *wireExit `json:"exit_event"`
		MonitorEvent *struct {
			ExitEvent *wireExit `json:"exit_event"`
		} `json:"MonitorEvent"`
	} `json:"request"`
}

type wireExit struct {
	ExitCode      int  `json:"exit_code"`
	OOMKilled     bool `json:"oom_killed"`
	RequestedStop bool `json:"requested_stop"`
	Restarting    bool `json:"restarting"`
}

// history returns the events, the newest first. Fly sends them in this order; events of the
// same time keep it.
func history(wire []wireEvent) []Event {
	wire = slices.Clone(wire)
	slices.SortStableFunc(wire, func(a, b wireEvent) int { return cmp.Compare(b.Timestamp, a.Timestamp) })
	wire = wire[:min(len(wire), maxEvents)]
	var events []Event
	for _, w := range wire {
		event := Event{Type: plain(w.Type, 32), Status: plain(w.Status, 32), Source: plain(w.Source, 32), Exit: w.exit()}
		if w.Timestamp > 0 {
			event.Time = time.UnixMilli(w.Timestamp).UTC()
		}
		events = append(events, event)
	}
	return events
}

func (w wireEvent) exit() *Exit {
	if w.Type != "exit" || w.Request == nil {
		return nil
	}
	wire := w.Request.ExitEvent
	if monitor := w.Request.MonitorEvent; monitor != nil && monitor.ExitEvent != nil {
		wire = monitor.ExitEvent
	}
	if wire == nil {
		return nil
	}
	return &Exit{
		Code: wire.ExitCode, OOMKilled: wire.OOMKilled, Requested: wire.RequestedStop,
		Restarting: wire.Restarting,
	}
}

// lastExit returns the newest exit, unless the Machine has started since.
func lastExit(events []Event) *Exit {
	for _, event := range events {
		switch {
		case event.Type == "start":
			return nil
		case event.Exit != nil:
			exit := *event.Exit
			return &exit
		}
	}
	return nil
}

// lastStart returns the time of the newest start.
func lastStart(events []Event) time.Time {
	for _, event := range events {
		if event.Type == "start" {
			return event.Time
		}
	}
	return time.Time{}
}
