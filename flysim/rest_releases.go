package flysim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// releaseRecord is a release in the uiex API.
type releaseRecord struct {
	ID         string          `json:"id"`
	Version    int             `json:"version"`
	Stable     bool            `json:"stable"`
	InProgress bool            `json:"in_progress"`
	Status     string          `json:"status"`
	Strategy   string          `json:"strategy"`
	User       string          `json:"user"`
	CreatedAt  string          `json:"created_at"`
	ImageRef   string          `json:"image_ref"`
	Definition json.RawMessage `json:"definition"`
	App        string          `json:"app"`
}

// userEmail is the address of the platform's only person.
const userEmail = "dev@example.com"

func recordRelease(r *appRelease) releaseRecord {
	return releaseRecord{
		ID: r.id, Version: r.version, Stable: true, InProgress: r.inProgress(), Status: r.status,
		Strategy: r.strategy, User: userEmail, CreatedAt: timestamp(r.created), ImageRef: r.image,
		Definition: r.definition, App: r.app.name,
	}
}

func createRelease(req *apiRequest) apiAnswer {
	var in struct {
		App        string          `json:"app_name"`
		Definition json.RawMessage `json:"definition"`
		Image      string          `json:"image"`
		Strategy   string          `json:"strategy"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.appNamed(in.App)
	if err != nil {
		return refuse(err)
	}
	r, err := req.platform.state.createRelease(a, in.Image, in.Strategy, in.Definition, req.plan, req.now)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusCreated, map[string]releaseRecord{"release": recordRelease(r)})
}

func updateRelease(req *apiRequest) apiAnswer {
	var in struct {
		Status   string          `json:"status"`
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	r := req.platform.state.releases[req.PathValue("target")]
	if r == nil {
		return refuse(notFound("release"))
	}
	if err := r.update(in.Status, in.Metadata, req.now); err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, recordRelease(r))
}

// maxReleases is the most releases that one answer lists.
const maxReleases = 200

// listReleases lists an app's releases, newest first.
func listReleases(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	limit := maxReleases
	if text := req.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return refuse(invalid("invalid limit"))
		}
		limit = min(n, maxReleases)
	}
	records := []releaseRecord{}
	for _, r := range slices.Backward(a.releases) {
		if len(records) < limit {
			records = append(records, recordRelease(r))
		}
	}
	return reply(http.StatusOK, map[string][]releaseRecord{"releases": records})
}

// currentRelease returns the latest complete release. Where flyctl also wants releases that are in
// progress or failed, it takes the first one of the list.
func currentRelease(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	r := a.completed()
	if r == nil {
		return refuse(notFound("release"))
	}
	return reply(http.StatusOK, recordRelease(r))
}

// listCurrentReleases lists when each app that the token covers was last released.
func listCurrentReleases(req *apiRequest) apiAnswer {
	times := make(map[string]string)
	for _, a := range req.coveredApps(nil) {
		if r := a.completed(); r != nil {
			times[a.name] = timestamp(r.created)
		}
	}
	return reply(http.StatusOK, times)
}
