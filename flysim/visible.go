package flysim

import "time"

// Values of [Options] for a platform that people watch: Machines take long enough for a rollout to
// be visible.
const (
	VisibleStartDelay = 400 * time.Millisecond
	VisibleCheckDelay = 300 * time.Millisecond
)

// ExampleApp is the app of [Platform.Seed] with which a demonstration begins.
const ExampleApp = "shop-api"
