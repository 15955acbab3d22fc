package flysim

import (
	"context"

	graphql "github.com/graph-gophers/graphql-go"
)

// MoveApp moves an app to another organization. The app and its Machines are then on that
// organization's default network; the app's addresses do not change.
func (*root) MoveApp(ctx context.Context, args struct {
	Input struct {
		AppId            graphql.ID
		ClientMutationId *string
		OrganizationId   graphql.ID
	}
}) (*appPayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.appForChange(string(in.AppId))
	if err != nil {
		return nil, err
	}
	org, err := req.organization(in.OrganizationId)
	if err != nil {
		return nil, err
	}
	if !req.grant.canManage(a.organization) || !req.grant.canManage(org) {
		return nil, errNoMutation
	}
	a.organization, a.network = org, org.networks[0]
	for _, m := range a.machines {
		m.touch()
		m.privateIP = machineAddress(a.network, m.id)
	}
	return &appPayload{app: &appNode{req: req, app: a, fresh: true}, mutation: in.ClientMutationId}, nil
}
