package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

// TestForeignApp calls every tool, resource, prompt and completion of a server
// that was started with --app for another app. Nothing is sent to Fly.
func TestForeignApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := t.TempDir()
		s := startInBubble(t, policyFor("legacy-api"), "--app", "shop-api", "--app", "tenant-7", "--root", root)
		const app, sentence = "legacy-api", "this server was started only for shop-api, tenant-7, not for legacy-api"
		file := filepath.Join(root, "fly.toml")
		definition := s.definition(app)
		if err := os.WriteFile(file, []byte(definition), 0o600); err != nil {
			t.Fatal(err)
		}
		calls := 0
		refuse := func(name, method string, params map[string]any) {
			t.Helper()
			calls++
			s.platform.ResetCalls()
			result := s.request(method, params)
			if text := fmt.Sprint(result); !strings.Contains(text, sentence) {
				t.Errorf("%s: got %s", name, text)
			}
			for _, c := range s.platform.Calls() {
				t.Errorf("%s: %s of app %q was sent", name, c.Operation, c.App)
			}
		}
		listed, _ := s.request("tools/list", map[string]any{})["tools"].([]any)
		if len(listed) < 7 {
			t.Fatalf("%d tools are listed", len(listed))
		}
		for _, entry := range listed {
			tool, _ := entry.(map[string]any)
			name, _ := tool["name"].(string)
			schema, _ := tool["inputSchema"].(map[string]any)
			properties, _ := schema["properties"].(map[string]any)
			variants := []map[string]any{{"app": app}}
			for key, value := range map[string]any{
				"content": definition, "path": file, "draft": "draft_0", "run": "run_0",
				"dry_run": true, "network": "default", "org": "personal",
				"ips": []string{"137.66.18.204"}, "approval": "code",
			} {
				if properties[key] != nil {
					variants = append(variants, map[string]any{"app": app, key: value})
				}
			}
			if name == "patch_services" { // the file names the app
				variants = append(variants, map[string]any{"content": definition}, map[string]any{"path": file})
			}
			required, _ := schema["required"].([]any)
			for _, arguments := range variants {
				for _, key := range required {
					if key, _ := key.(string); arguments[key] == nil {
						arguments[key] = map[string]any{"image": "nginx", "internal_port": 8080}[key]
					}
				}
				refuse(fmt.Sprint(name, " ", arguments), "tools/call", map[string]any{"name": name, "arguments": arguments})
			}
		}
		templates, _ := s.request("resources/templates/list", map[string]any{})["resourceTemplates"].([]any)
		for _, entry := range templates {
			template, _ := entry.(map[string]any)
			uri, _ := template["uriTemplate"].(string)
			if strings.Contains(uri, "{app}") {
				uri = strings.Replace(uri, "{app}", app, 1)
				refuse(uri, "resources/read", map[string]any{"uri": uri})
			}
		}
		prompts, _ := s.request("prompts/list", map[string]any{})["prompts"].([]any)
		for _, entry := range prompts {
			prompt, _ := entry.(map[string]any)
			name, _ := prompt["name"].(string)
			if !strings.Contains(fmt.Sprint(prompt["arguments"]), "name:app ") {
				continue // it is about an organization
			}
			refuse(name, "prompts/get", map[string]any{"name": name, "arguments": map[string]any{"app": app}})
			s.platform.ResetCalls()
			completed := s.request("completion/complete", map[string]any{
				"ref": map[string]any{"type": "ref/prompt", "name": name}, "argument": map[string]any{"name": "app", "value": ""},
			})
			if text := fmt.Sprint(completed); !strings.Contains(text, "[shop-api tenant-7]") || len(s.platform.Calls()) != 0 {
				t.Errorf("completion: got %s, %d calls", text, len(s.platform.Calls()))
			}
		}
		if calls < 25 {
			t.Errorf("only %d calls were tried", calls)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != definition {
			t.Errorf("the file was changed: %v", err)
		}
		// An audit of the organization is one of the apps that may be named.
		s.platform.ResetCalls()
		s.request("tools/call", map[string]any{"name": "audit", "arguments": map[string]any{"org": "personal"}})
		for _, c := range s.platform.Calls() {
			if c.App != "shop-api" && c.App != "tenant-7" {
				t.Errorf("the audit of the organization sent %s of %q", c.Operation, c.App)
			}
		}
		// An app that may be named works.
		call := map[string]any{"name": "list_ips", "arguments": map[string]any{"app": "shop-api"}}
		if text := fmt.Sprint(s.request("tools/call", call)); !strings.Contains(text, "66.241.124.11") {
			t.Errorf("shop-api: got %s", text)
		}
	})
}
