package proxy

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// retryEvery is how long the search waits before it looks again when no event will announce a
// change: for a Machine at its limit, or a program that does not listen yet.
const retryEvery = 100 * time.Millisecond

// machineWish says which Machines a request wants (Fly docs, "Dynamic request routing").
type machineWish struct {
	machine       string // only this one
	preferMachine string
	regions       []string // only these, in this order; nil: any
	preferRegions []string // these first, in this order
	not           string   // any but this one
}

// search looks for a Machine for one request or connection.
type search struct {
	proxy *Proxy
	app   string
	port  int
	wish  machineWish
	raw   bool // it is a connection, not a request

	began        time.Time
	attempts     int
	startedID    string          // the Machine that the search started
	hasStarted   bool            // whether it started one
	triedStarts  map[string]bool // Machines that it tried to start, once each
	refusing     map[string]bool // Machines that refused since the last pause
	firstRefusal time.Time       // when a Machine first refused, or did not listen yet; zero: never
	bootWait     time.Duration   // how long it waited for booting programs, which does not count
	startErr     error           // the error of a failed start
}

// next waits for a Machine and takes a place on it. The error is a *Failure or the context's error.
func (s *search) next(ctx context.Context, c *callerConn) (*reservedSeat, *portRoute, error) {
	var changed, visited <-chan struct{}
	for {
		now := s.proxy.clock.Now()
		t, err := s.proxy.table(s.app)
		if err != nil {
			return nil, nil, failNoApp(s.app)
		}
		r := t.route(s.port)
		if r == nil {
			return nil, nil, failNoService(s.app, s.port)
		}
		s.attempts++
		seat, verdict := s.look(r, c)
		if seat != nil {
			return seat, r, nil
		}
		if verdict.startable != "" {
			s.start(verdict.startable)
			continue
		}
		until, limit := s.limit(verdict, t, now)
		if !now.Before(limit) {
			return nil, nil, s.giveUp(ctx, verdict, r)
		}
		if changed == nil {
			changed, visited = s.proxy.platform.Changed(), s.proxy.traffic.Changed()
			continue // otherwise a change before this line would be missed
		}
		wake := changed
		if verdict.full {
			wake = visited
		}
		if err := s.proxy.wait(ctx, until, wake); err != nil {
			return nil, nil, err
		}
		if verdict.booting {
			s.bootWait += s.proxy.clock.Now().Sub(now)
		}
		clear(s.refusing)
		changed, visited = s.proxy.platform.Changed(), s.proxy.traffic.Changed()
	}
}

// searchVerdict is what the search found if there was no place.
type searchVerdict struct {
	startable string // the Machine to start
	starting  bool   // a Machine is starting
	booting   bool   // its program, another process, does not listen yet
	full      bool   // a Machine is at its hard limit
	refusing  *member
}

// look takes a place on the best Machine, or returns why there is none. If all serving Machines are
// at their soft limit, it starts one more.
func (s *search) look(r *portRoute, c *callerConn) (*reservedSeat, searchVerdict) {
	var v searchVerdict
	var best, startable *member
	var bestRank, startRank rank
	spare, on, ties := false, false, 1
	s.proxy.seats.Lock()
	defer s.proxy.seats.Unlock()
	for i := range r.members {
		m := &r.members[i]
		order, wanted := s.preference(m)
		if !wanted {
			continue
		}
		on = on || m.isStarting()
		v.booting = v.booting || m.isReachable() && m.Booting
		switch {
		case m.isHealthy():
			load := s.proxy.traffic.Load(m.ID)
			spare = spare || load < m.soft
			held := c.holds(m)
			switch {
			case s.refusing[m.ID]:
				v.refusing = m
				continue
			case m.hard > 0 && load >= m.hard && !held:
				v.full = true
				continue
			}
			k := rank{order, m.distance, float64(load) / float64(m.soft)}
			if held || m.ID == s.startedID {
				k = rank{order: order, distance: -1} // before all of the same order
			}
			switch by := k.compare(bestRank); {
			case best == nil || by < 0:
				best, bestRank, ties = m, k, 1
			case by == 0:
				if ties++; rand.IntN(ties) == 0 {
					best = m
				}
			}
		case m.canStart() && !s.triedStarts[m.ID]:
			k := rank{order, m.distance, 0}
			if m.State == "suspended" {
				k.load = -1 // it will be ready sooner
			}
			if startable == nil || k.compare(startRank) < 0 {
				startable, startRank = m, k
			}
		case m.isChanging():
			v.starting = true
		}
	}
	v.starting = v.starting || on
	if best == nil {
		if startable != nil && !on && v.refusing == nil {
			v.startable = startable.ID
		}
		return nil, v
	}
	if startable != nil && !on && !spare {
		_ = s.proxy.platform.Wake(s.app, startable.ID) // an extra one: the request already has a Machine
	}
	return s.proxy.takeSeat(best, c), v
}

// rank orders Machines by what the request wants, then the distance, then the load.
type rank struct {
	order    int
	distance float64
	load     float64
}

