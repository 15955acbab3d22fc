package flysim

import "net/http"

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

func recordOrganization(org *organization) organizationRecord {
	return organizationRecord{
		ID: org.id, InternalNumericID: org.number, Slug: org.slug, RawSlug: org.slug, PaidPlan: true,
		Personal: org.personal, BillingStatus: "CURRENT", Name: org.name, Billable: true,
	}
}

// listOrganizations lists those that the token covers. Its person is an admin of each, so
// admin=true changes nothing.
func listOrganizations(req *apiRequest) apiAnswer {
	records := []organizationRecord{}
	for _, org := range req.organizations() {
		records = append(records, recordOrganization(org))
	}
	return reply(http.StatusOK, map[string][]organizationRecord{"organizations": records})
}

func getOrganization(req *apiRequest) apiAnswer {
	org := req.platform.state.organization(req.PathValue("organization"))
	if org == nil || !req.grant.canSeeOrganization(org.slug) {
		return refuse(notFound("organization"))
	}
	return reply(http.StatusOK, map[string]organizationRecord{"organization": recordOrganization(org)})
}

// listClusters lists the organization's Managed Postgres clusters. The platform has none, and none
// can be created.
func listClusters(req *apiRequest) apiAnswer {
	if req.platform.state.organization(req.PathValue("organization")) == nil {
		return refuse(notFound("organization"))
	}
	return reply(http.StatusOK, map[string][]struct{}{"data": {}})
}
