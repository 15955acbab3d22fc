package scenario

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// tomlKinds: legacy shapes, line endings, inline tables, JSON: the diff has only what must change.
func tomlKinds(s *scene) {
	files := []struct{ name, text string }{
		{"legacy.toml", "app = \"shop-api\" # ours\n[services]\ninternal_port = 8080\nprotocol = \"tcp\"\n" +
			"concurrency = \"25,20\"\n[[services.ports]]\nport = \"80\"\nhandlers = [\"http\"]\nforce_https = true\n"},
		{"crlf.toml", strings.ReplaceAll("app = \"shop-api\"\n# keep\n[http_service]\ninternal_port = 8080\nforce_https = true # why\n", "\n", "\r\n")},
		{"inline.toml", "app = \"shop-api\"\nhttp_service = { internal_port = 8080, force_https = true }\n"},
		{"dotted.toml", "app = \"shop-api\"\nhttp_service.internal_port = 8080\nhttp_service.force_https = true\nunknown_key = 1\n"},
		{"fly.json", "{\n  \"app\": \"shop-api\",\n  \"http_service\": {\"internal_port\": 8080, \"force_https\": true}\n}\n"},
	}
	w := s.world(setup{})
	w.begin("shop-api")
	largest := ""
	for _, f := range files {
		w.writeFile(f.name, f.text)
		w.call("patch_services", args{"path": f.name, "app": "shop-api"}).wantStatus(s.T, plan.Applied)
		after := w.readFile(f.name)
		if strings.Contains(after, "force_https = true") || strings.Contains(after, "\"force_https\": true") {
			s.Errorf("%s: force_https is still there:\n%s", f.name, after)
		}
		if removed, added := changedLines(f.text, after); removed > 3 || added > 6 {
			s.Errorf("%s: -%d +%d lines:\n%s", f.name, removed, added, after)
		}
		for _, comment := range []string{"# ours", "# keep", "# why", "unknown_key"} {
			if strings.Contains(f.text, comment) && !strings.Contains(after, comment) {
				s.Errorf("%s: %s was lost:\n%s", f.name, comment, after)
			}
		}
		largest = diffSize(f.text, after)
	}
	const other = "app = \"legacy-api\"\n[http_service]\ninternal_port = 8080\nforce_https = true\n"
	w.writeFile("other.toml", other)
	got := w.call("patch_services", args{"path": "other.toml", "app": "shop-api"}).wantStatus(s.T, plan.Refused)
	got.wantText(s.T, "legacy-api")
	if after, err := os.ReadFile(filepath.Join(w.dir, "other.toml")); err != nil || string(after) != other {
		s.Errorf("a file of another app was changed: %q, %v", after, err)
	}
	w.wantNoWrite()
	s.end(w, largest)
}