func (a rank) compare(b rank) int {
	switch {
	case a.order != b.order:
		return a.order - b.order
	case a.distance < b.distance, a.distance == b.distance && a.load < b.load:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// preference returns the order in which the request prefers the Machine. ok is false if it must not go
// there.
func (s *search) preference(m *member) (order int, ok bool) {
	w := s.wish
	if w.machine != "" && m.ID != w.machine || m.ID == w.not {
		return 0, false
	}
	if m.ID == w.preferMachine {
		return -1, true
	}
	within := func(meant string) bool { return s.proxy.atlas.within(m.Region, meant) }
	if w.regions != nil {
		order = slices.IndexFunc(w.regions, within)
		return order, order >= 0
	}
	if order = slices.IndexFunc(w.preferRegions, within); order < 0 {
		order = len(w.preferRegions)
	}
	return order, true
}

// start starts a Machine. Requests that come meanwhile see that it is starting, so it is started
// once.
func (s *search) start(id string) {
	if s.triedStarts == nil {
		s.triedStarts = make(map[string]bool)
	}
	s.triedStarts[id] = true
	if err := s.proxy.platform.Wake(s.app, id); err != nil {
		s.startErr = err
		return
	}
	s.startedID, s.hasStarted = id, true
}

// limit returns until when to wait before the next look, and when to give up.
func (s *search) limit(v searchVerdict, t *routingTable, now time.Time) (until, limit time.Time) {
	options, began := s.proxy.options, s.began.Add(s.bootWait)
	if v.booting && s.firstRefusal.IsZero() {
		s.firstRefusal = now // the wait for the boot counts as patience
	}
	limit = began.Add(options.Patience)
	switch {
	case v.booting:
		limit = now.Add(math.MaxInt64) // the program's runner always reports in the end
	case v.refusing != nil:
		limit = s.firstRefusal.Add(options.Patience)
	case v.starting, v.full:
		limit = began.Add(options.Hold)
	}
	until = limit
	if t.site.Until.After(now) && t.site.Until.Before(until) {
		until = t.site.Until
	}
	if v.refusing != nil || v.full {
		if soon := now.Add(retryEvery); soon.Before(until) {
			until = soon
		}
	}
	return until, limit
}

// refuse records that a Machine refused the connection.
func (s *search) refuse(m *member) {
	if s.refusing == nil {
		s.refusing = make(map[string]bool)
	}
	s.refusing[m.ID] = true
	if s.firstRefusal.IsZero() {
		s.firstRefusal = s.proxy.clock.Now()
	}
}

// giveUp returns why no Machine was found.
func (s *search) giveUp(ctx context.Context, v searchVerdict, r *portRoute) *Failure {
	switch {
	case v.refusing != nil:
		return failRefused(v.refusing.internalPort)
	case v.full:
		return fail("PR04", http.StatusServiceUnavailable,
			"could not find a good candidate within %d attempts at load balancing: all instances are at their "+
				"hard_limit", s.attempts)
	}
	if f := s.knock(ctx, r); f != nil {
		return f
	}
	switch {
	case v.starting:
		return fail("PM03", http.StatusServiceUnavailable,
			"could not wake up machine due to a timeout requesting from the machines API")
	case s.startErr != nil:
		return s.failStart(r)
	case s.hasStarted:
		return fail("PM05", http.StatusBadGateway, "failed to connect to machine: it was started but did not stay started")
	case s.unreachable(r):
		return fail("PU03", http.StatusBadGateway, "unreachable worker host")
	}
	if s.raw {
		return fail("PR01", http.StatusServiceUnavailable, "no known healthy instances found for route tcp/%d", s.port)
	}
	return fail("PR03", http.StatusServiceUnavailable,
		"could not find a good candidate within %d attempts at load balancing. last error: no known healthy "+
			"instances found for route tcp/%d."+
			" (hint: is your app shut down? is there an ongoing deployment with a volume or are you using the "+
			"'immediate' strategy? have your app's instances all reached their hard limit?)", s.attempts, s.port)
}

// knock connects to Machines whose checks fail. If nothing listens, that is the more useful error.
func (s *search) knock(ctx context.Context, r *portRoute) *Failure {
	for i := range r.members {
		m := &r.members[i]
		if _, wanted := s.preference(m); !wanted || !m.isReachable() || m.isHealthy() {
			continue
		}
		conn, err := s.proxy.options.Programs.Dial(ctx, m.target())
		if err == nil {
			_ = conn.Close() // nothing was sent
			continue
		}
		if f := failConnection(err, m.internalPort); f.Code == "PC01" {
			return f
		}
	}
	return nil
}

func (s *search) unreachable(r *portRoute) bool {
	return slices.ContainsFunc(r.members, func(m member) bool { return m.State == "started" && m.HostStatus != "ok" })
}

func (s *search) failStart(r *portRoute) *Failure {
	i := slices.IndexFunc(r.members, func(m member) bool { return s.triedStarts[m.ID] })
	if i >= 0 && r.members[i].HostStatus != "ok" {
		return fail("PU03", http.StatusBadGateway, "unreachable worker host: %.200s", s.startErr.Error())
	}
	return fail("PM01", http.StatusBadGateway, "machines API returned an error: %.200s", s.startErr.Error())
}

func (m *member) target() Target {
	return Target{App: m.app, Machine: m.ID, Instance: m.InstanceID, Port: m.internalPort}
}
