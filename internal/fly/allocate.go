package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
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

// AllocateFlycast allocates one private address for a network. It spends
// allocate_address with target [Network.Target]. Fly does not deduplicate: list the
// addresses first, and again after an *Ambiguous. If the new address is not private,
// it is returned with an error of code verify_failed.
//
// An organization without an id is looked up first: Fly takes the app's own
// organization if there is no id.
func (c *Client) AllocateFlycast(
	ctx context.Context, grant *gate.Grant, app string, network Network,
) (Address, error) {
	if err := grant.Spend(gate.AllocateAddress, app, network.Target()); err != nil {
		return Address{}, err
	}
	if err := c.apps.Check(app); err != nil { // before the organization is read
		return Address{}, err
	}
	if network.Organization.ID == "" {
		organization, err := c.Organization(ctx, network.Organization.Slug)
		if err != nil {
			return Address{}, err
		}
		if network.Organization.ID = organization.ID; organization.ID == "" {
			return Address{}, &plan.Problem{
				Code: gate.PlatformError,
				Message: "Fly's answer does not hold the id of the organization " + organization.Slug +
					"; nothing was changed",
			}
		}
	}
	op := c.writing("allocate_address").onApp(app)
	organization := "organization " + network.Organization.Slug
	op.names = map[Thing]string{ANetwork: network.phrase() + " of " + organization, AnOrganization: organization}
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
	address, err := decode(op, data, err, decodeAllocated)
	if err != nil {
		return Address{}, err
	}
	if !isPrivate(address.IP) {
		message := "Fly allocated " + address.IP.String() + ", which is not a private address (fdaa::/16) as was asked for"
		return address, op.error(gate.VerifyFailed, message, "", nil)
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
		return Address{}, errors.New("the answer holds no address")
	}
	list, err := addressList([]row{answer.AllocateIPAddress.IPAddress.row()}, true)
	if err != nil {
		return Address{}, err
	}
	return list[0], nil
}

// ReleaseAddress releases an address for good. It spends release_address with the
// address as target. Code not_found means that the app or the address is gone: read
// the list to know which.
func (c *Client) ReleaseAddress(ctx context.Context, grant *gate.Grant, app string, ip netip.Addr) error {
	if err := grant.Spend(gate.ReleaseAddress, app, ip.String()); err != nil {
		return err
	}
	if !ip.IsValid() {
		return plan.Invalid("there is no address to release")
	}
	op := c.writing("release_address").onApp(app)
	op.thing, op.kind = "address "+ip.String()+" of app "+app, AnAddress
	type input struct {
		AppID string `json:"appId"`
		IP    string `json:"ip"`
	}
	data, err := c.ask(ctx, op, "FlycastReleaseAddress", releaseMutation, inputVariables[input]{input{app, ip.String()}})
	_, err = decode(op, data, err, func(data []byte) (struct{}, error) {
		var answer struct{ ReleaseIPAddress *struct{} }
		if err := json.Unmarshal(data, &answer); err != nil || answer.ReleaseIPAddress == nil {
			return struct{}{}, errors.Join(errors.New("the answer does not confirm the release"), err)
		}
		return struct{}{}, nil
	})
	return err
}
