package call

import (
	"context"
	"sync"
	"time"
)

// This file carries the times that only a transport knows to the gate, which
// judges an answer by when its bytes arrived and by when its question left, not
// by when the answer's turn comes. Where a transport does not say them, an answer
// counts as a program's.

// Exchange is a request on its way from the transport through a handler and
// back. It is safe for concurrent use.
type Exchange struct {
	arrived time.Time

	mu   sync.Mutex
	sent []func(time.Time)
}

type exchangeKey struct{}

// WithExchange marks a request with the time at which its bytes were read.
func WithExchange(ctx context.Context, arrived time.Time) (context.Context, *Exchange) {
	e := &Exchange{arrived: arrived}
	return context.WithValue(ctx, exchangeKey{}, e), e
}

// Awaited reports whether somebody wants to know when the response is sent.
func (e *Exchange) Awaited() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.sent) > 0
}

// Sent says when the whole response had been handed over to be carried to the
// client. A transport that could not write it does not call Sent.
func (e *Exchange) Sent(at time.Time) {
	e.mu.Lock()
	sent := e.sent
	e.sent = nil
	e.mu.Unlock()
	for _, tell := range sent {
		tell(at)
	}
}

// Arrived returns when the call's bytes were read; zero if the transport does not say.
func Arrived(ctx context.Context) time.Time {
	if e, ok := ctx.Value(exchangeKey{}).(*Exchange); ok {
		return e.arrived
	}
	return time.Time{}
}

// whenSent calls tell once the call's response was sent, if that happens.
func whenSent(ctx context.Context, tell func(time.Time)) {
	if e, ok := ctx.Value(exchangeKey{}).(*Exchange); ok {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.sent = append(e.sent, tell)
	}
}

// Posting is a question on its way to a client and back. It is safe for
// concurrent use; a nil Posting notes nothing.
type Posting struct {
	sent func(at time.Time)

	mu       sync.Mutex
	answered time.Time
}

type postingKey struct{}

// PostingFrom returns the question that a transport is to send; nil if nobody wants to
// know its times.
func PostingFrom(ctx context.Context) *Posting {
	p, _ := ctx.Value(postingKey{}).(*Posting)
	return p
}

// withPosting has sent called when the question that is asked under the context
// was sent.
func withPosting(ctx context.Context, sent func(at time.Time)) (context.Context, *Posting) {
	p := &Posting{sent: sent}
	return context.WithValue(ctx, postingKey{}, p), p
}

// Sent says when the whole question had been handed over to be carried to the
// client.
func (p *Posting) Sent(at time.Time) {
	if p != nil && p.sent != nil {
		p.sent(at)
	}
}

// Answered says when the bytes of the answer were read.
func (p *Posting) Answered(at time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered = at
}

func (p *Posting) answeredAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered
}
