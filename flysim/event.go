package flysim

import (
	"context"
	"sync"
	"time"
)

// Script is what goes wrong on a platform, and what happens on it; see
// [Platform.Play]. Package fault reads scripts from files and command lines.
type Script struct {
	Seed   int64 // of the faults' chances; 0: none is given
	Faults []Fault
	Events []Event
}

// Event is something that happens at a time: to Machines, or, if Clock is set,
// to the clock.
type Event struct {
	At    time.Duration // on the platform's clock, after [Platform.Play]
	Every time.Duration // again and again with this between; 0: once. Not with a jump
	Incident
	Clock *ClockChange
}

// ClockChange is what an event does to the clock.
type ClockChange struct {
	Jump  time.Duration // forward; 0: none
	Speed *float64      // as in [Clock.SetSpeed]; nil: as it was
}

// eventSchedule is the events to come. An event takes effect when its time has come
// and somebody looks: [Platform.Run], a request, an actor.
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
	failed   string // how the last time failed
}

// EventState is how far an event has come.
type EventState struct {
	Event
	Next     time.Time // virtual; zero: it is over
	Happened int       // how often
	Failed   string    // why the last time failed, such as an app that does not exist; empty: it did not
}

// Play injects the faults of a script, in their order, after those that are
// there, and starts its events: both count from now. A seed of 0 leaves the
// platform's seed as it is.
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

// FaultSeed is what the chances of faults are drawn from.
func (p *Platform) FaultSeed() int64 {
	p.faults.mu.Lock()
	defer p.faults.mu.Unlock()
	return p.faults.seed
}

// Events are the events since the last [Platform.ClearFaults], past ones too.
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

// Run lets events happen in their time until the context ends. [Platform.Listen]
// does it too, as long as its server is open; without either, an event that is
// due waits for the next request.
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

// catchUp carries out the events that are due, in the order of their times.
// Of a repeated one that is due several times, as the clock jumped, once.
func (p *Platform) catchUp() {
	s := &p.schedule
	s.mu.Lock()
	defer s.mu.Unlock()
	now := p.clock.Now() // that of a clock that runs on would let a fast event happen forever
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

// ChangeClock changes the platform's clock and carries out what became due by
// it. A jump past the clock's last year is an error, and changes nothing.
func (p *Platform) ChangeClock(c ClockChange) error {
	if !p.mayAdvance(c.Jump) {
		return invalid("the clock ends with the year %d", lastYear)
	}
	p.change(c)
	p.catchUp()
	return nil
}

// jump moves the clock forward and carries out what became due by it.
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

// earliest is the next event, nil if there is none. The caller holds mu.
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

// watch is closed when events were added or removed from now on.
func (s *eventSchedule) watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// wake tells [Platform.Run] to look again. The caller holds mu.
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
