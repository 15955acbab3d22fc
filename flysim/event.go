package flysim

import (
	"context"
	"sync"
	"time"
)

// Script lists the faults and events that [Platform.Play] starts. Package fault reads scripts from
// files and command lines.
type Script struct {
	Seed   int64 // for the faults' chances; 0: keep the platform's seed
	Faults []Fault
	Events []Event
}

// Event is something that happens at a time: to Machines, or, if Clock is set, to the clock.
type Event struct {
	At    time.Duration // on the platform's clock, after [Platform.Play]
	Every time.Duration // the interval of a repeated event; 0: it happens once. Not with a jump
	Incident
	Clock *ClockChange
}

// ClockChange is a change that an event makes to the clock.
type ClockChange struct {
	Jump  time.Duration // how far forward; 0: no jump
	Speed *float64      // as in [Clock.SetSpeed]; nil: unchanged
}

// eventSchedule holds the pending events. An event takes effect once its time has come and
// something looks at the platform: [Platform.Run], a request, or a method that acts on it.
type eventSchedule struct {
	mu      sync.Mutex
	events  []*pendingEvent
	changed chan struct{} // closed and replaced when an event was added or all were removed
}

type pendingEvent struct {
	Event
	next     time.Time
	over     bool
	happened int
	failed   string // why it failed the last time
}

// EventState is the progress of an event.
type EventState struct {
	Event
	Next     time.Time // virtual; zero: it will not happen again
	Happened int       // how often
	Failed   string    // why it failed the last time, such as a missing app; empty: it did not
}

// Play adds the faults of a script, in order, after the existing ones, and starts its events. The
// times of both count from now. A seed of 0 leaves the platform's seed as it is.
func (p *Platform) Play(s Script) {
	if s.Seed != 0 {
		p.faults.mu.Lock()
		p.faults.seed = s.Seed
		p.faults.mu.Unlock()
	}
	for _, f := range s.Faults {
		p.Inject(f)
	}
	now := p.clock.Now()
	p.schedule.mu.Lock()
	defer p.schedule.mu.Unlock()
	for _, e := range s.Events {
		p.schedule.events = append(p.schedule.events, &pendingEvent{Event: e, next: now.Add(e.At)})
	}
	p.schedule.wake()
}

// FaultSeed returns the seed from which the chances of faults are drawn.
func (p *Platform) FaultSeed() int64 {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	return p.faults.seed
}

// Events returns the events since the last [Platform.ClearFaults], including past ones.
func (p *Platform) Events() []EventState {
	p.catchUp()
	p.schedule.mu.Lock()
	defer p.schedule.mu.Unlock()
	list := make([]EventState, len(p.schedule.events))
	for i, e := range p.schedule.events {
		list[i] = EventState{Event: e.Event, Happened: e.happened, Failed: e.failed}
		if !e.over {
			list[i].Next = e.next
		}
	}
	return list
}

// Run makes events happen on time until the context ends. [Platform.Listen] does the same while its
// server is open. Without either, a due event waits for the next request.
func (p *Platform) Run(ctx context.Context) {
	for {
		changed := p.schedule.watch()
		p.catchUp()
		if next, ok := p.schedule.next(); ok {
			if p.clock.Wait(ctx, next, changed) != nil {
				return
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// catchUp carries out the due events in the order of their times. A repeated event that is due
// several times, because the clock jumped, happens once.
func (p *Platform) catchUp() {
	s := &p.schedule
	s.mu.Lock()
	defer s.mu.Unlock()
	now := p.clock.Now() // read once: on a running clock a fast event would always be due again
	for {
		e := s.earliest()
		if e == nil || now.Before(e.next) {
			return
		}
		at := e.next
		e.happened++
		if e.over = e.Every <= 0; !e.over {
			e.next = at.Add((now.Sub(at)/e.Every + 1) * e.Every)
		}
		if e.Clock != nil {
			p.change(*e.Clock)
			now = p.clock.Now()
		} else if err := p.trigger(e.Incident, at); err != nil {
			e.failed = err.Error()
		} else {
			e.failed = ""
		}
	}
}

func (p *Platform) change(c ClockChange) {
	if c.Speed != nil {
		p.clock.SetSpeed(*c.Speed)
	}
	p.advance(c.Jump)
}

// ChangeClock changes the platform's clock and carries out what becomes due. A jump past the
// clock's last year is an error and changes nothing.
func (p *Platform) ChangeClock(c ClockChange) error {
	if !p.mayAdvance(c.Jump) {
		return invalid("the clock ends with the year %d", lastYear)
	}
	p.change(c)
	p.catchUp()
	return nil
}

// jump moves the clock forward and carries out what becomes due.
func (p *Platform) jump(d time.Duration) {
	p.advance(d)
	p.catchUp()
}

func (p *Platform) advance(d time.Duration) {
	if d > 0 && p.mayAdvance(d) {
		p.clock.Advance(d)
	}
}

func (p *Platform) mayAdvance(d time.Duration) bool { return p.clock.Now().Add(d).Year() <= lastYear }

// earliest returns the next event, or nil if there is none. The caller holds mu.
func (s *eventSchedule) earliest() *pendingEvent {
	var first *pendingEvent
	for _, e := range s.events {
		if !e.over && (first == nil || e.next.Before(first.next)) {
			first = e
		}
	}
	return first
}

func (s *eventSchedule) next() (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.earliest(); e != nil {
		return e.next, true
	}
	return time.Time{}, false
}

// watch returns a channel that is closed when events are added or removed.
func (s *eventSchedule) watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// wake makes [Platform.Run] look at the events again. The caller holds mu.
func (s *eventSchedule) wake() {
	if s.changed != nil {
		close(s.changed)
	}
	s.changed = make(chan struct{})
}

func (s *eventSchedule) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = nil
	s.wake()
}
