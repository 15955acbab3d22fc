package flysim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	graphql "github.com/graph-gophers/graphql-go"
)

// appNode resolves App. It reads the address list once in a query.
type appNode struct {
	req   *apiRequest
	app   *appState
	fresh bool // the answer to a write shows its effect, whatever the lag

	once   sync.Once
	listed []*appAddress
}

func (n *appNode) addresses() []*appAddress {
	n.once.Do(func() {
		if n.fresh {
			n.listed = n.app.currentAddresses()
			return
		}
		n.listed = n.app.list(n.req.platform.options.ListLag)
	})
	return n.listed
}

// ID returns the app's name, because Fly uses names as the node ids of apps.
func (n *appNode) ID() graphql.ID           { return graphql.ID(n.app.name) }
func (n *appNode) InternalId() string       { return strconv.Itoa(n.app.number) }
func (n *appNode) InternalNumericId() int32 { return int32(n.app.number) }
func (n *appNode) Name() string             { return n.app.name }
func (n *appNode) Hostname() *string        { return new(n.app.hostname()) }
func (n *appNode) CnameTarget() *string     { return new(n.app.cnameTarget()) }
func (n *appNode) Deployed() bool           { return n.app.status == "deployed" }
func (n *appNode) Status() string           { return n.app.status }
func (n *appNode) AppUrl() *string          { return nil }
func (n *appNode) PlatformVersion() *string { return new("machines") }
func (n *appNode) CreatedAt() scalar        { return textScalar(timestamp(n.app.created)) }
func (n *appNode) Role() *appRole           { return nil }
func (n *appNode) CurrentLock() *appLock    { return nil }

func (n *appNode) Network() *string {
	if n.req.platform.options.OmitAppNetwork {
		return nil
	}
	return new(n.app.network.graphQLName())
}

func (n *appNode) NetworkId() *int32 { return new(int32(n.app.network.bits)) }

func (n *appNode) State() string {
	if n.Deployed() {
		return "DEPLOYED"
	}
	return "PENDING"
}

func (n *appNode) Version() int32 {
	if r := n.app.current(); r != nil {
		return int32(r.version)
	}
	return 0
}

func (n *appNode) Organization() *organizationNode {
	return &organizationNode{n.req, n.app.organization}
}

// IpAddresses leaves out the shared IPv4 address, which has its own field.
func (n *appNode) IpAddresses(args pageArgs) *connection[*addressNode] {
	var nodes []*addressNode
	for _, a := range n.addresses() {
		if a.kind != "shared_v4" {
			nodes = append(nodes, &addressNode{n.req, a})
		}
	}
	return newConnection(nodes, args, func(n *addressNode) string { return n.address.id })
}

func (n *appNode) IpAddress(args struct{ Address string }) *addressNode {
	ip, _ := netip.ParseAddr(args.Address) // an invalid address is not found
	i := slices.IndexFunc(n.addresses(), func(a *appAddress) bool { return a.ip == ip })
	if i < 0 {
		return nil
	}
	return &addressNode{n.req, n.addresses()[i]}
}

func (n *appNode) SharedIpAddress() *string {
	for _, a := range n.addresses() {
		if a.kind == "shared_v4" {
			return new(a.ip.String())
		}
	}
	return nil
}

func (n *appNode) EgressIpAddresses(args pageArgs) (*connection[*egressNode], error) {
	if n.req.platform.options.OmitEgress {
		return nil, &apiError{http.StatusInternalServerError, "SERVER_ERROR", "Something went wrong"}
	}
	return egressNodes(n.app.egressOf(""), args), nil
}

func (n *appNode) CurrentReleaseUnprocessed() *releaseNode {
	if r := n.app.current(); r != nil {
		return &releaseNode{r}
	}
	return nil
}

// CurrentRelease returns what `fly apps list` shows as the latest deploy.
func (n *appNode) CurrentRelease() *releaseNode { return n.CurrentReleaseUnprocessed() }

func (n *appNode) Releases(args pageArgs) *connection[*releaseNode] {
	return newConnection(n.releases(""), args, releaseCursor)
}

func (n *appNode) ReleasesUnprocessed(args struct {
	After, Before *string
	First, Last   *int32
	Status        *string
}) *connection[*releaseNode] {
	return newConnection(n.releases(deref(args.Status)),
		pageArgs{args.After, args.Before, args.First, args.Last}, releaseCursor)
}

// releases returns the releases with a status (empty: all), newest first.
func (n *appNode) releases(status string) []*releaseNode {
	var nodes []*releaseNode
	for _, r := range slices.Backward(n.app.releases) {
		if status == "" || r.status == status {
			nodes = append(nodes, &releaseNode{r})
		}
	}
	return nodes
}

// Image resolves any reference, because the platform has no registry.
func (n *appNode) Image(args struct{ Ref string }) *imageNode {
	if args.Ref == "" {
		return nil
	}
	return &imageNode{parseImage(args.Ref)}
}

// ImageDetails returns those of the current release.
func (n *appNode) ImageDetails() *imageVersion {
	r := n.app.current()
	if r == nil || r.image == "" {
		return nil
	}
	image := parseImage(r.image)
	return &imageVersion{
		Registry: image.registry, Repository: image.repository, Tag: image.tag, Digest: (&imageNode{image}).Digest(),
	}
}

