package rollout

import (
	"context"
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// What reading may show of an update whose answer was lost or says too little.
var (
	errTookEffect = errors.New("the Machine changed, and not to what was sent")
	errUnsettled  = errors.New("the Machine could not be read, so its state is unknown")
)

// settleReads is how often the state is read after a lost answer.
const settleReads = 6

// update sends a configuration once. When the answer is lost or is a refusal,
// the Machine's instance and configuration show what happened.
func (r *run) update(ctx context.Context, update fly.Update, was string) (fly.Machine, error) {
	m, err := r.Client.UpdateMachine(ctx, r.grant, r.work.App, update)
	var ambiguous *fly.Ambiguous
	switch {
	case err == nil:
		return m, nil
	case errors.As(err, &ambiguous):
		return r.settle(ctx, update, was, ambiguous)
	case isRejected(err):
		return fly.Machine{}, err
	}
	return r.settleRefusal(ctx, update, was, err)
}

// settle reads what became of an update whose answer was lost.
func (r *run) settle(ctx context.Context, update fly.Update, was string, lost *fly.Ambiguous) (fly.Machine, error) {
	err, read := error(lost), false
	for range settleReads {
		live, readErr := r.Client.Machine(ctx, r.work.App, update.ID)
		read = readErr == nil
		switch {
		case readErr != nil:
			err = errors.Join(lost, readErr)
		case machine.Equal(live.Config, update.Config):
			return live, nil
		case live.InstanceID != was:
			return live, fmt.Errorf("%w: %w", lost.Settled(), errTookEffect)
		}
		if r.pause(ctx, pollStep) != nil {
			return fly.Machine{}, fmt.Errorf("%w: %w", err, errUnsettled)
		}
	}
	if !read {
		return fly.Machine{}, fmt.Errorf("%w: %w", err, errUnsettled)
	}
	return fly.Machine{}, fmt.Errorf("%w; read back %d times, the Machine is unchanged", lost.Settled(), settleReads)
}

// neverArrived returns the error of an update once a later reading shows that it did nothing.
func neverArrived(err error) error {
	var lost *fly.Ambiguous
	var coded *plan.Problem
	switch {
	case !errors.Is(err, errUnsettled):
		return err
	case errors.As(err, &lost):
		err = lost.Settled()
	case errors.As(err, &coded):
		err = coded
	}
	return fmt.Errorf("%w; read back later, the Machine is unchanged", err)
}

// readFresh reads a Machine, more than once if Fly does not answer.
func (r *run) readFresh(ctx context.Context, id string) (live fly.Machine, err error) {
	for range settleReads {
		if live, err = r.Client.Machine(ctx, r.work.App, id); err == nil || !isTransient(err) || r.pause(ctx,
			pollStep) != nil {
			break
		}
	}
	return live, err
}

// settleRefusal reads the Machine before a refusal is believed: a status says what the
// platform answered, not what it did.
func (r *run) settleRefusal(ctx context.Context, update fly.Update, was string, refusal error) (fly.Machine, error) {
	live, err := r.readFresh(ctx, update.ID)
	switch {
	case err != nil:
		return fly.Machine{}, fmt.Errorf("%w: %w", refusal, errUnsettled)
	case live.InstanceID == was:
		return fly.Machine{}, refusal
	case machine.Equal(live.Config, update.Config):
		return live, nil
	case isConflict(refusal):
		return fly.Machine{}, refusal
	}
	return live, fmt.Errorf("%w: %w", refusal, errTookEffect)
}

// isRejected reports whether an update ended before the platform came to it:
// it was never sent, or this token, this Machine or this rate is not let in.
func isRejected(err error) bool {
	switch fly.CodeOf(err) {
	case gate.Internal, gate.Unauthorized, gate.NotFound, gate.RateLimited:
		return true
	}
	return false
}

// isConflict reports whether an update was refused because of another client's work. What
// the Machine has then is theirs, and is not put back.
func isConflict(refusal error) bool {
	code := fly.CodeOf(refusal)
	return code == gate.Stale || code == gate.Busy
}
