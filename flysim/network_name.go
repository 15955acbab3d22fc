package flysim

import "net/http"

// defaultNetwork is the name of an organization's default network in the Machines API. In GraphQL
// its name is "", and there is no network called default (flyctl, agent/remote.go).
const defaultNetwork = "default"

var errNoNetwork = &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find Network"}

// graphQLName returns the network's name in GraphQL.
func (n *privateNetwork) graphQLName() string {
	if n.name == defaultNetwork {
		return ""
	}
	return n.name
}

// graphQLNetwork returns the network that a mutation's input names.
func graphQLNetwork(name *string) (string, error) {
	if deref(name) == defaultNetwork {
		return "", errNoNetwork
	}
	return deref(name), nil
}
