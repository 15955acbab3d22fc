package flysim

import (
	"errors"
	"fmt"
	"net/http"
)

// keeper carries the platform's state to its storage. One goroutine writes: the
// requests that come while it waits for the disk share its next commit, and
// nobody holds the platform's lock meanwhile.
//
// Its fields but storage are guarded by Platform.mu.
type keeper struct {
	storage Storage
	wake    chan struct{} // of one: there is something to store
	quit    chan struct{}
	done    chan struct{} // the goroutine has ended

	next   *commitWaiters // what the next commit answers for
	held   int            // nothing is stored while it is above zero
	closed bool
}

// commitWaiters is those who wait for one commit.
type commitWaiters struct {
	done chan struct{}
	err  error // of the commit, once done is closed
}

func newBatch() *commitWaiters { return &commitWaiters{done: make(chan struct{})} }

// errClosed is the answer to a write after [Platform.Close].
var errClosed = &apiError{http.StatusServiceUnavailable, "unavailable",
	"the emulated platform is closed: its state is no longer stored"}

// Open returns a platform whose state is kept in a storage: the state that it
// holds, or that of [New] if nothing was stored yet ([Platform.Empty]).
//
// A request that changes something is answered once that is stored; if it
// cannot be stored it is answered with 500, and the next commit tries again.
// What others do ([Platform.StopMachine], autostop) and what time does is stored
// soon after, while nobody waits for it, and by [Platform.Close] at the latest;
// time does again what was lost of it. Reads do not wait for the storage.
//
// The clock goes on from where it was, at the speed it had: set another one
// after Open. Time passed while the program was off, but not faster than real;
// a clock that stood still stood still.
//
// Calls, faults, rate limits, list lag and Options are not kept.
//
// If it fails it changes nothing of what is stored, and closes the storage.
func Open(storage Storage, options Options) (*Platform, error) {
	p := New(options)
	if err := p.load(storage); err != nil {
		return nil, errors.Join(err, storage.Close())
	}
	p.keeper = &keeper{
		storage: storage, next: newBatch(),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go p.keep()
	return p, nil
}

// load gives a new platform the state that a storage holds.
func (p *Platform) load(storage Storage) error {
	records, err := storage.Load()
	if err != nil || records == nil {
		return err
	}
	stored, err := records.decode()
	if err != nil {
		return err
	}
	if err := p.restore(stored); err != nil {
		return fmt.Errorf("damaged: %w", err)
	}
	return nil
}

// save stores what was collected.
func (k *keeper) save(c *commit) error {
	records, err := c.encode()
	if err != nil {
		return err
	}
	return k.storage.Save(records)
}

// Empty reports whether no app was ever created on the platform, as on one that
// was just made: the time to seed it.
func (p *Platform) Empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.ids.count["app"] == 0
}

// Sync returns once everything that happened so far is on the disk.
func (p *Platform) Sync() error {
	p.mu.Lock()
	written := p.keeper.pending()
	p.mu.Unlock()
	return p.keeper.await(written)
}

// Close stores what is not stored yet and closes the storage; call it after
// [Server.Close]. The platform can still be read then, and refuses changes. On a
// platform without a storage it does nothing.
func (p *Platform) Close() error {
	k := p.keeper
	if k == nil {
		return nil
	}
	p.mu.Lock()
	if k.closed {
		p.mu.Unlock()
		return nil
	}
	k.closed = true
	p.mu.Unlock()
	close(k.quit)
	<-k.done

	p.mu.Lock()
	last := k.next
	k.next = newBatch()
	k.next.err = errClosed
	close(k.next.done)
	for _, a := range p.state.apps { // whatever nobody noted
		a.touchAll()
	}
	changes := p.collect()
	p.mu.Unlock()
	last.err = k.save(changes)
	close(last.done)
	return errors.Join(last.err, k.storage.Close())
}

// keep stores what changed until Close.
func (p *Platform) keep() {
	k := p.keeper
	defer close(k.done)
	for {
		select {
		case <-k.quit:
			return
		case <-k.wake:
		}
		p.mu.Lock()
		if k.held > 0 {
			p.mu.Unlock()
			continue
		}
		batch := k.next
		k.next = newBatch()
		changes := p.collect()
		p.mu.Unlock()
		if batch.err = k.save(changes); batch.err != nil {
			p.mu.Lock()
			changes.touchAgain()
			p.mu.Unlock()
		}
		close(batch.done)
	}
}

// poke says that there is something to store. It does not wait.
func (k *keeper) poke() {
	if k == nil {
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// await waits for a commit; a nil one is that of a platform without a file.
func (k *keeper) await(written *commitWaiters) error {
	if written == nil {
		return nil
	}
	k.poke()
	<-written.done
	return written.err
}

// pending is the next commit, nil for a keeper that does not exist. The caller
// holds mu.
func (k *keeper) pending() *commitWaiters {
	if k == nil {
		return nil
	}
	return k.next
}

// answer gives the answer to a request that wrote once that is on the disk. The
// caller does not hold mu.
func (k *keeper) answer(given apiAnswer, written *commitWaiters) apiAnswer {
	if err := k.await(written); err != nil {
		return refuse(err)
	}
	return given
}

// inOneCommit runs f, which makes many changes, and stores them in one commit: all
// of them or none.
func (p *Platform) inOneCommit(f func() error) error {
	if p.keeper == nil {
		return f()
	}
	hold := func(n int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.keeper.held += n
	}
	hold(1)
	err := f()
	hold(-1)
	return errors.Join(err, p.Sync())
}
