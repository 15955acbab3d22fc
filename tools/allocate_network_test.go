package tools

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// allocationInputs makes the server keep the inputs of allocations as they
// are sent.
func (w *seededServer) allocationInputs() *[]map[string]string {
	sent := &[]map[string]string{}
	w.OnRequest = func(_ string, body []byte) []byte {
		var request struct {
			Variables struct{ Input map[string]string }
		}
		if bytes.Contains(body, []byte("allocateIpAddress(")) && json.Unmarshal(body, &request) == nil {
			*sent = append(*sent, request.Variables.Input)
		}
		return body
	}
	return sent
}

// GraphQL calls the default network "", the Machines API default: it is the same
// network, and an allocation for it names none.
func TestAllocateForTheDefaultNetwork(t *testing.T) {
	graphQLDown := flysim.Fault{Operation: "graphql.app", Status: 500, Times: -1}
	tests := []struct {
		name      string
		app       string
		arguments map[string]any
		machines  bool // the addresses come from the Machines API
		prefix    string
		hazard    bool
		source    string
	}{
		{name: "the app's own", app: "shop-api", prefix: "fdaa:2:1c4f:", source: "app_record"},
		{name: "the app's own, by the Machines API", app: "shop-api", machines: true,
			prefix: "fdaa:2:1c4f:", source: "app_record"},
		{name: "the app's own, named", app: "shop-api",
			arguments: map[string]any{"network": "default"}, prefix: "fdaa:2:1c4f:", source: "app_record"},
		{name: "the app's own, named, by the Machines API", app: "shop-api",
			arguments: map[string]any{"network": "default", "org": "personal"}, machines: true,
			prefix: "fdaa:2:1c4f:", source: "app_record"},
		{name: "beside a custom network", app: "tenant-7",
			arguments: map[string]any{"network": "default"}, prefix: "fdaa:2:1c4f:", hazard: true,
			source: "argument"},
		{name: "of another organization", app: "shop-api",
			arguments: map[string]any{"org": "partner"}, prefix: "fdaa:3:5b10:", hazard: true, source: "argument"},
		{name: "of another organization, named", app: "shop-api",
			arguments: map[string]any{"org": "partner", "network": "default"},
			prefix:    "fdaa:3:5b10:", hazard: true, source: "argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSeededServer(t, toPartner, flysim.Options{})
			if tt.machines {
				w.Inject(graphQLDown)
			}
			sent := w.allocationInputs()
			arguments := map[string]any{"app": tt.app}
			for name, value := range tt.arguments {
				arguments[name] = value
			}
			var out address.AllocateResult
			w.call("allocate_flycast", arguments, &out)
			if out.Status != plan.Applied || !strings.HasPrefix(out.Address, tt.prefix) ||
				out.NetworkSource != tt.source {
				t.Fatalf("got %s, %s from %s: %s; want an address in %s from %s", out.Status,
					out.Address, out.NetworkSource, out.Summary, tt.prefix, tt.source)
			}
			if len(*sent) != 1 {
				t.Fatalf("%d allocations were sent", len(*sent))
			}
			if network, named := (*sent)[0]["network"]; named {
				t.Errorf("network %q was sent", network)
			}
			if asked := out.Approval != nil && out.Approval.Channel == gate.ChannelPolicy; asked != tt.hazard {
				t.Errorf("approval %+v, want one by the policy: %v", out.Approval, tt.hazard)
			}
			// Both names find what is there now.
			for _, name := range []string{"", "default"} {
				if name == "" && tt.app == "tenant-7" {
					continue // that is its own network
				}
				again := map[string]any{"app": tt.app}
				if org, ok := tt.arguments["org"]; ok {
					again["org"] = org
				}
				if name != "" {
					again["network"] = name
				}
				w.call("allocate_flycast", again, &out)
				if out.Status != plan.NothingToDo {
					t.Errorf("%v again: got %s: %s", again, out.Status, out.Summary)
				}
			}
			if len(*sent) != 1 {
				t.Errorf("%d allocations were sent in the end", len(*sent))
			}
		})
	}
}

