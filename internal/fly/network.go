package fly

import "cmp"

// DefaultNetwork is this program's only name for the default network of an
// organization. The Machines API uses the same word; GraphQL calls it "" and has no
// network called default (flyctl, agent/remote.go).
const DefaultNetwork = "default"

// networkName returns the name of a network as either API sends it. Null is not the
// default network: the network is unknown, and its name empty.
func networkName(wire *string) string {
	if wire == nil {
		return ""
	}
	return cmp.Or(*wire, DefaultNetwork)
}

// Network is the network that a Flycast address serves. The API needs the id of the
// organization. The name [DefaultNetwork] and an empty one both mean the default
// network of the organization.
type Network struct {
	Organization Organization
	Name         string
}

// Target returns how a grant names the network: organization slug, slash, name.
func (n Network) Target() string {
	return n.Organization.Slug + "/" + cmp.Or(n.Name, DefaultNetwork)
}

// phrase names the network in a message.
func (n Network) phrase() string {
	if n.graphQL() == "" {
		return "the default network"
	}
	return "network " + plain(n.Name, 63)
}

// graphQL returns the name that GraphQL takes: empty for the default network.
func (n Network) graphQL() string {
	if n.Name == DefaultNetwork {
		return ""
	}
	return n.Name
}
