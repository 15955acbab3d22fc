package fly

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/slot"
)

// maxAge is how old a shared answer may be, counted from when its request was sent.
const maxAge = time.Second

// Shared is a client for those who only look: equal reads at the same time are one
// request, and its answer serves later ones for a second. Plans
// and changes read with the client itself: they need the state as it is now.
//
// Every caller gets a copy. An error serves those who waited for it, and nobody
// else. A caller that leaves does not end the request that others wait for. A
// write of this client ends what is shared of the app.
type Shared struct {
	*FlyGo
	mu      sync.Mutex
	answers map[readKey]*answer
}

// Shared is the view of the client that shares reads. All views of one client are
// the same one.
func (c *FlyGo) Shared() *Shared { return c.shared }

// readKey is what makes reads equal. Token and platform are the client's.
type readKey struct {
	operation string
	app       string
	limit     int
}

// answer is one read, under way or done.
type answer struct {
	done    chan struct{}
	cancel  context.CancelFunc
	sent    atomic.Int64 // when its first request was sent, in nanoseconds; 0: not yet
	waiting int          // guarded by Shared.mu
	value   any          // immutable from here on: of the type that the read gives; set before done is closed
	err     error
}

// usable reports whether a reader that comes now may have the answer.
func (a *answer) usable(now time.Time) bool {
	sent := a.sent.Load()
	return sent == 0 || now.Sub(time.Unix(0, sent)) <= maxAge
}

type sentKey struct{}

// markSent notes in a shared read that a request of it is sent now.
func markSent(ctx context.Context, now time.Time) {
	if a, _ := ctx.Value(sentKey{}).(*answer); a != nil {
		a.sent.CompareAndSwap(0, now.UnixNano())
	}
}

// changed ends what is shared of an app: a reader that comes after a write sees it
// as far as Fly shows it.
func (s *Shared) changed(app string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.answers {
		if key.app == app || key.app == "" {
			delete(s.answers, key) // those who wait for it still get it
		}
	}
}

// share gives the answer to a read: one that is there, one that is under way, or
// a new one. clone copies what callers could change.
func share[T any](ctx context.Context, s *Shared, key readKey, read func(context.Context) (T, error), clone func(T) T) (T, error) {
	var none T
	now := s.clock.now()
	s.mu.Lock()
	a := s.answers[key]
	if a == nil || !a.usable(now) {
		a = s.begin(key, now)
		run, cancel := context.WithCancel(context.WithValue(context.Background(), sentKey{}, a))
		a.cancel = cancel
		go func() {
			defer cancel()
			value, err := read(run)
			s.end(key, a, value, err)
		}()
	}
	a.waiting++
	s.mu.Unlock()

	var left error
	wait := func() error {
		select {
		case <-a.done:
			return nil
		case <-ctx.Done():
			left = ctx.Err()
			return left
		}
	}
	select {
	case <-a.done:
	default:
		if err := slot.Wait(ctx, wait); err != nil {
			left = err
		}
	}
	s.leave(key, a)
	if left != nil {
		return none, &Error{Code: gate.PlatformError, Message: "the call was cancelled before Fly answered", Err: left}
	}
	if a.err != nil {
		return none, ownError(a.err)
	}
	noteAge(ctx, time.Unix(0, a.sent.Load()))
	value, _ := a.value.(T)
	return clone(value), nil
}

// begin puts a new answer in place. Old ones are dropped on the way.
func (s *Shared) begin(key readKey, now time.Time) *answer {
	for old, a := range s.answers {
		select {
		case <-a.done:
			if !a.usable(now) {
				delete(s.answers, old)
			}
		default:
		}
	}
	a := &answer{done: make(chan struct{})}
	s.answers[key] = a
	return a
}

func (s *Shared) end(key readKey, a *answer, value any, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.value, a.err = value, err
	a.sent.CompareAndSwap(0, s.clock.now().UnixNano()) // nothing was sent
	if err != nil && s.answers[key] == a {
		delete(s.answers, key)
	}
	close(a.done)
}

// leave ends a read that nobody waits for.
func (s *Shared) leave(key readKey, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.waiting--; a.waiting > 0 {
		return
	}
	select {
	case <-a.done:
	default:
		a.cancel()
		if s.answers[key] == a {
			delete(s.answers, key)
		}
	}
}

