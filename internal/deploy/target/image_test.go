package target

import (
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// TestPinned: a tag gets the digest that the platform reports for it.
func TestPinned(t *testing.T) {
	digest := "sha256:" + strings.Repeat("a1", 32)
	for _, test := range []struct {
		image, runs, want string
		ok                bool
	}{
		{"registry.fly.io/shop:latest", "registry.fly.io/shop:latest@" + digest, "registry.fly.io/shop:latest@" +
			digest, true},
		{"nginx", "docker-hub-mirror.fly.io/library/nginx:latest@" + digest, "nginx@" + digest, true},
		{"localhost:5000/shop", "localhost:5000/shop:latest@" + digest, "localhost:5000/shop@" + digest, true},
		{"registry.fly.io/shop:deployment-01J9ZK", "registry.fly.io/shop:deployment-01J9ZK@" + digest,
			"registry.fly.io/shop:deployment-01J9ZK", true},
		{"ghcr.io/shop:deployment-1", "ghcr.io/shop:deployment-1@" + digest, "ghcr.io/shop:deployment-1@" + digest, true},
		{"shop:1@" + digest, "", "shop:1@" + digest, true},
		{"shop:1", "docker-hub-mirror.fly.io/library/shop:2@" + digest, "shop:1", false}, // another image
		{"shop:1", "docker-hub-mirror.fly.io/library/workshop:1@" + digest, "shop:1", false},
		{"shop:1", "docker-hub-mirror.fly.io/library/shop:1", "shop:1", false}, // without a digest
		{"shop:1", "docker-hub-mirror.fly.io/library/shop:1@sha256:a1", "shop:1", false},
		{"", "", "", true},
	} {
		config, err := machine.Config{}.With("image", test.image)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := pinned(fly.Machine{Config: config, ImageRef: test.runs}); got != test.want || ok != test.ok {
			t.Errorf("%s, running %s: got %s %v, want %s %v", test.image, test.runs, got, ok, test.want, test.ok)
		}
	}
}
