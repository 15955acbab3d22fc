package flysim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// maxPage is the most entries that a list of an organization returns at once.
const maxPage = 1000

// orgMachine is a Machine in the list of an organization.
type orgMachine struct {
	ID        string          `json:"id"`
	App       string          `json:"app_name"`
	Name      string          `json:"name"`
	State     string          `json:"state"`
	Region    string          `json:"region"`
	Version   string          `json:"version"`
	PrivateIP string          `json:"private_ip"`
	CreatedAt string          `json:"created_at"`
	UpdatedAt string          `json:"updated_at"`
	Config    *overviewConfig `json:"config,omitempty"`
}

// overviewConfig is the part of a configuration that the list shows.
type overviewConfig struct {
	Guest    json.RawMessage   `json:"guest,omitempty"`
	Image    string            `json:"image"`
	Metadata map[string]string `json:"metadata"`
}

// orgFilter is the query of the lists of an organization.
type orgFilter struct {
	states  []string
	region  string
	deleted bool
	after   time.Time
	cursor  string
	limit   int
}

func (req *apiRequest) orgFilter() (orgFilter, error) {
	query := req.URL.Query()
	f := orgFilter{
		states: splitValues(query["state"]), region: query.Get("region"), deleted: query.Get("include_deleted") == "true",
		cursor: query.Get("cursor"),
	}
	if text := query.Get("updated_after"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return f, invalid("invalid_argument: updated_after is no RFC 3339 time")
		}
		f.after = at
	}
	var err error
	f.limit, err = req.limit(maxPage, maxPage)
	return f, err
}

func (f orgFilter) shows(state, region string, updated time.Time, gone bool) bool {
	switch {
	case gone && !f.deleted:
		return false
	case len(f.states) > 0 && !slices.Contains(f.states, state):
		return false
	case f.region != "" && f.region != region:
		return false
	}
	return f.cursor != "" || updated.After(f.after)
}

// page returns the rows that follow the cursor, which is the id of the last row of the previous
// page, and the next cursor.
func page[T any](rows []T, f orgFilter, id func(T) string) (shown []T, next string) {
	if f.cursor != "" {
		rows = rows[slices.IndexFunc(rows, func(row T) bool { return id(row) == f.cursor })+1:]
	}
	if len(rows) > f.limit {
		rows = rows[:f.limit]
		next = id(rows[f.limit-1])
	}
	return rows, next
}

// listOrgMachines lists the Machines of all apps of an organization, sorted by their last change,
// the oldest first.
func listOrgMachines(req *apiRequest) apiAnswer {
	org := req.platform.state.organization(req.PathValue("organization"))
	if org == nil {
		return refuse(notFound("organization"))
	}
	f, err := req.orgFilter()
	if err != nil {
		return refuse(err)
	}
	var found []*vm
	for _, a := range req.platform.state.appsOf(org) {
		for _, m := range a.machines {
			if m.settle(req.platform.state, req.now); f.shows(m.state, m.region, m.updated, m.state == "destroyed") {
				found = append(found, m)
			}
		}
	}
	slices.SortFunc(found, func(a, b *vm) int { return cmp.Or(a.updated.Compare(b.updated), cmp.Compare(a.id, b.id)) })
	found, next := page(found, f, func(m *vm) string { return m.id })
	out := struct {
		Machines []orgMachine `json:"machines"`
		LastID   string       `json:"last_machine_id,omitempty"`
		LastAt   string       `json:"last_updated_at,omitempty"`
		Next     string       `json:"next_cursor,omitempty"`
	}{Machines: []orgMachine{}, Next: next}
	for _, m := range found {
		row := orgMachine{
			ID: m.id, App: m.app.name, Name: m.name, State: m.state, Region: m.region, Version: m.instance,
			PrivateIP: m.privateIP.String(), CreatedAt: timestamp(m.created), UpdatedAt: timestamp(m.updated),
		}
		if req.URL.Query().Get("summary") != "true" {
			row.Config = overview(m.config, m.parse().metadata)
		}
		out.Machines = append(out.Machines, row)
		out.LastID, out.LastAt = row.ID, row.UpdatedAt
	}
	return reply(http.StatusOK, out)
}

func overview(config spec.Config, metadata map[string]string) *overviewConfig {
	return &overviewConfig{Guest: config.Raw("guest"), Image: config.Image(), Metadata: metadata}
}

// listOrgVolumes lists the volumes of all apps of an organization.
func listOrgVolumes(req *apiRequest) apiAnswer {
	org := req.platform.state.organization(req.PathValue("organization"))
	if org == nil {
		return refuse(notFound("organization"))
	}
	f, err := req.orgFilter()
	if err != nil {
		return refuse(err)
	}
	type orgVolume struct {
		App string `json:"app_name"`
		volumeRecord
	}
	found := []orgVolume{}
	for _, a := range req.platform.state.appsOf(org) {
		for _, v := range a.volumes {
			if f.shows(v.state, v.region, v.created, v.state != "created") {
				found = append(found, orgVolume{a.name, recordVolume(v)})
			}
		}
	}
	found, next := page(found, f, func(v orgVolume) string { return v.ID })
	return reply(http.StatusOK, struct {
		Volumes []orgVolume `json:"volumes"`
		Next    string      `json:"next_cursor,omitempty"`
	}{found, next})
}
