package flysim

import (
	"net/http"
	"net/netip"
	"slices"
)

// assignment is an address in the Machines API, which shows neither type nor id.
type assignment struct {
	IP          string             `json:"ip"`
	Region      string             `json:"region"`
	ServiceName string             `json:"service_name"`
	Shared      bool               `json:"shared"`
	CreatedAt   string             `json:"created_at"`
	Egress      *bool              `json:"egress,omitempty"`
	Network     *assignmentNetwork `json:"network,omitempty"`
}

type assignmentNetwork struct {
	Name string `json:"name"`
	Org  string `json:"org_slug"`
}

func (req *apiRequest) assign(a *appAddress) assignment {
	row := assignment{
		IP: a.ip.String(), Region: a.region, ServiceName: a.service,
		Shared: a.kind == "shared_v4", CreatedAt: timestamp(a.created),
	}
	if req.platform.options.OmitTypes {
		return row
	}
	row.Egress = new(false)
	if a.network != nil {
		row.Network = &assignmentNetwork{a.network.name, a.network.organization.slug}
	}
	return row
}

// listAssignments lists inbound and outbound addresses together. Only the newer field egress
// distinguishes them.
func listAssignments(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	rows := []assignment{}
	for _, addr := range a.list(req.platform.options.ListLag) {
		rows = append(rows, req.assign(addr))
	}
	for _, e := range a.egressOf("") {
		row := assignment{IP: e.ip.String(), Region: e.region, CreatedAt: timestamp(e.updated)}
		if !req.platform.options.OmitTypes {
			row.Egress = new(true)
		}
		rows = append(rows, row)
	}
	return reply(http.StatusOK, map[string][]assignment{"ips": rows})
}

// egressPair is the answer to an allocation of outbound addresses, which come in pairs.
type egressPair struct {
	IP        *string `json:"ip"`
	Pair      ipPair  `json:"ip_pair"`
	Region    string  `json:"region"`
	CreatedAt string  `json:"created_at"`
	Egress    bool    `json:"egress"`
}

type ipPair struct {
	V4 string `json:"v4"`
	V6 string `json:"v6"`
}

func createAssignment(req *apiRequest) apiAnswer {
	var in struct {
		Type    string `json:"type"`
		Region  string `json:"region"`
		Org     string `json:"org_slug"`
		Network string `json:"network"`
		Service string `json:"service_name"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	anycast := in.Region == "" || in.Region == "global"
	switch {
	case in.Type == "egress_pair" && anycast:
		return refuse(invalid("region is required for an egress IP"))
	case in.Type == "egress_pair":
		v4, v6 := req.platform.state.allocateEgress(a, in.Region, "", req.plan, req.now)
		return reply(http.StatusOK, egressPair{
			Pair: ipPair{v4.ip.String(), v6.ip.String()}, Region: in.Region, CreatedAt: timestamp(v4.updated), Egress: true,
		})
	case !anycast && (in.Type == "shared_v4" || in.Type == "private_v6"): // flyctl, ips allocate: the API refuses it
		return refuse(invalid("region is not supported for IP address type %s", in.Type))
	}
	w := addressRequest{kind: in.Type, region: in.Region, service: in.Service, network: in.Network}
	if in.Org != "" {
		if w.organization = req.platform.state.organization(in.Org); w.organization == nil ||
			!req.grant.canSeeOrganization(in.Org) {
			return refuse(notFound("organization"))
		}
	}
	addr, err := req.platform.state.allocate(a, w, req.plan, req.now)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, req.assign(addr))
}

// deleteAssignment releases an inbound or outbound address, because the Machines API has one
// endpoint for both (flyctl, ips release-egress).
func deleteAssignment(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	ip, err := netip.ParseAddr(req.PathValue("target"))
	if err != nil {
		return refuse(invalid("invalid IP address"))
	}
	if a.releaseEgress(ip) {
		return apiAnswer{status: http.StatusNoContent}
	}
	if err := a.release(ip); err != nil {
		return refuse(err)
	}
	return apiAnswer{status: http.StatusNoContent}
}

// promoteEgress turns an outbound address of one Machine into one of the app in its region.
func promoteEgress(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	ip, _ := netip.ParseAddr(req.PathValue("target")) // an invalid address is not found
	i := slices.IndexFunc(a.egress, func(e *egressAddress) bool { return e.ip == ip && e.machine != "" })
	if i < 0 {
		return refuse(notFound("egress IP"))
	}
	a.egress[i].machine = ""
	return apiAnswer{status: http.StatusNoContent}
}
