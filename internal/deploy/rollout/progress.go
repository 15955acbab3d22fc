package rollout

import "time"

// heartbeat is the longest silence of a run.
const heartbeat = 5 * time.Second

// begin notes that a Machine's turn has come.
func (r *run) begin(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j.n == 0 {
		r.turns++
		j.n = r.turns
	}
	j.busy = true
}

// end notes that a Machine's turn is over, and records what became of it.
func (r *run) end(j *job) {
	r.mu.Lock()
	j.busy = false
	r.mu.Unlock()
	if r.Record != nil {
		r.reporting.Lock()
		defer r.reporting.Unlock()
		r.Record(j.out)
	}
}

// beginRelease reports that the release is being recorded, until done is called.
func (r *run) beginRelease(doing string) (done func()) {
	r.mu.Lock()
	r.clerk.busy = true
	r.mu.Unlock()
	r.say(r.clerk, doing)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.clerk.busy = false
	}
}

// say reports what is being done with a Machine.
func (r *run) say(j *job, doing string) {
	r.mu.Lock()
	j.doing, j.since = doing, r.Clock.Now()
	r.mu.Unlock()
	r.notify(r.phase(j))
}

func (r *run) phase(j *job) Phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Phase{Group: j.out.Group, Machine: j.out.ID, Doing: j.doing, N: j.n, Of: len(r.jobs),
		For: r.Clock.Now().Sub(j.since)}
}

func (r *run) notify(p Phase) {
	r.reporting.Lock()
	defer r.reporting.Unlock()
	r.progress(p)
}

// stopReporting drops all later reports: the callback may have panicked.
func (r *run) stopReporting() {
	r.reporting.Lock()
	defer r.reporting.Unlock()
	r.progress = func(Phase) {}
}

// repeatPhase repeats a phase. A panic in it ends the run as one in a turn does.
func (r *run) repeatPhase(p Phase) {
	defer func() {
		if cause := recover(); cause != nil {
			r.mu.Lock()
			r.panicked = cause
			r.mu.Unlock()
			r.stopReporting()
		}
	}()
	r.notify(p)
}

// startHeartbeat repeats the phase that lasts longest, until stop is called.
func (r *run) startHeartbeat() (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-over:
				return
			case <-r.Clock.After(heartbeat):
			}
			if j := r.longest(); j != nil {
				if p := r.phase(j); p.For > 0 {
					r.repeatPhase(p)
				}
			}
		}
	}()
	return func() {
		close(over)
		<-done
	}
}

// longest returns the Machine, or the release, that has been in its phase for the
// longest time.
func (r *run) longest() *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	var longest *job
	if r.clerk.busy {
		longest = r.clerk
	}
	for _, j := range r.jobs {
		if j.busy && j.doing != "" && (longest == nil || j.since.Before(longest.since)) {
			longest = j
		}
	}
	return longest
}
