package flysim

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

func (req *apiRequest) record(a *appState) appRecord {
	record := appRecord{
		ID: a.id, Name: a.name, InternalNumericID: a.number, Status: a.status,
		MachineCount: count(a.machines, func(m *vm) bool { return m.state != "destroyed" }),
		VolumeCount:  count(a.volumes, func(v *appVolume) bool { return v.state == "created" }),
		Organization: appOrganization{a.organization.name, a.organization.slug, a.organization.number},
		CnameTarget:  a.cnameTarget(),
		CreatedAt:    timestamp(a.created),
	}
	if !req.platform.options.OmitAppNetwork {
		record.Network = &a.network.name
	}
	return record
}

// timestamp formats a time as Fly does.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func listApps(req *apiRequest) apiAnswer {
	query := req.URL.Query()
	slug := query.Get("org_slug")
	org := req.platform.state.organization(slug)
	switch {
	case slug == "":
		return refuse(invalid("org_slug is required"))
	case org == nil || !req.grant.canSeeOrganization(org.slug):
		return refuse(notFound("organization"))
	}
	apps := req.coveredApps(org)
	records := make([]appRecord, 0, len(apps))
	for _, a := range apps {
		record := req.record(a)
		if a.listed <= org.appReads && (record.AppRole == query.Get("app_role") || !query.Has("app_role")) {
			records = append(records, record)
		}
	}
	org.appReads++
	return reply(http.StatusOK, struct {
		Total int         `json:"total_apps"`
		Apps  []appRecord `json:"apps"`
	}{len(records), records})
}

func createApp(req *apiRequest) apiAnswer {
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
	switch org := req.platform.state.organization(in.Org); {
	case org == nil || !req.grant.canSeeOrganization(in.Org):
		return refuse(errNoOrganization)
	case !req.grant.canManage(org):
		return refuse(errUnauthorized)
	}
	a, err := req.platform.state.createApp(in.Name, in.Org, in.Network, req.plan, req.now)
	if err != nil {
		return refuse(err)
	}
	if req.plan.at.IsZero() { // apps of the fixture are not new
		a.listed = a.organization.appReads + int64(req.platform.options.AppLag)
	}
	return reply(http.StatusCreated, req.record(a))
}

func getApp(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, req.record(a))
}

// deleteApp deletes an app. Fly answers before everything in the app is gone; here it is gone at
// once.
func deleteApp(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	req.platform.destroyApp(a, req.now)
	return apiAnswer{status: http.StatusAccepted}
}

// appNamed finds the app that the body names.
func (req *apiRequest) appNamed(name string) (*appState, error) {
	a := req.platform.state.apps[name]
	if a == nil {
		return nil, notFound("app")
	}
	req.touch(a)
	return a, nil
}

func count[T any](list []T, is func(T) bool) (n int) {
	for _, one := range list {
		if is(one) {
			n++
		}
	}
	return n
}
