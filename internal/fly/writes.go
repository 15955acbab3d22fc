package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// leaseNonce is the header that proves a lease.
const leaseNonce = "fly-machine-lease-nonce"

const (
	allocateMutation = `mutation FlycastAllocate($input: AllocateIPAddressInput!) {
		allocateIpAddress(input: $input) {
			ipAddress { id address type region createdAt network { name organization { slug } } }
		}
	}`
	releaseMutation = `mutation FlycastReleaseAddress($input: ReleaseIPAddressInput!) {
		releaseIpAddress(input: $input) { clientMutationId }
	}`
)

// inputVariables are the variables of a mutation.
type inputVariables[T any] struct {
	Input T `json:"input"`
}

// AllocateFlycast implements [Client]. An organization without an id is looked
// up first: without one, Fly would take the app's own. If the address that
// comes back is not private the error has code verify_failed, and the address
// is returned with it.
func (c *FlyGo) AllocateFlycast(ctx context.Context, grant *gate.Grant, app string, network Network) (Address, error) {
	if err := grant.Spend(gate.AllocateAddress, app, network.Target()); err != nil {
		return Address{}, err
	}
	if err := checkApp(app); err != nil {
		return Address{}, err
	}
	if network.Organization.ID == "" {
		organization, err := c.Organization(ctx, network.Organization.Slug)
		if err != nil {
			return Address{}, err
		}
		if network.Organization.ID = organization.ID; organization.ID == "" {
			return Address{}, &Error{Code: gate.PlatformError, Message: "Fly does not tell the id of the organization " + organization.Slug + "; nothing was changed"}
		}
	}
	op := c.writing("allocate_address", app, "")
	type input struct {
		AppID          string `json:"appId"`
		Type           string `json:"type"`
		Region         string `json:"region"`
		OrganizationID string `json:"organizationId"`
		Network        string `json:"network,omitempty"`
	}
	data, err := c.ask(ctx, op, "FlycastAllocate", allocateMutation, inputVariables[input]{input{
		AppID: app, Type: "private_v6", OrganizationID: network.Organization.ID, Network: network.Name,
	}})
	if err != nil {
		return Address{}, err
	}
	address, err := decodeAllocated(data)
	if err != nil {
		return Address{}, op.unreadable(err)
	}
	if !private(address.IP) {
		return address, op.error(gate.VerifyFailed, "a private address was asked for and Fly allocated "+address.IP.String()+", which is not in fdaa::/16", "", nil)
	}
	return address, nil
}

// decodeAllocated reads the answer to an allocation.
func decodeAllocated(data []byte) (Address, error) {
	var answer struct {
		AllocateIPAddress *struct {
			IPAddress *wireAddress
		}
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return Address{}, err
	}
	if answer.AllocateIPAddress == nil || answer.AllocateIPAddress.IPAddress == nil {
		return Address{}, errors.New("the answer names no address")
	}
	list, err := addresses([]row{answer.AllocateIPAddress.IPAddress.row()}, true)
	if err != nil {
		return Address{}, err
	}
	return list[0], nil
}

// ReleaseAddress implements [Client].
func (c *FlyGo) ReleaseAddress(ctx context.Context, grant *gate.Grant, app string, ip netip.Addr) error {
	if err := grant.Spend(gate.ReleaseAddress, app, ip.String()); err != nil {
		return err
	}
	if err := checkApp(app); err != nil {
		return err
	}
	if !ip.IsValid() {
		return &Error{Code: gate.InvalidInput, Message: "no address to release"}
	}
	op := c.writing("release_address", app, "")
	op.thing = "address " + ip.String() + " of app " + app
	type input struct {
		AppID string `json:"appId"`
		IP    string `json:"ip"`
	}
	data, err := c.ask(ctx, op, "FlycastReleaseAddress", releaseMutation, inputVariables[input]{input{app, ip.String()}})
	if err != nil {
		return err
	}
	var answer struct{ ReleaseIPAddress *struct{} }
	if err := json.Unmarshal(data, &answer); err != nil || answer.ReleaseIPAddress == nil {
		return op.unreadable(errors.Join(errors.New("the answer confirms no release"), err))
	}
	return nil
}

