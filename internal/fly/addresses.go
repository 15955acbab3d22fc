package fly

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

const (
	addressFields = `
		id name status hostname network
		organization { id slug rawSlug name }
		sharedIpAddress
		ipAddresses {
			totalCount
			nodes { id address type region createdAt network { name organization { slug } } serviceName }
		}`
	egressFields      = ` egressIpAddresses { totalCount nodes { ip region updatedAt } }`
	addressesStart    = `query FlycastAddresses($appName: String!) { app(name: $appName) {` + addressFields
	addressesQuery    = addressesStart + egressFields + ` } }`
	addressesNoEgress = addressesStart + ` } }`
)

// appVariables are the variables of every query about one app.
type appVariables struct {
	AppName string `json:"appName"`
}

// Addresses lists every address of the app, egress included, with the app's record.
// One GraphQL query reads everything. If its egress part fails, it is sent again
// without that part; if GraphQL as a whole fails, the Machines API is read instead,
// which has no types.
func (c *Client) Addresses(ctx context.Context, app string) (Addresses, error) {
	op := c.reading("addresses", brisk()).onApp(app)
	data, err := c.query(ctx, op, "FlycastAddresses", addressesQuery, appVariables{app})
	if mentions(err, "egressIpAddresses") {
		data, err = c.query(ctx, op, "FlycastAddresses", addressesNoEgress, appVariables{app})
	}
	list, err := decode(op, data, op.explain(err), func(data []byte) (Addresses, error) {
		return decodeAddresses(data, app)
	})
	switch CodeOf(err) {
	case "", gate.NotFound, gate.Unauthorized, gate.RateLimited, gate.Blocked:
		return list, err
	}
	if ctx.Err() != nil {
		return Addresses{}, err
	}
	list, fallbackErr := c.assignments(ctx, app)
	if CodeOf(fallbackErr) == gate.PlatformError {
		return Addresses{}, err // both failed: the first failure says more
	}
	return list, fallbackErr
}

// assignments reads the addresses from the Machines API.
func (c *Client) assignments(ctx context.Context, app string) (Addresses, error) {
	op := c.reading("ip_assignments", calm()).onApp(app)
	answer, err := c.get(ctx, op, "/apps/"+app+"/ip_assignments")
	list, err := decode(op, answer, err, decodeAssignments)
	if err != nil {
		return Addresses{}, err
	}
	op = c.reading("app", calm()).onApp(app)
	answer, err = c.get(ctx, op, "/apps/"+app)
	list.App, err = decode(op, answer, err, func(body []byte) (App, error) {
		var record wireApp
		if err := json.Unmarshal(body, &record); err != nil {
			return App{}, err
		}
		return record.app(app)
	})
	if err != nil {
		return Addresses{}, err
	}
	return list, nil
}

// row is one address as one of the APIs describes it.
type row struct {
	address   string
	kind      string // the platform's type; empty if it sent none
	shared    bool
	egress    bool
	region    string
	createdAt string
	network   string
	org       string
}

// wireAddress is an inbound address in GraphQL.
type wireAddress struct {
	Address, Type, Region, CreatedAt string
	Network                          *struct {
		Name         *string
		Organization *struct{ Slug string }
	}
}

func (w wireAddress) row() row {
	r := row{address: w.Address, kind: w.Type, region: w.Region, createdAt: w.CreatedAt}
	if w.Network != nil {
		r.network = networkName(w.Network.Name)
		if w.Network.Organization != nil {
			r.org = w.Network.Organization.Slug
		}
	}
	return r
}

