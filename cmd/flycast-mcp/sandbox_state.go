package main

import (
	"context"
	"errors"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// openPlatform is an emulated platform whose state is kept in the file, or in
// memory if there is no name of one. One that nobody has used gets the example
// apps. The caller closes it, once nothing serves it any more.
func openPlatform(ctx context.Context, state string, options flysim.Options) (*flysim.Platform, error) {
	if state == "" {
		platform := flysim.New(options)
		return platform, platform.Seed(ctx)
	}
	platform, err := flysim.Open(state, options)
	if err != nil || !platform.Empty() {
		return platform, err
	}
	if err := platform.Seed(ctx); err != nil {
		return nil, errors.Join(err, platform.Close())
	}
	return platform, nil
}
