package resources

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// fixedNames is a platform with these apps.
type fixedNames []string

func (n fixedNames) AppNames(context.Context) ([]string, error) {
	if n == nil {
		return nil, fmt.Errorf("not allowed")
	}
	return n, nil
}

func uris(r Resources, cursor string) (list []string, next string) {
	page, next := r.List(context.Background(), cursor)
	for _, resource := range page {
		list = append(list, resource.URI)
	}
	return list, next
}

func TestList(t *testing.T) {
	dir := t.TempDir()
	content := map[string]string{".toml": "app = \"x\"\n", ".json": "{\"app\": \"x\"}\n"}
	for _, name := range []string{"fly.toml", "api/fly.staging.toml", "web/shop.fly.json", "node_modules/x/fly.toml",
		".git/fly.toml", "api/config.toml"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content[filepath.Ext(name)]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := roots.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })

	got, next := uris(Resources{Roots: files, Apps: []string{"shop-api"}, Lister: fixedNames{"other"}}, "")
	want := []string{"fly-toml://" + dir + "/api/fly.staging.toml", "fly-toml://" + dir + "/fly.toml",
		"fly-toml://" + dir + "/web/shop.fly.json",
		"flycast://apps/shop-api/status", "flycast://apps/shop-api/fly.toml"}
	if !slices.Equal(got, want) || next != "" {
		t.Errorf("got %q, next %q; want %q", got, next, want)
	}
	for _, uri := range got[:3] {
		if _, err := read(t, Resources{Roots: files}, uri); err != nil {
			t.Errorf("%s cannot be read: %v", uri, err)
		}
	}

	var many fixedNames
	for i := range 120 {
		many = append(many, fmt.Sprintf("app-%03d", i))
	}
	var all []string
	pages := 0
	for cursor := ""; pages == 0 || cursor != ""; pages++ {
		var page []string
		page, cursor = uris(Resources{Lister: many}, cursor)
		all = append(all, page...)
	}
	slices.Sort(all)
	if pages != 3 || len(all) != 240 || len(slices.Compact(all)) != 240 {
		t.Errorf("%d resources on %d pages", len(all), pages)
	}
	if got, next := uris(Resources{Lister: fixedNames(nil)}, ""); len(got) != 0 || next != "" {
		t.Errorf("without permission: %q", got)
	}
}

// TestStatusOfManyMachines: they are summed up by group, and only those that differ are listed.
func TestStatusOfManyMachines(t *testing.T) {
	var s Status
	machines := make([]Machine, 200)
	for i := range machines {
		machines[i] = Machine{ID: fmt.Sprintf("%014x", i), Group: []string{"app", "worker"}[i%2], Region: "iad", State: "started",
			Services: []Service{{Protocol: "tcp", InternalPort: 8080, Ports: []string{"80", "443"}, Autostop: "stop"}},
			Checks:   []Check{{Name: "http", Status: "passing"}}}
	}
	machines[0].State = "replacing"
	machines[1].Checks[0].Status = "critical"
	machines[2].Services = []Service{}
	machines[3].Unread = true
	s.sumUp(machines)
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range s.Machines {
		ids = append(ids, m.ID)
	}
	want := []string{machines[0].ID, machines[2].ID, machines[1].ID, machines[3].ID}
	if !slices.Equal(ids, want) || len(s.Groups) != 2 || s.Groups[0].Machines != 100 || len(s.Groups[0].Services) != 1 {
		t.Errorf("got %v, want %v; groups %+v", ids, want, s.Groups)
	}
	if tokens := len(body) / 4; tokens > 600 {
		t.Errorf("%d tokens, want at most 600", tokens)
	}
	for i := range machines {
		machines[i].State = "failed"
	}
	var failed Status
	if failed.sumUp(machines); len(failed.Machines) != oddMachines || failed.OddOmitted != 200-oddMachines {
		t.Errorf("%d listed, %d left out", len(failed.Machines), failed.OddOmitted)
	}
}

func TestHostnames(t *testing.T) {
	platform := platformtest.New(t, flysim.Options{}).Seeded()
	r := Resources{Fly: platform.Client()}
	for app, want := range map[string]Hostnames{
		"inner-circle": {Public: "inner-circle.fly.dev", Reach: []string{"http://inner-circle.flycast"}},
		"legacy-api": {Public: "legacy-api.fly.dev", Custom: []string{"api.legacy-shop.example"},
			Reach: []string{"http://legacy-api.fly.dev", "https://legacy-api.fly.dev"}},
	} {
		body, err := read(t, r, "flycast://apps/"+app+"/hostnames")
		if err != nil {
			t.Fatal(err)
		}
		var got Hostnames
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if got.Public != want.Public || !slices.Equal(got.Custom, want.Custom) || !slices.Equal(got.Reach, want.Reach) || strings.Contains(body, "null") {
			t.Errorf("%s: got %s", app, body)
		}
	}
	narrowed := Resources{Fly: platform.Client(func(o *fly.Options) { o.Apps = fly.Apps{"shop-api"} })}
	if _, err := read(t, narrowed, "flycast://apps/legacy-api/hostnames"); err == nil {
		t.Error("another app was read")
	}
}