// decodeAddresses reads the data of the GraphQL answer about an app.
func decodeAddresses(data []byte, name string) (Addresses, error) {
	var answer struct {
		App *struct {
			wireApp
			SharedIPAddress string
			IPAddresses     *struct {
				TotalCount *int
				Nodes      []*wireAddress
			}
			EgressIPAddresses *struct {
				TotalCount *int
				Nodes      []*struct{ IP, Region, UpdatedAt string }
			}
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return Addresses{}, err
	}
	app := answer.App
	if app == nil {
		return Addresses{}, errAbsent
	}
	switch list := app.IPAddresses; { // null is not "no addresses", and a missing count is not 0
	case list == nil, list.Nodes == nil && (list.TotalCount == nil || *list.TotalCount > 0):
		return Addresses{}, errors.New("the list of addresses is missing")
	case list.TotalCount != nil && len(list.Nodes) < *list.TotalCount:
		return Addresses{}, fmt.Errorf("the list holds %d of %d addresses", len(list.Nodes), *list.TotalCount)
	}
	var rows []row
	for _, node := range app.IPAddresses.Nodes {
		if node == nil {
			return Addresses{}, errors.New("an address is null")
		}
		rows = append(rows, node.row())
	}
	if app.SharedIPAddress != "" {
		rows = append(rows, row{address: app.SharedIPAddress, kind: "shared_v4"})
	}
	egress := app.EgressIPAddresses
	egressKnown := egress != nil && egress.Nodes != nil &&
		(egress.TotalCount == nil || len(egress.Nodes) >= *egress.TotalCount)
	if egress != nil {
		for _, node := range egress.Nodes {
			if node == nil {
				egressKnown = false
				continue
			}
			rows = append(rows, row{address: node.IP, egress: true, region: node.Region, createdAt: node.UpdatedAt})
		}
	}
	record, err := app.app(name)
	if err != nil {
		return Addresses{}, err
	}
	list, err := addressList(rows, egressKnown)
	return Addresses{App: record, List: list, EgressKnown: egressKnown}, err
}

// decodeAssignments reads the Machines API's list. It has no types; newer answers
// have egress and network, which fly-go drops. EgressKnown is true if every address
// says whether it is an egress address.
func decodeAssignments(body []byte) (Addresses, error) {
	var answer struct {
		IPs *[]struct {
			IP        string `json:"ip"`
			Region    string `json:"region"`
			Shared    bool   `json:"shared"`
			Egress    *bool  `json:"egress"`
			CreatedAt string `json:"created_at"`
			Network   *struct {
				Name    *string `json:"name"`
				OrgSlug string  `json:"org_slug"`
			} `json:"network"`
		} `json:"ips"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Addresses{}, err
	}
	if answer.IPs == nil {
		return Addresses{}, errors.New("the list of addresses is missing")
	}
	rows := make([]row, 0, len(*answer.IPs))
	egressKnown := len(*answer.IPs) > 0
	for _, ip := range *answer.IPs {
		r := row{address: ip.IP, shared: ip.Shared, region: ip.Region, createdAt: ip.CreatedAt}
		if ip.Network != nil {
			r.network, r.org = networkName(ip.Network.Name), ip.Network.OrgSlug
		}
		if ip.Egress == nil {
			egressKnown = false
		} else {
			r.egress = *ip.Egress
		}
		rows = append(rows, r)
	}
	list, err := addressList(rows, egressKnown)
	return Addresses{List: list, EgressKnown: egressKnown}, err
}

// anycast is the region of an address that is in all regions. Fly may also leave the
// region empty.
const anycast = "global"

// addressList classifies rows, one address for each IP, sorted by kind and IP. An
// address that cannot be read is an error, since a list without it could pass for a
// private one.
func addressList(rows []row, egressKnown bool) ([]Address, error) {
	byIP := make(map[netip.Addr]Address, len(rows))
	for _, r := range rows {
		ip, err := netip.ParseAddr(r.address)
		if err != nil || ip.Zone() != "" {
			return nil, fmt.Errorf("not an IP address: %s", quote(r.address))
		}
		kind, inferred := classify(ip, r, egressKnown)
		a := Address{
			IP: ip, Kind: kind, Inferred: inferred, Region: cmp.Or(validOrEmpty(r.region, regionWord), anycast),
			CreatedAt: parseTime(r.createdAt), Network: validOrEmpty(r.network, networkWord), Org: validOrEmpty(r.org, slugWord),
		}
		switch earlier, twice := byIP[ip]; {
		case !twice || kind == Egress:
		case earlier.Kind == Egress || earlier.Kind == kind:
			a = earlier
		default:
			a.Kind, a.Inferred = UnknownKind, true
		}
		byIP[ip] = a
	}
	list := make([]Address, 0, len(byIP))
	for _, a := range byIP {
		list = append(list, a)
	}
	order := []Kind{DedicatedV4, SharedV4, DedicatedV6, Flycast, Egress, UnknownKind}
	slices.SortFunc(list, func(a, b Address) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			a.IP.Compare(b.IP))
	})
	return list, nil
}

// classify decides what an address is. Egress comes first, whatever else a row
// says: such an address is never inbound. Fly's type counts only if the address can
// be of that type; a contradiction is unknown. Without a type the address itself
// decides, and the kind is inferred.
func classify(ip netip.Addr, r row, egressKnown bool) (kind Kind, inferred bool) {
	if r.egress || r.kind == "egress_v4" || r.kind == "egress_v6" {
		return Egress, false
	}
	fits := UnknownKind
	global := ip.IsGlobalUnicast() && !ip.IsPrivate()
	switch {
	case isPrivate(ip):
		fits = Flycast
	case ip.Is4() && global && (r.shared || r.kind == "shared_v4"):
		fits = SharedV4
	case ip.Is4() && global:
		fits = DedicatedV4
	case ip.Is6() && !ip.Is4In6() && global && !r.shared:
		fits = DedicatedV6
	}
	if fits == UnknownKind {
		return UnknownKind, r.kind == ""
	}
	if r.kind == "" {
		return fits, true
	}
	typed := map[Kind]string{DedicatedV4: "v4", SharedV4: "shared_v4", DedicatedV6: "v6", Flycast: "private_v6"}
	if typed[fits] != r.kind {
		return UnknownKind, false
	}
	return fits, !egressKnown && (fits == DedicatedV4 || fits == DedicatedV6)
}

// wireApp is an app's record, in GraphQL and in the Machines API.
type wireApp struct {
	ID           string  `json:"id"`
	Name         string  `json:"name"`
	Status       string  `json:"status"`
	Hostname     string  `json:"hostname"`
	Network      *string `json:"network"`
	Organization struct {
		ID      string `json:"id"`
		Slug    string `json:"slug"`
		RawSlug string `json:"rawSlug"` // GraphQL only
		Name    string `json:"name"`
	} `json:"organization"`
}

// parseTime reads a time; the zero time if it cannot be read.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
