package fly

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/slot"
)

// maxAge is how old a shared read may be, counted from when its request was sent.
const maxAge = time.Second

// Shared is a client for callers that only look: equal reads at the same time are
// one request, and its answer serves later reads for a second. Plans and changes need
// the state as it is now, and read with the client itself.
//
// Every caller gets a copy. An error goes to the callers that waited for it, and to no
// later one. A caller that leaves does not end a request that others wait for. After a
// write of this client nothing that was read of the app before is shared.
type Shared struct {
	client *Client
	mu     sync.Mutex
	reads  map[readKey]*sharedRead
}

// Shared returns the view of the client that shares reads. Each call returns the same
// one.
func (c *Client) Shared() *Shared { return c.shared }

// readKey is what makes reads equal. Token and platform are the client's.
type readKey struct{ operation, app string }

// sharedRead is one read, running or done.
type sharedRead struct {
	done    chan struct{}
	cancel  context.CancelFunc
	sent    atomic.Int64 // when its first request was sent, in nanoseconds; 0: not yet
	waiting int          // guarded by Shared.mu
	value   any          // what was read; set before done is closed, and immutable then
	err     error
}

// usable reports whether a reader that comes now may have the result.
func (a *sharedRead) usable(now time.Time) bool {
	sent := a.sent.Load()
	return sent == 0 || now.Sub(time.Unix(0, sent)) <= maxAge
}

type sentKey struct{}

// markSent records the time in a shared read whose request is sent now.
func markSent(ctx context.Context, now time.Time) {
	if a, _ := ctx.Value(sentKey{}).(*sharedRead); a != nil {
		a.sent.CompareAndSwap(0, now.UnixNano())
	}
}

// drop forgets the reads of an app, so that a reader that comes after a write sees
// its effect.
func (s *Shared) drop(app string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.reads {
		if key.app == app || key.app == "" {
			delete(s.reads, key) // callers that wait for it still get it
		}
	}
}

// share returns the result of a read: of one that is done or running, or of a new
// one. clone copies what callers could change.
func share[T any](
	ctx context.Context, s *Shared, key readKey, clone func(T) T, read func(context.Context) (T, error),
) (T, error) {
	var none T
	now := s.client.clock.now()
	s.mu.Lock()
	a := s.reads[key]
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
		return none, &plan.Problem{
			Code: gate.PlatformError, Message: "the call was canceled before Fly answered", Err: left,
		}
	}
	if a.err != nil {
		return none, ownError(a.err)
	}
	noteAge(ctx, time.Unix(0, a.sent.Load()))
	value, _ := a.value.(T)
	return clone(value), nil
}

// begin adds a new read, and removes old ones.
func (s *Shared) begin(key readKey, now time.Time) *sharedRead {
	for old, a := range s.reads {
		select {
		case <-a.done:
			if !a.usable(now) {
				delete(s.reads, old)
			}
		default:
		}
	}
	a := &sharedRead{done: make(chan struct{})}
	s.reads[key] = a
	return a
}

func (s *Shared) end(key readKey, a *sharedRead, value any, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.value, a.err = value, err
	a.sent.CompareAndSwap(0, s.client.clock.now().UnixNano()) // nothing was sent
	if err != nil && s.reads[key] == a {
		delete(s.reads, key)
	}
	close(a.done)
}

// leave ends a read that no caller waits for.
func (s *Shared) leave(key readKey, a *sharedRead) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.waiting--; a.waiting > 0 {
		return
	}
	select {
	case <-a.done:
	default:
		a.cancel()
		if s.reads[key] == a {
			delete(s.reads, key)
		}
	}
}

// ownError returns a copy of an error that goes to several callers.
func ownError(err error) error {
	var coded *plan.Problem
	if errors.As(err, &coded) {
		own := *coded
		return &own
	}
	return err
}

// Age records how old the data is that was read under a context.
type Age struct {
	mu     sync.Mutex
	oldest time.Time
}

type ageKey struct{}

// WithAge returns a context whose shared reads are recorded in the Age.
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

// Of returns the age of the oldest read at a time; 0 if nothing was shared.
func (a *Age) Of(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.oldest.IsZero() {
		return 0
	}
	return max(now.Sub(a.oldest), 0)
}

// AppNames is [Client.AppNames].
func (s *Shared) AppNames(ctx context.Context) ([]string, error) {
	return share(ctx, s, readKey{"apps", ""}, slices.Clone, s.client.AppNames)
}

// Addresses is [Client.Addresses].
func (s *Shared) Addresses(ctx context.Context, app string) (Addresses, error) {
	return shareOfApp(ctx, s, "addresses", app, Addresses.clone, s.client.Addresses)
}

// Machines is [Client.Machines].
func (s *Shared) Machines(ctx context.Context, app string) ([]Machine, error) {
	return shareOfApp(ctx, s, "machines", app, cloneEach(Machine.clone), s.client.Machines)
}

// Certificates is [Client.Certificates].
func (s *Shared) Certificates(ctx context.Context, app string) ([]Certificate, error) {
	return shareOfApp(ctx, s, "certificates", app, slices.Clone[[]Certificate], s.client.Certificates)
}

// Release is [Client.Release].
func (s *Shared) Release(ctx context.Context, app string) (Release, error) {
	return shareOfApp(ctx, s, "release", app, Release.clone, s.client.Release)
}

// shareOfApp is share for reads of which the app is the only argument.
func shareOfApp[T any](
	ctx context.Context, s *Shared, action, app string, clone func(T) T, read func(context.Context, string) (T, error),
) (T, error) {
	return share(ctx, s, readKey{action, app}, clone, func(ctx context.Context) (T, error) {
		return read(ctx, app)
	})
}

// cloneEach returns a function that copies a list and its elements.
func cloneEach[T any](clone func(T) T) func([]T) []T {
	return func(list []T) []T {
		list = slices.Clone(list)
		for i := range list {
			list[i] = clone(list[i])
		}
		return list
	}
}

func (a Addresses) clone() Addresses {
	a.List = slices.Clone(a.List)
	return a
}

// clone returns a copy that shares nothing that can be changed (a Config cannot).
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
