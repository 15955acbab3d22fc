package main

import (
	"context"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox/autostop"
	webpage "github.com/flycast-mcp/flycast-mcp/internal/sandbox/page"
)

// embed runs an emulated platform within the server until the application is
// closed: its APIs, the data plane with the example apps behind it, and the page
// that shows them. One line of the log says where a person watches, and where
// the apps are called.
func (s *serving) embed(ctx context.Context, p program, app *application) (fly.Endpoints, fly.Token, error) {
	refuse := func(err error) (fly.Endpoints, fly.Token, error) {
		return fly.Endpoints{}, fly.Token{}, fmt.Errorf("--sandbox: %w", err)
	}
	platform := sandbox.New(sandbox.Options{Clock: sandbox.NewClock(p.clock.Now), RateLimits: true, StartDelay: startDelay, CheckDelay: checkDelay})
	if err := platform.Seed(ctx); err != nil {
		return refuse(err)
	}
	api, err := platform.Listen(anyPort)
	if err != nil {
		return refuse(err)
	}
	app.close = append(app.close, api.Close)
	plane, err := startDataPlane(platform, dataPlaneOptions{inside: anyPort, public: anyPort, every: autostop.DefaultEvery})
	if err != nil {
		return refuse(err)
	}
	app.close = append(app.close, plane.Close)
	page, err := sandbox.Serve(anyPort, webpage.New(webpage.Options{
		Platform: platform, Traffic: plane.traffic, App: firstApp,
		Links: webpage.Links{API: api.URL, Flycast: plane.doors.Flycast, Public: plane.doors.Public},
	}))
	if err != nil {
		return refuse(err)
	}
	app.close = append(app.close, page.Close)
	app.log.Info("emulated Fly platform", "page", page.URL, "inside", plane.doors.Flycast, "public", plane.doors.Public)
	return fly.Endpoints{API: api.URL, Flaps: api.URL, UIEX: api.URL}, fly.NewToken(platform.Token()), nil
}
