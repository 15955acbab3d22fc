package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

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
	organization := "organization " + network.Organization.Slug
	op.names = map[Thing]string{ANetwork: network.words() + " of " + organization, AnOrganization: organization}
	type input struct {
		AppID          string `json:"appId"`
		Type           string `json:"type"`
		Region         string `json:"region"`
		OrganizationID string `json:"organizationId"`
		Network        string `json:"network,omitempty"`
	}
	data, err := c.ask(ctx, op, "FlycastAllocate", allocateMutation, inputVariables[input]{input{
		AppID: app, Type: "private_v6", OrganizationID: network.Organization.ID, Network: network.graphQL(),
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
	op.thing, op.kind = "address "+ip.String()+" of app "+app, AnAddress
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