// LeaseMachine implements [Client]. A lost answer leaves a lease that nobody
// holds; it ends by itself after ttl.
func (c *FlyGo) LeaseMachine(ctx context.Context, grant *gate.Grant, app, id string, ttl time.Duration) (*Lease, error) {
	if err := grant.Spend(gate.LeaseMachine, app, id); err != nil {
		return nil, err
	}
	if err := checkMachine(app, id); err != nil {
		return nil, err
	}
	op := c.writing("lease", app, id)
	answer, err := c.call(ctx, op, http.MethodPost, leasePath(app, id, ttl), nil, nil)
	if err != nil {
		return nil, err
	}
	var wire struct {
		Data struct {
			Nonce string `json:"nonce"`
			Owner string `json:"owner"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer, &wire); err != nil {
		return nil, op.unreadable(err)
	}
	if wire.Data.Nonce == "" {
		return nil, op.unreadable(errors.New("the answer holds no lease"))
	}
	lease := &Lease{App: app, MachineID: id, Owner: plain(wire.Data.Owner, 128), nonce: wire.Data.Nonce}
	lease.refresh = func(ctx context.Context, ttl time.Duration) error {
		op := c.writing("lease", app, id)
		_, err := c.call(ctx, op, http.MethodPost, leasePath(app, id, ttl), nil, lease.header())
		return err
	}
	lease.release = func(ctx context.Context) error {
		op := c.writing("release_lease", app, id)
		_, err := c.call(ctx, op, http.MethodDelete, machinePath(app, id)+"/lease", nil, lease.header())
		switch CodeOf(err) {
		case gate.NotFound, gate.Busy: // it has ended, or somebody else has one since
			return nil
		}
		return err
	}
	return lease, nil
}

func leasePath(app, id string, ttl time.Duration) string {
	return machinePath(app, id) + "/lease?ttl=" + strconv.Itoa(max(int(ttl.Seconds()), 1))
}

func (l *Lease) header() http.Header { return http.Header{leaseNonce: {l.nonce}} }

// UpdateMachine implements [Client]. The lease must be of this Machine, and
// CurrentInstance must be known: otherwise the code is internal and nothing is
// sent.
func (c *FlyGo) UpdateMachine(ctx context.Context, grant *gate.Grant, app string, update Update) (Machine, error) {
	if err := grant.Spend(update.Verb(), app, update.Target()); err != nil {
		return Machine{}, err
	}
	if err := checkMachine(app, update.ID); err != nil {
		return Machine{}, err
	}
	if lease := update.Lease; lease == nil || lease.nonce == "" || lease.App != app || lease.MachineID != update.ID {
		return Machine{}, &Error{Code: gate.Internal, Message: "update of Machine " + update.ID + " without its lease; nothing was changed"}
	}
	if update.CurrentInstance == "" {
		return Machine{}, &Error{Code: gate.Internal, Message: "update of Machine " + update.ID + " without its current instance; nothing was changed"}
	}
	op := c.writing("update", app, update.ID)
	op.secrets = append(op.secrets, update.Lease.nonce)
	if env, err := update.Config.Env(); err == nil {
		for _, value := range env {
			op.secrets = append(op.secrets, value)
		}
	}
	body := struct {
		Config         machine.Config `json:"config"`
		CurrentVersion string         `json:"current_version"`
		SkipLaunch     bool           `json:"skip_launch,omitempty"`
	}{update.Config, update.CurrentInstance, update.SkipLaunch}
	answer, err := c.call(ctx, op, http.MethodPost, machinePath(app, update.ID), body, update.Lease.header())
	if err != nil {
		return Machine{}, err
	}
	m, err := decodeMachine(answer, update.ID)
	if err != nil {
		return Machine{}, op.unreadable(err)
	}
	return m, nil
}
