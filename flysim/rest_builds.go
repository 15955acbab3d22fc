package flysim

import (
	"net/http"
	"strconv"
)

// maxBuilds is how many builds are kept for all apps together.
const maxBuilds = 1000

// createBuild records the start of a build. There is no builder.
func (s *platformState) createBuild(a *appState) *build {
	b := &build{id: s.ids.number("build", 0), app: a.name, status: "building"}
	s.builds[b.id] = b
	delete(s.builds, b.id-maxBuilds)
	return b
}

// finishBuild records how a build of the app ended.
func (s *platformState) finishBuild(a *appState, id int, status string) (*build, error) {
	b := s.builds[id]
	if b == nil || b.app != a.name {
		return nil, notFound("build")
	}
	b.status = status
	return b, nil
}

// number returns the build's id in the form that GraphQL uses.
func (b *build) number() string { return strconv.Itoa(b.id) }

func createBuild(req *apiRequest) apiAnswer {
	var in struct {
		App string `json:"app_name"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.appNamed(in.App)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, recordBuild(req.platform.state.createBuild(a)))
}

func finishBuild(req *apiRequest) apiAnswer {
	var in struct {
		ID     int    `json:"build_id"`
		App    string `json:"app_name"`
		Status string `json:"status"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.appNamed(in.App)
	if err != nil {
		return refuse(err)
	}
	b, err := req.platform.state.finishBuild(a, in.ID, in.Status)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, recordBuild(b))
}

// buildRecord is a build in the uiex API.
type buildRecord struct {
	ID        int    `json:"id"`
	Status    string `json:"status"`
	WallClock int    `json:"wallclock_time_ms"`
}

func recordBuild(b *build) buildRecord { return buildRecord{ID: b.id, Status: b.status} }
