package fly

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// ReleaseStatus is the progress of a release. Fly knows more words than these.
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

	app string // set by the client only
}

// NewRelease is a release to record.
type NewRelease struct {
	Definition json.RawMessage // fly.toml as a JSON object
	Image      string
	Strategy   string // rolling, immediate, canary, bluegreen
}

// Target returns how a grant names the release: the strategy with a hash of image
// and definition. The definition is what `fly config save`, and a `fly deploy`
// without a fly.toml, will use.
func (r NewRelease) Target() string {
	hash := sha256.New()
	hash.Write([]byte(r.Image + "\x00"))
	hash.Write(r.Definition)
	return strings.ToLower(r.Strategy) + "@" + hex.EncodeToString(hash.Sum(nil))[:32]
}

// ReleaseUpdate is the progress of a release.
type ReleaseUpdate struct {
	Status  ReleaseStatus
	Problem string // why the release failed; Fly shows it with the release
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

// Release reads the app's current release with its definition: fly.toml as JSON.
// Code not_found if the app has no release, or one without a definition.
func (c *Client) Release(ctx context.Context, app string) (Release, error) {
	op := c.reading("release", brisk()).onApp(app)
	data, err := c.ask(ctx, op, "FlycastRelease", releaseQuery, appVariables{app})
	current, err := decode(op, data, err, currentRelease(app))
	switch {
	case err != nil:
		return Release{}, err
	case current.app == "":
		return Release{}, op.noRelease("the app " + app + " has no release")
	case current.Definition == nil:
		return Release{}, op.noRelease("the app " + app + " has no release with a configuration")
	}
	return current, nil
}

// currentRelease returns a function that decodes the current release of an app. It
// is zero if there is none.
func currentRelease(app string) func([]byte) (Release, error) {
	return func(data []byte) (Release, error) {
		var answer struct {
			App *struct{ CurrentReleaseUnprocessed *wireRelease }
		}
		switch err := json.Unmarshal(data, &answer); {
		case err != nil:
			return Release{}, err
		case answer.App == nil:
			return Release{}, errAbsent
		case answer.App.CurrentReleaseUnprocessed == nil:
			return Release{}, nil
		}
		return answer.App.CurrentReleaseUnprocessed.release(app)
	}
}

// noRelease returns the error for an app that is there and has no release to give.
func (op *operation) noRelease(message string) *plan.Problem {
	return op.error(gate.NotFound, message, "", ARelease)
}

// Releases lists the app's newest releases, at most limit, the newest first. One
// without a definition has a nil one.
func (c *Client) Releases(ctx context.Context, app string, limit int) ([]Release, error) {
	op := c.reading("releases", brisk()).onApp(app)
	variables := struct {
		appVariables
		Limit int `json:"limit"`
	}{appVariables{app}, max(limit, 1)}
	data, err := c.ask(ctx, op, "FlycastReleases", releasesQuery, variables)
	return decode(op, data, err, func(data []byte) ([]Release, error) { return decodeReleases(data, app) })
}

// decodeReleases reads a list of the app's releases.
func decodeReleases(data []byte, app string) ([]Release, error) {
	var answer struct {
		App *struct {
			ReleasesUnprocessed struct{ Nodes []*wireRelease }
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, err
	}
	if answer.App == nil {
		return nil, errAbsent
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
		ID:         validOrEmpty(w.ID, releaseID),
		Version:    w.Version,
		Status:     ReleaseStatus(plain(w.Status, 32)),
		Strategy:   plain(w.DeploymentStrategy, 32),
		Image:      validOrEmpty(w.ImageRef, imageWord),
		CreatedAt:  parseTime(w.CreatedAt),
		Definition: definition,
		app:        app,
	}, nil
}

// decodeDefinition reads a stored fly.toml, which may be a string that holds JSON;
// nil if there is none.
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

// CreateRelease records a new release; it changes no Machine. It spends
// create_release with target [NewRelease.Target]. After an *Ambiguous, look for the
// release in Releases.
//
// It uses uiex, as flyctl's deploy does; older versions of flyctl used GraphQL's
// createRelease. Both write the same record, which `fly releases`, `fly status` and
// `fly config save` read through GraphQL, as Release and Releases do.
func (c *Client) CreateRelease(
	ctx context.Context, grant *gate.Grant, app string, release NewRelease,
) (Release, error) {
	if err := grant.Spend(gate.CreateRelease, app, release.Target()); err != nil {
		return Release{}, err
	}
	definition, err := decodeDefinition(release.Definition)
	if err != nil || definition == nil || !releaseStrategy.MatchString(release.Strategy) {
		return Release{}, plan.Invalid(
			"a release needs a strategy and a definition that is a JSON object; nothing was changed")
	}
	op := c.writing("create_release").onApp(app)
	body := struct {
		App        string          `json:"app_name"`
		Definition json.RawMessage `json:"definition"`
		Image      string          `json:"image"`
		Strategy   string          `json:"strategy"`
	}{app, definition, release.Image, strings.ToUpper(release.Strategy)}
	answer, err := c.callUIEX(ctx, op, http.MethodPost, "/api/v1/releases", body)
	return decode(op, answer, err, func(body []byte) (Release, error) { return decodeCreatedRelease(body, app) })
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
		return Release{}, errors.New("the answer holds no release")
	}
	r := wire.Release
	record := wireRelease{r.ID, r.Version, r.Status, r.Strategy, r.Image, r.CreatedAt, r.Definition}
	return record.release(app)
}

// UpdateRelease records the progress of a release. It spends update_release with the
// status as target, because the release has no id yet when the step is approved. The
// release must come from this client and be of this app: the URL of uiex does not
// name the app. Sending the same update twice does no harm.
func (c *Client) UpdateRelease(
	ctx context.Context, grant *gate.Grant, app string, release Release, update ReleaseUpdate,
) error {
	if err := grant.Spend(gate.UpdateRelease, app, string(update.Status)); err != nil {
		return err
	}
	if release.app != app || !releaseID.MatchString(release.ID) {
		return fmt.Errorf("update of a release that may belong to another app than %s; nothing was changed", app)
	}
	op := c.writing("update_release").onApp(app)
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
