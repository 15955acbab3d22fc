package flysim

import "net/http"

// regionRecord is a region in the Machines API.
type regionRecord struct {
	Code             string  `json:"code"`
	Name             string  `json:"name"`
	Latitude         float64 `json:"latitude"`
	Longitude        float64 `json:"longitude"`
	GatewayAvailable bool    `json:"gateway_available"`
	RequiresPaidPlan bool    `json:"requires_paid_plan"`
	Deprecated       bool    `json:"deprecated"`
	Capacity         int     `json:"capacity"`
	GeoRegion        string  `json:"geo_region"`
}

func listRegions(*apiRequest) apiAnswer {
	var rows []regionRecord
	for _, r := range Regions() {
		rows = append(rows, regionRecord{
			Code: r.Code, Name: r.name, Latitude: r.latitude, Longitude: r.longitude, GatewayAvailable: r.gateway,
			RequiresPaidPlan: r.paid, Deprecated: r.deprecated(), Capacity: r.capacity, GeoRegion: r.geo,
		})
	}
	return reply(http.StatusOK, struct {
		Regions []regionRecord `json:"Regions"`
		Nearest string         `json:"Nearest"`
	}{rows, DefaultRegion})
}

// regionLimit is how many Machines an organization may have in one region.
const regionLimit = 50

// placementRecord is the number of Machines that a region would get, with Go-style names as in
// Fly's API.
type placementRecord struct {
	Region      string
	Count       int
	Concurrency int
}

// placeMachines returns the regions that new Machines would be placed in. Every region has room for
// as many as an organization may have there; the rest go to the next region.
func placeMachines(req *apiRequest) apiAnswer {
	var in struct {
		Region string `json:"region"`
		Count  int    `json:"count"`
		Org    string `json:"org_slug"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	switch {
	case in.Org == "":
		return refuse(invalid("invalid_argument: org_slug is required"))
	case req.platform.state.organization(in.Org) == nil || !req.grant.canSeeOrganization(in.Org):
		return refuse(notFound("organization"))
	case in.Count < 0:
		return refuse(invalid("invalid_argument: count must not be negative"))
	}
	if in.Region == "" {
		in.Region = DefaultRegion + ",any"
	}
	found := placement(in.Region)
	if len(found) == 0 {
		return refuse(invalid("invalid_argument: region %.40q is not known", in.Region))
	}
	rows, left := []placementRecord{}, in.Count
	for _, r := range found {
		n := regionLimit
		if in.Count > 0 {
			if n = min(left, regionLimit); n == 0 {
				break
			}
			left -= n
		}
		rows = append(rows, placementRecord{r.Code, n, n})
	}
	if left > 0 {
		return refuse(&apiError{http.StatusUnprocessableEntity, "insufficient_capacity",
			"insufficient resources available to fulfill request"})
	}
	return reply(http.StatusOK, map[string][]placementRecord{"Regions": rows})
}