// LatestImageDetails and the fields after it concern images that Fly itself publishes; the platform
// has none.
func (n *appNode) LatestImageDetails() *imageVersion { return nil }
func (n *appNode) ImageUpgradeAvailable() *bool      { return new(false) }
func (n *appNode) ImageVersionTrackingEnabled() bool { return false }

func (n *appNode) Config() *configNode { return &configNode{n} }

// configNode resolves AppConfig, the definition of the current release.
type configNode struct{ app *appNode }

func (n *configNode) Definition() scalar {
	if r := n.app.app.current(); r != nil && len(r.definition) > 0 {
		return scalar{r.definition}
	}
	return scalar{json.RawMessage("{}")}
}

func (n *configNode) Errors() []string          { return []string{} }
func (n *configNode) Valid() bool               { return true }
func (n *configNode) Services() []*serviceNode  { return n.app.Services() }
func (n *appNode) BackupRegions() []*regionNode { return []*regionNode{} }

// serviceNode resolves Service.
type serviceNode struct {
	Description     string
	Protocol        string
	InternalPort    int32
	Ports           []*servicePort
	HardConcurrency int32
	SoftConcurrency int32
}

type servicePort struct {
	Port, StartPort, EndPort *int32
	Handlers                 []string
}

// handlers returns the handlers of ports that the schema knows.
func handlers() []string { return []string{"EDGE_HTTP", "HTTP", "PG_TLS", "PROXY_PROTO", "TLS"} }

// Services returns the services of the app's first Machine.
func (n *appNode) Services() []*serviceNode {
	nodes := []*serviceNode{}
	machines := n.req.machinesOf(n.app)
	if len(machines) == 0 {
		return nodes
	}
	var services []struct {
		Protocol     string `json:"protocol"`
		InternalPort int32  `json:"internal_port"`
		Concurrency  struct {
			Hard int32 `json:"hard_limit"`
			Soft int32 `json:"soft_limit"`
		} `json:"concurrency"`
		Ports []struct {
			Port      *int32   `json:"port"`
			StartPort *int32   `json:"start_port"`
			EndPort   *int32   `json:"end_port"`
			Handlers  []string `json:"handlers"`
		} `json:"ports"`
	}
	if raw := machines[0].vm.config.Raw("services"); raw == nil || json.Unmarshal(raw, &services) != nil {
		return nodes
	}
	for _, s := range services {
		node := &serviceNode{
			Description: strings.ToUpper(cmp.Or(s.Protocol, "tcp")), Protocol: "TCP", InternalPort: s.InternalPort,
			HardConcurrency: s.Concurrency.Hard, SoftConcurrency: s.Concurrency.Soft, Ports: []*servicePort{},
		}
		if s.Protocol == "udp" {
			node.Protocol = "UDP"
		}
		for _, p := range s.Ports {
			port := &servicePort{Port: p.Port, StartPort: p.StartPort, EndPort: p.EndPort, Handlers: []string{}}
			for _, handler := range p.Handlers {
				if handler = strings.ToUpper(handler); slices.Contains(handlers(), handler) {
					port.Handlers = append(port.Handlers, handler)
				}
			}
			node.Ports = append(node.Ports, port)
		}
		nodes = append(nodes, node)
	}
	return nodes
}

// Regions returns the regions in which the app has Machines.
func (n *appNode) Regions() []*regionNode {
	nodes := []*regionNode{}
	for _, m := range n.req.machinesOf(n.app) {
		known := slices.ContainsFunc(nodes, func(r *regionNode) bool { return r.Code == m.vm.region })
		if r, ok := regionOf(m.vm.region); ok && !known {
			nodes = append(nodes, newRegionNode(r))
		}
	}
	return nodes
}

func (n *appNode) Certificates(args struct {
	After, Before, Filter *string
	First                 *int32
	ID                    *string
	Last                  *int32
}) *connection[*certificateNode] {
	var nodes []*certificateNode
	for _, c := range n.app.certificates {
		if strings.Contains(c.hostname, deref(args.Filter)) && (args.ID == nil || *args.ID == c.id) {
			nodes = append(nodes, &certificateNode{n.app, c})
		}
	}
	return newConnection(nodes, pageArgs{args.After, args.Before, args.First, args.Last}, (*certificateNode).Hostname)
}

func (n *appNode) Certificate(args struct{ Hostname string }) *certificateNode {
	if c := n.app.certificate(args.Hostname); c != nil {
		return &certificateNode{n.app, c}
	}
	return nil
}

// HostIssues is always empty: no host of the platform has issues.
func (n *appNode) HostIssues(args pageArgs) *connection[*issue] {
	return newConnection(nil, args, func(*issue) string { return "" })
}

// issue resolves Issue; there are none.
type issue struct {
	ID                   graphql.ID
	InternalId           string
	Message              *string
	CreatedAt, UpdatedAt scalar
}

// appLock resolves AppLock; the platform locks no apps.
type appLock struct {
	LockId     graphql.ID
	Expiration scalar
}

// appRole resolves the role of an app; no app has one.
type appRole struct{}

func (*appRole) Name() string                       { return "" }
func (r *appRole) ToEmptyAppRole() (*appRole, bool) { return r, true }
