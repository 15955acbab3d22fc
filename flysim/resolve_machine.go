package flysim

import (
	"context"
	"encoding/json"
	"net/http"

	graphql "github.com/graph-gophers/graphql-go"
)

// machineNode resolves Machine. Values that change with time are read when the node is made,
// because the engine resolves fields concurrently.
type machineNode struct {
	req            *apiRequest
	vm             *vm
	state, updated string
}

// machinesOf returns the app's current Machines, without destroyed ones.
func (req *apiRequest) machinesOf(a *appState) []*machineNode {
	req.platform.settling.Lock()
	defer req.platform.settling.Unlock()
	var nodes []*machineNode
	for _, m := range a.machines {
		m.settle(req.platform.state, req.now)
		if m.state != "destroyed" {
			nodes = append(nodes, &machineNode{req, m, m.state, timestamp(m.updated)})
		}
	}
	return nodes
}

func (n *appNode) Machines(args struct {
	Active        *bool
	After, Before *string
	First, Last   *int32
	Version       *int32
}) *connection[*machineNode] {
	return newConnection(n.req.machinesOf(n.app), pageArgs{args.After, args.Before, args.First, args.Last},
		func(n *machineNode) string { return n.vm.id })
}

// Machine finds a Machine in any app that the token covers.
func (*root) Machine(ctx context.Context, args struct{ MachineId string }) (*machineNode, error) {
	req := requestOf(ctx)
	for _, a := range req.platform.state.appsOf(nil) {
		if a.find(args.MachineId) == nil || !req.grant.canSee(a.name) {
			continue
		}
		for _, m := range req.machinesOf(a) {
			if m.vm.id == args.MachineId {
				return m, nil
			}
		}
	}
	return nil, errNoMachine
}

var errNoMachine = &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find Machine"}

func (n *machineNode) ID() graphql.ID     { return graphql.ID(n.vm.id) }
func (n *machineNode) InstanceId() string { return n.vm.instance }
func (n *machineNode) Name() string       { return n.vm.name }
func (n *machineNode) Region() string     { return n.vm.region }
func (n *machineNode) State() string      { return n.state }
func (n *machineNode) CreatedAt() scalar  { return textScalar(timestamp(n.vm.created)) }
func (n *machineNode) UpdatedAt() scalar  { return textScalar(n.updated) }
func (n *machineNode) App() *appNode      { return &appNode{req: n.req, app: n.vm.app} }
func (n *machineNode) Host() *hostNode    { return &hostNode{"host-" + graphql.ID(n.vm.region)} }

func (n *machineNode) Config() (scalar, error) {
	raw, err := json.Marshal(n.vm.config)
	return scalar{raw}, err
}

// EgressIpAddresses returns those of the Machine, without those of its app.
func (n *machineNode) EgressIpAddresses(args pageArgs) *connection[*egressNode] {
	return egressNodes(n.vm.app.egressOf(n.vm.id), args)
}

func (n *machineNode) Ips(args pageArgs) *connection[*machineIP] {
	private := &machineIP{
		ID: graphql.ID("mip_" + n.vm.id), Family: "v6", Kind: "privatenet", Ip: n.vm.privateIP.String(), MaskSize: 112,
	}
	return newConnection([]*machineIP{private}, args, func(ip *machineIP) string { return ip.Ip })
}

// machineIP resolves MachineIP.
type machineIP struct {
	ID               graphql.ID
	Family, Ip, Kind string
	MaskSize         int32
}

// hostNode resolves Host.
type hostNode struct{ ID graphql.ID }
