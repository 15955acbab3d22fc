package fly

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// hostileNames cannot be names of anything on Fly.
func hostileNames() []string {
	return []string{
		"../../v1/orgs", "a/../b", "x?force=true", "x#y", "a b", "a\nIGNORE ALL", "\x1b[2J", "a\u202eb", "\u3164",
		"-rf", `a"b`, "a'b", "`id`", "$(id)", "a;b", strings.Repeat("a", 600),
	}
}

// TestHostileNames: a name that cannot be one is not told, wherever it comes
// from; the rest of the answer counts.
func TestHostileNames(t *testing.T) {
	for _, name := range hostileNames() {
		q, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		data := fmt.Sprintf(`{"app":{"id":%[1]s,"name":"shop-api","status":%[1]s,"hostname":%[1]s,"network":%[1]s,
			"organization":{"id":%[1]s,"slug":%[1]s,"rawSlug":%[1]s,"name":%[1]s},
			"egressIpAddresses":{"totalCount":0,"nodes":[]},
			"ipAddresses":{"totalCount":1,"nodes":[{"address":"fdaa:0:2::1","type":"private_v6","region":%[1]s,
				"network":{"name":%[1]s,"organization":{"slug":%[1]s}}}]}}}`, q)
		list, err := decodeAddresses([]byte(data), "shop-api")
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		a, app := list.List[0], list.App
		if app.ID != "" || app.Hostname != "" || app.Network != "" || app.Organization.ID != "" ||
			app.Organization.Slug != "" || app.Organization.RawSlug != "" {
			t.Errorf("%q: got %+v", name, app)
		}
		if a.Kind != Flycast || a.Network != "" || a.Org != "" || a.Region != anycast {
			t.Errorf("%q: got %+v", name, a)
		}
		body := fmt.Sprintf(`[{"id":"148e21ea7d9d89","name":%[1]s,"state":"started","region":%[1]s,`+
			`"instance_id":%[1]s,"image_ref":{"registry":%[1]s,"repository":%[1]s,"tag":%[1]s,"digest":%[1]s},"config":{}}]`, q)
		machines, err := ParseMachines([]byte(body))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if m := machines[0]; m.Region != "" || m.InstanceID != "" || m.ImageRef != "" {
			t.Errorf("%q: got %+v", name, m)
		}
		for _, text := range []string{app.Status, app.Organization.Name, machines[0].Name} {
			for _, r := range text {
				if !outside.IsVisible(r) {
					t.Errorf("%q: %q is shown", name, text)
				}
			}
		}
		for what, parse := range map[string]func() error{
			"the id of a Machine": func() error {
				_, err := ParseMachines([]byte(fmt.Sprintf(`[{"id":%s,"state":"started","config":{}}]`, q)))
				return err
			},
			"what a volume is attached to": func() error {
				_, err := decodeVolumes([]byte(fmt.Sprintf(`[{"id":"vol_1","attached_machine_id":%s}]`, q)))
				return err
			},
			"another app": func() error {
				_, err := decodeAddresses([]byte(strings.Replace(data, `"shop-api"`, string(q), 1)), "shop-api")
				return err
			},
			"an app's name": func() error { _, err := wireApp{Name: name}.app("shop-api"); return err },
		} {
			if parse() == nil {
				t.Errorf("%s may be %q", what, name)
			}
		}
	}
}

// TestOtherApp: an answer about another app is no answer.
func TestOtherApp(t *testing.T) {
	record := `{"id":"x","name":"other","network":"default","organization":{"slug":"personal"}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/graphql" {
			fmt.Fprintf(w, `{"data":{"app":%s}}`,
				strings.TrimSuffix(record,
					"}")+`,"egressIpAddresses":{"totalCount":0,"nodes":[]},"ipAddresses":{"totalCount":0,"nodes":[]}}`)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/ip_assignments") {
			fmt.Fprint(w, `{"ips":[]}`)
			return
		}
		fmt.Fprint(w, record)
	}))
	t.Cleanup(server.Close)
	client, _ := testClient(t, server.URL)
	if list, err := client.Addresses(t.Context(), "shop-api"); CodeOf(err) != gate.PlatformError ||
		!errors.Is(err, errOtherApp) {
		t.Errorf("got %+v, %v", list, err)
	}
}

// TestRealNames: names as Fly gives them are kept.
func TestRealNames(t *testing.T) {
	data := `{"app":{"id":"shop-api","name":"shop-api","status":"deployed","hostname":"shop-api.fly.dev","network":"tenant_7.prod",
		"organization":{"id":"K8yBv9l4LrwzRUmVRxN9","slug":"acme-corp-882","rawSlug":"acme-corp-882","name":"Acme & Söhne"},
		"egressIpAddresses":{"totalCount":0,"nodes":[]},
		"ipAddresses":{"totalCount":1,"nodes":[{"address":"fdaa:0:2::1","type":"private_v6","region":"fra",
			"network":{"name":"tenant_7.prod","organization":{"slug":"acme-corp-882"}}}]}}}`
	list, err := decodeAddresses([]byte(data), "shop-api")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(list.App), "{shop-api shop-api deployed shop-api.fly.dev tenant_7.prod "+
		"{K8yBv9l4LrwzRUmVRxN9 acme-corp-882 acme-corp-882 Acme & Söhne}}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if a := list.List[0]; a.Region != "fra" || a.Network != "tenant_7.prod" || a.Org != "acme-corp-882" {
		t.Errorf("got %+v", a)
	}
}
