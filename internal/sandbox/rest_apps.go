package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// appRecord is an app in the Machines API.
type appRecord struct {
	ID                string          `json:"id"`
	Name              string          `json:"name"`
	InternalNumericID int             `json:"internal_numeric_id"`
	Network           *string         `json:"network,omitempty"`
	Status            string          `json:"status"`
	MachineCount      int             `json:"machine_count"`
	VolumeCount       int             `json:"volume_count"`
	Organization      appOrganization `json:"organization"`
	CnameTarget       string          `json:"cname_target"`
	AppRole           string          `json:"app_role"`
	CreatedAt         string          `json:"created_at"`
}

type appOrganization struct {
	Name              string `json:"name"`
	Slug              string `json:"slug"`
	InternalNumericID int    `json:"internal_numeric_id"`
}

func (req *request) record(a *app) appRecord {
	record := appRecord{
		ID: a.id, Name: a.name, InternalNumericID: a.number, Status: a.status,
		MachineCount: len(a.active()),
		Organization: appOrganization{a.organization.name, a.organization.slug, a.organization.number},
		CnameTarget:  a.cnameTarget(),
		CreatedAt:    stamp(a.created),
	}
	if !req.platform.options.OmitAppNetwork {
		record.Network = &a.network.name
	}
	return record
}

// stamp writes a time as Fly does.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func listApps(req *request) answer {
	slug := req.URL.Query().Get("org_slug")
	org := req.platform.state.organization(slug)
	switch {
	case slug == "":
		return refuse(invalid("org_slug is required"))
	case org == nil:
		return refuse(missing("organization"))
	}
	records := []appRecord{}
	for _, a := range req.platform.state.appsOf(org) {
		records = append(records, req.record(a))
	}
	return reply(http.StatusOK, struct {
		Total int         `json:"total_apps"`
		Apps  []appRecord `json:"apps"`
	}{len(records), records})
}

func createApp(req *request) answer {
	var in struct {
		Name    string `json:"name"`
		AppName string `json:"app_name"`
		Org     string `json:"org_slug"`
		Network string `json:"network"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	if in.Name == "" {
		in.Name = in.AppName
	}
	a, err := req.platform.state.createApp(in.Name, in.Org, in.Network, req.plan, req.now)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusCreated, req.record(a))
}

func getApp(req *request) answer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, req.record(a))
}

// organizationRecord is an organization in the uiex API.
type organizationRecord struct {
	ID                      string `json:"id"`
	InternalNumericID       int    `json:"internal_numeric_id"`
	Slug                    string `json:"slug"`
	RawSlug                 string `json:"raw_slug"`
	PaidPlan                bool   `json:"paid_plan"`
	Personal                bool   `json:"personal"`
	BillingStatus           string `json:"billing_status"`
	Name                    string `json:"name"`
	Billable                bool   `json:"billable"`
	ProvisionsBetaExtension bool   `json:"provisions_beta_extensions"`
	RemoteBuilderImage      string `json:"remote_builder_image"`
}

func getOrganization(req *request) answer {
	org := req.platform.state.organization(req.PathValue("organization"))
	if org == nil {
		return refuse(missing("organization"))
	}
	return reply(http.StatusOK, map[string]organizationRecord{"organization": {
		ID: org.id, InternalNumericID: org.number, Slug: org.slug, RawSlug: org.slug, PaidPlan: true,
		Personal: org.personal, BillingStatus: "CURRENT", Name: org.name, Billable: true,
	}})
}

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

// userEmail is the only person the sandbox knows.
const userEmail = "dev@example.com"

func recordRelease(r *release) releaseRecord {
	return releaseRecord{
		ID: r.id, Version: r.version, Stable: true, InProgress: r.inProgress(), Status: r.status,
		Strategy: r.strategy, User: userEmail, CreatedAt: stamp(r.created), ImageRef: r.image,
		Definition: r.definition, App: r.app.name,
	}
}

func createRelease(req *request) answer {
	var in struct {
		App        string          `json:"app_name"`
		Definition json.RawMessage `json:"definition"`
		Image      string          `json:"image"`
		Strategy   string          `json:"strategy"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.named(in.App)
	if err != nil {
		return refuse(err)
	}
	r := req.platform.state.createRelease(a, in.Image, in.Strategy, in.Definition, req.plan, req.now)
	return reply(http.StatusCreated, map[string]releaseRecord{"release": recordRelease(r)})
}

func updateRelease(req *request) answer {
	var in struct {
		Status   string          `json:"status"`
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	r := req.platform.state.releases[req.PathValue("target")]
	if r == nil {
		return refuse(missing("release"))
	}
	r.update(in.Status, in.Metadata, req.now)
	return reply(http.StatusOK, recordRelease(r))
}

// named finds an app that the body names.
func (req *request) named(name string) (*app, error) {
	a := req.platform.state.apps[name]
	if a == nil {
		return nil, missing("app")
	}
	return a, nil
}

func createBuild(req *request) answer {
	var in struct {
		App string `json:"app_name"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.named(in.App)
	if err != nil {
		return refuse(err)
	}
	s := req.platform.state
	b := &build{id: s.ids.number("build", 0), app: a.name, status: "building"}
	s.builds[b.id] = b
	return reply(http.StatusOK, recordBuild(b))
}

func finishBuild(req *request) answer {
	var in struct {
		ID     int    `json:"build_id"`
		App    string `json:"app_name"`
		Status string `json:"status"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	if _, err := req.named(in.App); err != nil {
		return refuse(err)
	}
	b := req.platform.state.builds[in.ID]
	if b == nil || b.app != in.App {
		return refuse(missing("build"))
	}
	b.status = in.Status
	return reply(http.StatusOK, recordBuild(b))
}

// buildRecord is a build in the uiex API.
type buildRecord struct {
	ID        int    `json:"id"`
	Status    string `json:"status"`
	WallClock int    `json:"wallclock_time_ms"`
}

func recordBuild(b *build) buildRecord { return buildRecord{ID: b.id, Status: b.status} }
