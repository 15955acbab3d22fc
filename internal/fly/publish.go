package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const allocatePublicMutation = `mutation FlycastAllocatePublic($input: AllocateIPAddressInput!) {
	allocateIpAddress(input: $input) { app { id } }
}`

// publicTypes are the kinds that can be allocated, as the API calls them.
func publicTypes() map[Kind]string {
	return map[Kind]string{DedicatedV6: "v6", SharedV4: "shared_v4", DedicatedV4: "v4"}
}

// AllocatePublic allocates a public address of a kind. It spends allocate_address with the kind as
// target. Fly does not deduplicate: list the addresses first, and afterwards to know which one is
// new.
func (c *Client) AllocatePublic(ctx context.Context, grant *gate.Grant, app string, kind Kind) error {
	if err := grant.Spend(gate.AllocateAddress, app, string(kind)); err != nil {
		return err
	}
	wanted, ok := publicTypes()[kind]
	if !ok {
		return plan.Invalid("%s is not a kind of public address", quote(string(kind)))
	}
	op := c.writing("allocate_address").onApp(app)
	type input struct {
		AppID string `json:"appId"`
		Type  string `json:"type"`
	}
	data, err := c.ask(ctx, op, "FlycastAllocatePublic", allocatePublicMutation, inputVariables[input]{input{app, wanted}})
	_, err = decode(op, data, err, func(data []byte) (struct{}, error) {
		var answer struct{ AllocateIPAddress *struct{} }
		if err := json.Unmarshal(data, &answer); err != nil || answer.AllocateIPAddress == nil {
			return struct{}{}, errors.Join(errors.New("the answer does not confirm the allocation"), err)
		}
		return struct{}{}, nil
	})
	return err
}

// CreateApp creates an app without Machines and addresses, and its network if the organization does
// not have it yet. It spends create_app with target [Network.Target].
func (c *Client) CreateApp(ctx context.Context, grant *gate.Grant, app string, network Network) error {
	if err := grant.Spend(gate.CreateApp, app, network.Target()); err != nil {
		return err
	}
	op := c.writing("create_app").onApp(app)
	op.names = map[Thing]string{AnOrganization: "organization " + network.Organization.Slug}
	body := struct {
		Name    string `json:"app_name"`
		Org     string `json:"org_slug"`
		Network string `json:"network,omitempty"`
	}{app, network.Organization.Slug, network.graphQL()}
	_, err := c.call(ctx, op, http.MethodPost, "/apps", body, nil)
	return err
}
