package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTomlHostileText: text of a file, its name, and an argument start no line of
// their own on standard error, and end no quotation there.
func TestTomlHostileText(t *testing.T) {
	const hostile = "MA\"'RK\nINJECTED line\r\x1b[31m\u202e"
	service := map[string]any{"internal_port": 8080}
	list := func(table map[string]any) []any { return []any{table} }
	documents := []map[string]any{
		{"app": hostile, "http_service": service},
		{"deploy": map[string]any{"strategy": hostile}, "http_service": service},
		{"deploy": map[string]any{"release_command": "'" + hostile + " '"}, "http_service": service},
		{"console_command": "'" + hostile + " '", "http_service": service},
		{"processes": map[string]any{"web": hostile + "'"}, "http_service": service},
		{"restart": list(map[string]any{"policy": hostile, "processes": []any{hostile}}), "http_service": service},
		{"checks": map[string]any{hostile: map[string]any{"type": "tcp"}}},
		{"checks": map[string]any{hostile: map[string]any{"type": "tcp", "port": 1, "interval": "1s"}}},
		{"vm": list(map[string]any{"size": "shared" + hostile}), "http_service": service},
		{"vm": list(map[string]any{"persist_rootfs": hostile}), "http_service": service},
		{"services": list(map[string]any{"internal_port": hostile})},
		{"services": list(map[string]any{"internal_port": 1, "concurrency": hostile})},
		{"mounts": list(map[string]any{"source": hostile, "destination": "/d", "initial_size": hostile}),
			"http_service": service},
	}
	var files [][2]string // name, text
	for _, document := range documents {
		data, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, [2]string{"fly.json", string(data)})
	}
	files = append(files, [2]string{hostile + ".toml", "[http_service]\ninternal_port = 8080\n"},
		[2]string{hostile + ".toml", "app = \n"}, [2]string{hostile + ".toml", ""})
	for _, file := range files {
		path := filepath.Join(t.TempDir(), file[0])
		if file[1] != "" { // else there is no such file
			if err := os.WriteFile(path, []byte(file[1]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{
			{"lint", path}, {"lint", "--fix", path}, {"patch", path}, {"patch", "--check", path}, {"convert", path},
			{"convert", path, "--existing", path}, {"diff", path, "--existing", path}, {"patch", "--process-groups",
				hostile, path}, {"lint", "--" + hostile}, {"diff", "--" + hostile},
		} {
			stdout, stderr, _ := runToml(strings.NewReader(""), args...)
			if args[0] == "lint" && args[1] == path {
				stderr += stdout
			}
			for line := range strings.Lines(stderr) {
				if strings.HasPrefix(line, "INJECTED") || strings.ContainsAny(line,
					"\x1b\u202e\r") || strings.Contains(line, `'MA"'`) || strings.Contains(line,
					`'sharedMA"'`) || strings.Contains(line, `"MA"`) {
					t.Errorf("%.40q of %.60q: %q", args, file[1], line)
				}
			}
		}
	}
}
