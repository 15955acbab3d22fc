package flysim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// appRelease is a version of an app, as `fly releases` lists it.
type appRelease struct {
	id         string
	app        *appState
	version    int
	status     string
	strategy   string
	image      string
	definition json.RawMessage
	metadata   json.RawMessage
	created    time.Time
	updated    time.Time
	dirty      bool // it may have changed since it was stored
}

// The words that Fly's clients use for statuses and strategies.
var (
	strategies      = []string{"BLUEGREEN", "CANARY", "IMMEDIATE", "ROLLING", "ROLLING_ONE", "SIMPLE"}
	releaseStatuses = []string{"pending", "running", "complete", "failed", "interrupted"}
)

// maxHistory is how many releases of an app are kept.
const maxHistory = 500

// current returns the latest release, or nil if there is none.
func (a *appState) current() *appRelease {
	if len(a.releases) == 0 {
		return nil
	}
	return a.releases[len(a.releases)-1]
}

// completed returns the latest release that is complete, or nil if there is none. The uiex API
// calls it the current one.
func (a *appState) completed() *appRelease {
	for _, r := range slices.Backward(a.releases) {
		if r.status == "complete" {
			return r
		}
	}
	return nil
}

// createRelease adds a release; it counts as deployed only once it is complete.
func (s *platformState) createRelease(a *appState, image, strategy string, definition json.RawMessage,
	plan preset, now time.Time) (*appRelease, error) {
	strategy = strings.ToUpper(cmp.Or(strategy, "rolling"))
	if !slices.Contains(strategies, strategy) {
		return nil, invalid("strategy %.40q is not one of %s", strategy, strings.Join(strategies, ", "))
	}
	r := &appRelease{
		id: s.ids.opaque("release", "rel_", 16), app: a, version: 1, status: "pending",
		strategy: strategy, image: image, definition: definition, created: now, updated: now,
	}
	if last := a.current(); last != nil {
		r.version = last.version + 1
	}
	if plan.release != "" {
		r.id, r.version = plan.release, plan.version
	}
	a.releases = append(a.releases, r)
	if first := a.releases[0]; len(a.releases) > maxHistory {
		a.releases = slices.Clone(a.releases[1:])
		delete(s.releases, first.id)
	}
	r.touch()
	s.releases[r.id] = r
	return r, nil
}

// update changes a release. A complete release makes the app a deployed one, for good. Refusing
// unknown statuses is stricter than Fly.
func (r *appRelease) update(status string, metadata json.RawMessage, now time.Time) error {
	if status != "" && !slices.Contains(releaseStatuses, status) {
		return invalid("status %.40q is not one of %s", status, strings.Join(releaseStatuses, ", "))
	}
	if status != "" {
		r.status = status
	}
	if len(metadata) > 0 {
		r.metadata = metadata
	}
	if r.status == "complete" {
		r.app.status = "deployed"
	}
	r.updated = now
	r.touch()
	return nil
}

// inProgress reports whether the release is still being rolled out.
func (r *appRelease) inProgress() bool { return r.status == "pending" || r.status == "running" }

// Release is a release as the platform knows it.
type Release struct {
	ID         string
	Version    int
	Status     string
	Strategy   string
	Image      string
	Definition json.RawMessage
	Metadata   json.RawMessage
}

// Releases returns the app's releases, newest first.
func (p *Platform) Releases(app string) []Release {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Release
	for _, r := range slices.Backward(p.mustApp(app).releases) {
		list = append(list, Release{r.id, r.version, r.status, r.strategy, r.image, slices.Clone(r.definition),
			slices.Clone(r.metadata)})
	}
	return list
}
