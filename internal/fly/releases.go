package fly

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// ReleaseStatus is how far a release has come. Fly knows more words than these.
type ReleaseStatus string

// The statuses that flyctl sets. Complete makes the app a deployed one.
const (
	ReleaseRunning     ReleaseStatus = "running"
	ReleaseComplete    ReleaseStatus = "complete"
	ReleaseFailed      ReleaseStatus = "failed"
	ReleaseInterrupted ReleaseStatus = "interrupted"
)

// Release is a release of an app, in the sense of `fly releases`.
type Release struct {
	ID         string
	Version    int
	Status     ReleaseStatus
	Strategy   string // as Fly spells it: ROLLING, …
	Image      string
	CreatedAt  time.Time
	Definition json.RawMessage // fly.toml as JSON, as flyctl stored it

	app string // whose it is; set by the client alone
}

// NewRelease is a release to record.
type NewRelease struct {
	Definition json.RawMessage // fly.toml as a JSON object
	Image      string
	Strategy   string // rolling, immediate, canary, bluegreen
}

// Target is how a grant names the release: the strategy with a hash of image
// and definition. The definition decides what `fly config save`, and a
// `fly deploy` without a fly.toml, will use.
func (r NewRelease) Target() string {
	hash := sha256.New()
	hash.Write([]byte(r.Image + "\x00"))
	hash.Write(r.Definition)
	return strings.ToLower(r.Strategy) + "@" + hex.EncodeToString(hash.Sum(nil))[:32]
}

// ReleaseUpdate is how a release goes on.
type ReleaseUpdate struct {
	Status  ReleaseStatus
	Problem string // of a release that did not get through; shown with it
}

const (
	releaseQuery = `query FlycastRelease($appName: String!) {
		app(name: $appName) { currentReleaseUnprocessed { ...release } }
	} ` + releaseFragment
	releasesQuery = `query FlycastReleases($appName: String!, $limit: Int!) {
		app(name: $appName) { releasesUnprocessed(first: $limit) { nodes { ...release } } }
	} ` + releaseFragment
	releaseFragment = `fragment release on ReleaseUnprocessed {
		id version status deploymentStrategy imageRef createdAt configDefinition
	}`
)

var (
	releaseID       = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	releaseStrategy = regexp.MustCompile(`^[A-Za-z_]{1,32}$`)
)

// Release implements [Client].
func (c *FlyGo) Release(ctx context.Context, app string) (Release, error) {
	if err := checkApp(app); err != nil {
		return Release{}, err
	}
	op := c.reading("release", app, "", brisk())
	data, err := c.ask(ctx, op, "FlycastRelease", releaseQuery, appVariables{app})
	if err != nil {
		return Release{}, err
	}
	var answer struct {
		App *struct{ CurrentReleaseUnprocessed *wireRelease }
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return Release{}, op.unreadable(err)
	}
	if answer.App == nil {
		return Release{}, op.notFound("")
	}
	if answer.App.CurrentReleaseUnprocessed == nil {
		return Release{}, op.noRelease("the app " + app + " has no release")
	}
	release, err := answer.App.CurrentReleaseUnprocessed.release(app)
	switch {
	case err != nil:
		return Release{}, op.unreadable(err)
	case release.Definition == nil:
		return Release{}, op.noRelease("the app " + app + " has no release with a configuration")
	}
	return release, nil
}

// noRelease is the error for an app that is there and has no release to give.
func (op *operation) noRelease(message string) *Error {
	e := op.error(gate.NotFound, message, "", nil)
	e.Missing = ARelease
	return e
}

// Releases implements [Client].
func (c *FlyGo) Releases(ctx context.Context, app string, limit int) ([]Release, error) {
	if err := checkApp(app); err != nil {
		return nil, err
	}
	op := c.reading("releases", app, "", brisk())
	variables := struct {
		appVariables
		Limit int `json:"limit"`
	}{appVariables{app}, max(limit, 1)}
	data, err := c.ask(ctx, op, "FlycastReleases", releasesQuery, variables)
	if err != nil {
		return nil, err
	}
	releases, err := decodeReleases(data, app)
	switch {
	case err != nil:
		return nil, op.unreadable(err)
	case releases == nil:
		return nil, op.notFound("")
	}
	return releases, nil
}

