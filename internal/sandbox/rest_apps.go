package sandbox

import (
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
		MachineCount: len(a.active()), VolumeCount: len(a.disks()),
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
	case org == nil || !req.grant.seesOrganization(slug):
		return refuse(missing("organization"))
	}
	records := []appRecord{}
	for _, a := range req.platform.state.appsOf(org) {
		if a.listed <= org.appReads {
			records = append(records, req.record(a))
		}
	}
	org.appReads++
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
	if !req.grant.seesOrganization(in.Org) {
		return refuse(errNoOrganization)
	}
	a, err := req.platform.state.createApp(in.Name, in.Org, in.Network, req.plan, req.now)
	if err != nil {
		return refuse(err)
	}
	if req.plan.at.IsZero() { // the fixture's are old
		a.listed = a.organization.appReads + int64(req.platform.options.AppLag)
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

// named finds an app that the body names.
func (req *request) named(name string) (*app, error) {
	a := req.platform.state.apps[name]
	if a == nil {
		return nil, missing("app")
	}
	req.note(a)
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