// ownError is a copy of an error that several callers get.
func ownError(err error) error {
	var coded *Error
	if errors.As(err, &coded) {
		own := *coded
		return &own
	}
	return err
}

// Age collects how old what was read under a context is.
type Age struct {
	mu     sync.Mutex
	oldest time.Time
}

type ageKey struct{}

// WithAge is a context whose shared reads are noted in the Age.
func WithAge(ctx context.Context) (context.Context, *Age) {
	age := new(Age)
	return context.WithValue(ctx, ageKey{}, age), age
}

func noteAge(ctx context.Context, at time.Time) {
	age, _ := ctx.Value(ageKey{}).(*Age)
	if age == nil {
		return
	}
	age.mu.Lock()
	defer age.mu.Unlock()
	if age.oldest.IsZero() || at.Before(age.oldest) {
		age.oldest = at
	}
}

// Of is the age at a moment of the oldest of what was read; 0 if nothing was shared.
func (a *Age) Of(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.oldest.IsZero() {
		return 0
	}
	return max(now.Sub(a.oldest), 0)
}

func same[T any](v T) T { return v }

// App implements [Client].
func (s *Shared) App(ctx context.Context, app string) (App, error) {
	return share(ctx, s, readKey{operation: "app", app: app}, func(ctx context.Context) (App, error) { return s.FlyGo.App(ctx, app) }, same)
}

// AppNames implements [Client].
func (s *Shared) AppNames(ctx context.Context) ([]string, error) {
	return share(ctx, s, readKey{operation: "apps"}, s.FlyGo.AppNames, slices.Clone)
}

// Addresses implements [Client].
func (s *Shared) Addresses(ctx context.Context, app string) (Addresses, error) {
	return share(ctx, s, readKey{operation: "addresses", app: app}, func(ctx context.Context) (Addresses, error) { return s.FlyGo.Addresses(ctx, app) },
		func(a Addresses) Addresses { a.List = slices.Clone(a.List); return a })
}

// Machines implements [Client].
func (s *Shared) Machines(ctx context.Context, app string) ([]Machine, error) {
	return share(ctx, s, readKey{operation: "machines", app: app}, func(ctx context.Context) ([]Machine, error) { return s.FlyGo.Machines(ctx, app) },
		func(list []Machine) []Machine {
			list = slices.Clone(list)
			for i := range list {
				list[i] = list[i].clone()
			}
			return list
		})
}

// Certificates implements [Client].
func (s *Shared) Certificates(ctx context.Context, app string) ([]Certificate, error) {
	return share(ctx, s, readKey{operation: "certificates", app: app}, func(ctx context.Context) ([]Certificate, error) { return s.FlyGo.Certificates(ctx, app) }, slices.Clone)
}

// Release implements [Client].
func (s *Shared) Release(ctx context.Context, app string) (Release, error) {
	return share(ctx, s, readKey{operation: "release", app: app}, func(ctx context.Context) (Release, error) { return s.FlyGo.Release(ctx, app) }, Release.clone)
}

// Releases implements [Client].
func (s *Shared) Releases(ctx context.Context, app string, limit int) ([]Release, error) {
	return share(ctx, s, readKey{operation: "releases", app: app, limit: limit}, func(ctx context.Context) ([]Release, error) { return s.FlyGo.Releases(ctx, app, limit) },
		func(list []Release) []Release {
			list = slices.Clone(list)
			for i := range list {
				list[i] = list[i].clone()
			}
			return list
		})
}

// clone is a copy that shares nothing that can be changed; a Config cannot be.
func (m Machine) clone() Machine {
	m.Checks = slices.Clone(m.Checks)
	m.Events = slices.Clone(m.Events)
	for i := range m.Events {
		m.Events[i].Exit = m.Events[i].Exit.clone()
	}
	m.Exit = m.Exit.clone()
	return m
}

func (e *Exit) clone() *Exit {
	if e == nil {
		return nil
	}
	own := *e
	return &own
}

func (r Release) clone() Release {
	r.Definition = slices.Clone(r.Definition)
	return r
}