// decodeReleases reads a list of releases; nil if there is no app.
func decodeReleases(data []byte, app string) ([]Release, error) {
	var answer struct {
		App *struct {
			ReleasesUnprocessed struct{ Nodes []*wireRelease }
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil || answer.App == nil {
		return nil, err
	}
	releases := []Release{}
	for _, wire := range answer.App.ReleasesUnprocessed.Nodes {
		if wire == nil {
			continue
		}
		release, err := wire.release(app)
		if err != nil {
			return nil, err
		}
		releases = append(releases, release)
	}
	return releases, nil
}

// wireRelease is a release as GraphQL sends it.
type wireRelease struct {
	ID                 string
	Version            int
	Status             string
	DeploymentStrategy string
	ImageRef           string
	CreatedAt          string
	ConfigDefinition   json.RawMessage
}

func (w *wireRelease) release(app string) (Release, error) {
	definition, err := decodeDefinition(w.ConfigDefinition)
	if err != nil {
		return Release{}, err
	}
	return Release{
		ID:         told(w.ID, releaseID),
		Version:    w.Version,
		Status:     ReleaseStatus(plain(w.Status, 32)),
		Strategy:   plain(w.DeploymentStrategy, 32),
		Image:      told(w.ImageRef, imageWord),
		CreatedAt:  moment(w.CreatedAt),
		Definition: definition,
		app:        app,
	}, nil
}

// decodeDefinition reads a stored fly.toml, which may come as the text of its
// JSON; nil if there is none.
func decodeDefinition(definition json.RawMessage) (json.RawMessage, error) {
	var text string
	if json.Unmarshal(definition, &text) == nil && text != "" {
		definition = json.RawMessage(text)
	}
	if len(definition) == 0 || string(definition) == "null" {
		return nil, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(definition, &fields); err != nil || fields == nil {
		return nil, errors.New("the definition is not an object")
	}
	return definition, nil
}

// CreateRelease implements [Client]. It goes over uiex, because that is what
// flyctl's deploy does now; older ones used GraphQL's createRelease. Both write
// the same record, which `fly releases`, `fly status` and `fly config save` read
// through GraphQL, as Release and Releases do.
func (c *FlyGo) CreateRelease(ctx context.Context, grant *gate.Grant, app string, release NewRelease) (Release, error) {
	if err := grant.Spend(gate.CreateRelease, app, release.Target()); err != nil {
		return Release{}, err
	}
	if err := checkApp(app); err != nil {
		return Release{}, err
	}
	definition, err := decodeDefinition(release.Definition)
	if err != nil || definition == nil || !releaseStrategy.MatchString(release.Strategy) {
		return Release{}, &Error{Code: gate.InvalidInput, Message: "a release needs a definition that is a JSON object, and a strategy; nothing was changed"}
	}
	op := c.writing("create_release", app, "")
	body := struct {
		App        string          `json:"app_name"`
		Definition json.RawMessage `json:"definition"`
		Image      string          `json:"image"`
		Strategy   string          `json:"strategy"`
	}{app, definition, release.Image, strings.ToUpper(release.Strategy)}
	answer, err := c.callUIEX(ctx, op, http.MethodPost, "/api/v1/releases", body)
	if err != nil {
		return Release{}, err
	}
	created, err := decodeCreatedRelease(answer, app)
	if err != nil {
		return Release{}, op.unreadable(err)
	}
	return created, nil
}

// decodeCreatedRelease reads the answer of uiex to a new release.
func decodeCreatedRelease(body []byte, app string) (Release, error) {
	var wire struct {
		Release *struct {
			ID         string          `json:"id"`
			Version    int             `json:"version"`
			Status     string          `json:"status"`
			Strategy   string          `json:"strategy"`
			Image      string          `json:"image_ref"`
			CreatedAt  string          `json:"created_at"`
			Definition json.RawMessage `json:"definition"`
		} `json:"release"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Release{}, err
	}
	if wire.Release == nil || !releaseID.MatchString(wire.Release.ID) {
		return Release{}, errors.New("the answer names no release")
	}
	r := wire.Release
	common := wireRelease{r.ID, r.Version, r.Status, r.Strategy, r.Image, r.CreatedAt, r.Definition}
	return common.release(app)
}

// UpdateRelease implements [Client]. Over uiex the app is not in the address:
// that is why the release must be one that was read or made for the app.
func (c *FlyGo) UpdateRelease(ctx context.Context, grant *gate.Grant, app string, release Release, update ReleaseUpdate) error {
	if err := grant.Spend(gate.UpdateRelease, app, string(update.Status)); err != nil {
		return err
	}
	if err := checkApp(app); err != nil {
		return err
	}
	if release.app != app || !releaseID.MatchString(release.ID) {
		return &Error{Code: gate.Internal, Message: "update of a release that is not known to be of app " + app + "; nothing was changed"}
	}
	op := c.writing("update_release", app, "")
	op.thing, op.kind = "release "+release.ID+" of app "+app, ARelease
	// The names are flyctl's; Fly shows the error with the release.
	type outcome struct {
		Client string `json:"flyctl_version"`
		Error  string `json:"error"`
	}
	type metadata struct {
		Outcome outcome `json:"post_deployment_info"`
	}
	body := struct {
		Status   ReleaseStatus `json:"status"`
		Metadata *metadata     `json:"metadata"`
	}{Status: update.Status}
	if update.Status != ReleaseRunning {
		body.Metadata = &metadata{outcome{c.userAgent, plain(update.Problem, maxText)}}
	}
	_, err := c.callUIEX(ctx, op, http.MethodPatch, "/api/v1/releases/"+release.ID, body)
	return err
}
