package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	webpage "github.com/flycast-mcp/flycast-mcp/flysim/page"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// embedded is an emulated platform in this process.
type embedded struct {
	platform *flysim.Platform
	api      *flysim.Server
}

// embed serves the APIs of an emulated platform with the example apps until the
// application is closed. [application.openDoors] serves the rest.
func (s *serverSettings) embed(ctx context.Context, p program, app *application) (fly.Endpoints, fly.Token, error) {
	refuse := func(err error) (fly.Endpoints, fly.Token, error) {
		return fly.Endpoints{}, fly.Token{}, fmt.Errorf("--sandbox: %w", err)
	}
	platform := flysim.New(flysim.Options{
		Clock: flysim.NewClock(p.clock.Now), RateLimits: true,
		StartDelay: flysim.VisibleStartDelay, CheckDelay: flysim.VisibleCheckDelay,
	})
	if err := platform.Seed(ctx); err != nil {
		return refuse(err)
	}
	api, err := platform.Listen(dataplane.AnyPort)
	if err != nil {
		return refuse(err)
	}
	app.close = append(app.close, api.Close)
	app.embedded = &embedded{platform, api}
	endpoints := fly.Endpoints{API: api.URL, Flaps: api.URL, UIEX: api.URL}
	return endpoints, fly.NewToken(platform.Token()), nil
}

// openDoors starts the data plane of the embedded platform, and the page that
// shows it, until the application is closed. A line of the log has the addresses
// of the page and the apps.
func (a *application) openDoors() error {
	refuse := func(err error) error { return fmt.Errorf("--sandbox: %w", err) }
	platform, api := a.embedded.platform, a.embedded.api
	plane, err := dataplane.Start(platform, dataplane.Options{
		Inside: dataplane.AnyPort, Public: dataplane.AnyPort, AutostopEvery: autostop.DefaultEvery,
		Gateway: dataplane.AnyPort, API: strings.TrimPrefix(api.URL, "http://"),
	})
	if err != nil {
		return refuse(err)
	}
	a.close = append(a.close, plane.Close)
	inside, public := plane.Listening.Flycast, plane.Listening.Public
	page, err := flysim.Serve(dataplane.AnyPort, webpage.New(webpage.Options{
		Platform: platform, Traffic: plane.Traffic, App: flysim.ExampleApp,
		Links: webpage.Links{API: api.URL, Flycast: inside, Public: public},
	}))
	if err != nil {
		return refuse(err)
	}
	a.close = append(a.close, page.Close)
	if a.internet, err = verify.NewEmulated(public); err != nil {
		return refuse(err)
	}
	a.log.Info("emulated Fly platform", "page", page.URL, "inside", inside, "public", public)
	return nil
}
