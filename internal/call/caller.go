package call

import "context"

// Caller is who sent a call, as approvals are bound to: the local user on
// stdio, the hash of the bearer token over HTTP.
type Caller struct {
	ID   string // stable; never a secret
	Name string // how the question names him
}

type callerKey struct{}

// WithCaller marks every call that runs under the context as the caller's.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller of a call; the local user when no transport set one.
func CallerFrom(ctx context.Context) Caller {
	if c, ok := ctx.Value(callerKey{}).(Caller); ok {
		return c
	}
	return Caller{ID: "local", Name: "the local user"}
}
