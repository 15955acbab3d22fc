package flysim

import (
	"encoding/json"
	"slices"
	"time"
)

// The methods in this file, with those in actors.go, build the apps that the operator defines. They
// leave no trace in Calls.

// CreateApp is [Platform.AddApp] for names that come from outside. The error says why the app
// cannot be created.
func (p *Platform) CreateApp(name, org, network string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.state.createApp(name, org, network, preset{}, p.clock.Now())
	if err == nil {
		p.notify()
	}
	return err
}

// AddRelease records a release of the app as rolled out, so that the app counts as deployed. The
// definition is the document that flyctl stores with a release: the fly.toml as JSON.
func (p *Platform) AddRelease(app, image string, definition json.RawMessage) Release {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	now := p.clock.Now()
	r, err := p.state.createRelease(p.mustApp(app), image, "rolling", definition, preset{}, now)
	if err == nil {
		err = r.update("complete", nil, now)
	}
	if err != nil {
		panic("flysim: " + err.Error())
	}
	return Release{ID: r.id, Version: r.version, Status: r.status, Strategy: r.strategy, Image: r.image,
		Definition: slices.Clone(r.definition)}
}

// SetFlyToml sets the file that [Platform.FlyToml] returns for an app.
func (p *Platform) SetFlyToml(app string, file []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mustApp(app)
	p.configs[app] = slices.Clone(file)
}

// SetStartDelay sets how long the Machines of an app take to start, in place of
// [Options.StartDelay]. Zero restores that option.
func (p *Platform) SetStartDelay(app string, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mustApp(app).startDelay = max(delay, 0)
}