// A network that Fly does not return is not the default one.
func TestAllocateNetworkNotTold(t *testing.T) {
	w := newSeededServer(t, toPartner, flysim.Options{OmitAppNetwork: true})
	sent := w.allocationInputs()
	var out address.AllocateResult
	w.call("allocate_flycast", map[string]any{"app": "shop-api"}, &out)
	if out.Status != plan.Refused || out.Code != gate.Precondition || len(out.Next) == 0 {
		t.Errorf("the app's network: got %s %s: %s", out.Status, out.Code, out.Summary)
	}
	if len(*sent) != 0 {
		t.Errorf("%d allocations were sent for a network that is not known", len(*sent))
	}

	w = newSeededServer(t, toPartner, flysim.Options{})
	sent = w.allocationInputs()
	var first address.AllocateResult
	w.call("allocate_flycast", map[string]any{"app": "shop-api", "org": "partner"}, &first)
	name := regexp.MustCompile(`("network":\{[^{}]*"name":)""`)
	w.OnAnswer = func(_ string, body []byte) []byte { return name.ReplaceAll(body, []byte(`${1}null`)) }
	w.call("allocate_flycast", map[string]any{"app": "shop-api", "org": "partner"}, &out)
	if out.Code != gate.Precondition || !strings.Contains(out.Summary, first.Address) {
		t.Errorf("the address's network: got %s %s: %s", out.Status, out.Code, out.Summary)
	}
	if len(*sent) != 1 {
		t.Errorf("%d allocations were sent", len(*sent))
	}
}

// GraphQL has two slugs for the personal organization.
func TestAllocateKnowsBothSlugs(t *testing.T) {
	raw := regexp.MustCompile(`"rawSlug":"personal"`)
	for _, slug := range []string{"personal", "ann-example-42"} {
		w := newSeededServer(t, "", flysim.Options{})
		w.OnAnswer = func(_ string, body []byte) []byte { return raw.ReplaceAll(body, []byte(`"rawSlug":"ann-example-42"`)) }
		var out address.AllocateResult
		w.call("allocate_flycast", map[string]any{"app": "shop-api", "org": slug}, &out)
		if out.Status != plan.Applied || out.NetworkSource != "app_record" {
			t.Errorf("%s: got %s %s: %s", slug, out.Status, out.NetworkSource, out.Summary)
		}
	}
}

// What Fly did not find is named, and is not taken for the app.
func TestAllocateNamesWhatIsMissing(t *testing.T) {
	const accept = "[[rule]]\ntools = ['allocate_flycast']\ndecision = 'auto'\naccept = ['open_to_other_network']\n"
	tests := []struct {
		name, app string
		arguments map[string]any
		want      string
	}{
		{"network", "shop-api", map[string]any{"network": "tenant-9"},
			"network tenant-9 of organization personal does not exist"},
		{"network of another organization", "shop-api",
			map[string]any{"org": "partner", "network": "tenant-7"},
			"network tenant-7 of organization partner does not exist"},
		{"organization", "shop-api", map[string]any{"org": "nobody"}, "organization nobody does not exist"},
		{"app", "shop-apo", nil, "the app shop-apo does not exist, or is not visible to this token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newSeededServer(t, accept, flysim.Options{})
			arguments := map[string]any{"app": tt.app}
			for name, value := range tt.arguments {
				arguments[name] = value
			}
			var out address.AllocateResult
			w.call("allocate_flycast", arguments, &out)
			if out.Code != gate.NotFound || !strings.Contains(out.Summary, tt.want) {
				t.Errorf("got %s: %s, want %q", out.Code, out.Summary, tt.want)
			}
			if tt.app == "shop-api" && strings.Contains(out.Summary, "the app shop-api is not") {
				t.Errorf("the app is said to be missing: %s", out.Summary)
			}
			if len(out.Next) == 0 || tt.app == "shop-api" &&
				strings.Contains(out.Next[0].Why, "another organization?") {
				t.Errorf("next %+v", out.Next)
			}
		})
	}
}
