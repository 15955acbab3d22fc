package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/state"
)

// openPlatform opens the platform of the settings, and sets its clock.
func (e *emulator) openPlatform(ctx context.Context) error {
	if e.settings.coldStart < 0 {
		return fmt.Errorf("--cold-start %s is negative", e.settings.coldStart)
	}
	clock := flysim.NewClock(e.now)
	e.reportSlowStart("--cold-start", e.settings.coldStart)
	var err error
	e.platform, err = openPlatform(ctx, e.settings.state, flysim.Options{
		Clock: clock, RateLimits: true, StartDelay: e.settings.coldStart, CheckDelay: flysim.VisibleCheckDelay,
	})
	if err != nil {
		return err
	}
	e.closeLater(e.platform.Close)
	if e.settings.speed.isSet { // otherwise a stored platform keeps the speed it had
		clock.SetSpeed(e.settings.speed.factor)
	}
	return nil
}

// openPlatform returns an emulated platform whose state is kept in the file, or
// in memory if the name is empty. A new one gets the example apps. The caller closes
// it, after everything that serves it.
func openPlatform(ctx context.Context, file string, options flysim.Options) (*flysim.Platform, error) {
	if file == "" {
		platform := flysim.New(options)
		return platform, platform.Seed(ctx)
	}
	platform, err := state.Open(file, options)
	if err != nil || !platform.Empty() {
		return platform, err
	}
	if err := platform.Seed(ctx); err != nil {
		return nil, errors.Join(err, platform.Close())
	}
	return platform, nil
}
