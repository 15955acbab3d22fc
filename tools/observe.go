package tools

import (
	"context"
	"errors"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// listen looks into one started Machine for each group and region. What cannot
// be read makes no blocker; the release's plan says that it was not checked.
func (a *toolset) listen(ctx context.Context, s *rules.Snapshot) {
	s.Listening = make(map[string][]fly.Process)
	for _, id := range s.Sample() {
		if ctx.Err() != nil {
			return // the call is over; what was not read stays unknown
		}
		if processes, err := a.fly.Processes(ctx, s.Addresses.App.Name, id); err == nil {
			s.Listening[id] = processes
		}
	}
}

// certificates are the app's custom hostnames; known is false if this token may
// not read them.
func (a *toolset) certificates(ctx context.Context, app string) (list []fly.Certificate, known bool, err error) {
	list, err = a.fly.Certificates(ctx, app)
	var coded *fly.Error
	if errors.As(err, &coded) && coded.Code == gate.Unauthorized {
		return nil, false, nil
	}
	return list, err == nil, err
}
