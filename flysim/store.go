package flysim

import (
	"errors"
	"fmt"
	"net/http"
)

// keeper writes the platform's state to its storage. One goroutine writes. The requests that arrive
// while it waits for the disk share its next commit, and the platform's lock is not held meanwhile.
//
// Platform.mu guards its fields except storage.
type keeper struct {
	storage Storage
	wake    chan struct{} // has room for one value: there is something to store
	quit    chan struct{}
	done    chan struct{} // the goroutine has ended

	next   *commitWaiters // those who wait for the next commit
	held   int            // nothing is stored while it is above zero
	closed bool
}

// commitWaiters are the requests that wait for one commit.
type commitWaiters struct {
	done chan struct{}
	err  error // of the commit, once done is closed
}

func newCommitWaiters() *commitWaiters { return &commitWaiters{done: make(chan struct{})} }

// errClosed is the answer to a write after [Platform.Close].
var errClosed = &apiError{http.StatusServiceUnavailable, "unavailable",
	"the emulated platform is closed: its state is no longer stored"}

// Open returns a platform whose state is kept in a storage: the stored state, or that of [New] if
// nothing was stored yet ([Platform.Empty]). If Open fails, it changes nothing in the storage and
// closes it.
//
// A request that changes something is answered after the change is stored. If that fails, the
// answer is 500 and the next commit tries again. Changes by methods ([Platform.StopMachine]), by
// autostop and by time are stored soon after, at the latest by [Platform.Close], and nothing waits
// for them. Changes by time that were not stored happen again after Open. Reads do not wait for the
// storage.
//
// The clock continues at its stored time and speed; set another speed after Open. It counts the
// time during which the program was off, but no faster than real time. A stopped clock stays
// stopped.
//
// Calls, faults, rate limits, list lag and Options are not stored.
func Open(storage Storage, options Options) (*Platform, error) {
	p := New(options)
	if err := p.load(storage); err != nil {
		return nil, errors.Join(err, storage.Close())
	}
	p.keeper = &keeper{
		storage: storage, next: newCommitWaiters(),
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	go p.keep()
	return p, nil
}

// load loads the stored state into a new platform.
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

// save stores a commit.
func (k *keeper) save(c *commit) error {
	records, err := c.encode()
	if err != nil {
		return err
	}
	return k.storage.Save(records)
}

// Empty reports whether no app was ever created on the platform, so that it can be seeded.
func (p *Platform) Empty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state.ids.count["app"] == 0
}

// Sync returns once all changes so far are on disk, or with the error that prevented it.
func (p *Platform) Sync() error {
	p.mu.Lock()
	written := p.keeper.pending()
	p.mu.Unlock()
	return p.keeper.await(written)
}

// Close stores what is not stored yet and closes the storage; call it after [Server.Close]. A
// closed platform can still be read, but refuses changes. Close does nothing on a platform without
// a storage.
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
	k.next = newCommitWaiters()
	k.next.err = errClosed
	close(k.next.done)
	for _, a := range p.state.apps { // including changes that were not marked
		a.touchAll()
	}
	changes := p.collect()
	p.mu.Unlock()
	last.err = k.save(changes)
	close(last.done)
	return errors.Join(last.err, k.storage.Close())
}

// keep stores changes until Close.
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
		k.next = newCommitWaiters()
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

// poke tells the keeper that there is something to store. It does not wait.
func (k *keeper) poke() {
	if k == nil {
		return
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// await waits for a commit. It returns at once if written is nil, as on a platform without a
// storage.
func (k *keeper) await(written *commitWaiters) error {
	if written == nil {
		return nil
	}
	k.poke()
	<-written.done
	return written.err
}

// pending returns the waiters of the next commit, or nil for a nil keeper. The caller holds mu.
func (k *keeper) pending() *commitWaiters {
	if k == nil {
		return nil
	}
	return k.next
}

// answer returns the answer to a request once its changes are on disk. The caller does not hold mu.
func (k *keeper) answer(given apiAnswer, written *commitWaiters) apiAnswer {
	if err := k.await(written); err != nil {
		return refuse(err)
	}
	return given
}

// inOneCommit runs f, which makes many changes, and stores all of them in one commit.
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
