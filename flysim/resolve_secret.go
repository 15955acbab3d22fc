package flysim

import (
	"context"
	"slices"

	graphql "github.com/graph-gophers/graphql-go"
)

// secretNode resolves Secret: its digest, never its value.
type secretNode struct {
	ID        graphql.ID
	Name      string
	Digest    string
	CreatedAt scalar
	User      *user
}

func (n *appNode) Secrets() []*secretNode {
	nodes := []*secretNode{}
	for _, name := range n.app.secrets.names() {
		known := n.app.secrets.byName[name]
		nodes = append(nodes, &secretNode{
			ID: graphql.ID(n.app.name + "/" + name), Name: name, Digest: known.digest,
			CreatedAt: textScalar(timestamp(known.created)), User: &user{},
		})
	}
	return nodes
}

// secretsPayload resolves the payloads of the mutations of secrets. They create no release for apps
// on Machines: the next deploy applies the secrets.
type secretsPayload struct {
	App              *appNode
	Release          *releaseNode
	ClientMutationId *string
}

func (*root) SetSecrets(ctx context.Context, args struct {
	Input struct {
		AppId            graphql.ID
		ClientMutationId *string
		ReplaceAll       *bool
		Secrets          []struct{ Key, Value string }
	}
}) (*secretsPayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.appForChange(string(in.AppId))
	if err != nil {
		return nil, err
	}
	values := make(map[string]string)
	for _, s := range in.Secrets {
		if !validSecretName(s.Key) {
			return nil, invalid("%.40q cannot be the name of a secret", s.Key)
		}
		values[s.Key] = s.Value
	}
	s := req.platform.state
	if in.ReplaceAll != nil && *in.ReplaceAll {
		s.unsetSecrets(a, slices.DeleteFunc(a.secrets.names(), func(name string) bool {
			_,
				kept := values[name]
			return kept
		}))
	}
	s.setSecrets(a, values, req.now)
	return &secretsPayload{App: &appNode{req: req, app: a, fresh: true}, ClientMutationId: in.ClientMutationId}, nil
}

func (*root) UnsetSecrets(ctx context.Context, args struct {
	Input struct {
		AppId            graphql.ID
		ClientMutationId *string
		Keys             []string
	}
}) (*secretsPayload, error) {
	req, in := requestOf(ctx), args.Input
	a, err := req.appForChange(string(in.AppId))
	if err != nil {
		return nil, err
	}
	req.platform.state.unsetSecrets(a, in.Keys)
	return &secretsPayload{App: &appNode{req: req, app: a, fresh: true}, ClientMutationId: in.ClientMutationId}, nil
}
