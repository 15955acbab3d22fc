package rules

import "github.com/flycast-mcp/flycast-mcp/internal/plan"

// Saved returns the addresses of the app, for undo.
func (s Snapshot) Saved() plan.Snapshot {
	var out plan.Snapshot
	for _, a := range s.Addresses.List {
		out.Addresses = append(out.Addresses, plan.SavedAddress{IP: a.IP.String(), Kind: string(a.Kind)})
	}
	return out
}
