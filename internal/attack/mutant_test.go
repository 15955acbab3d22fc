package attack

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var mutants = flag.Bool("attack.mutants", false,
	"break the gate in known ways and see that the attack finds each; it compiles the server for each")

// mutant is a defect planted in the source of the gate.
type mutant struct {
	name string
	file string // from the root of the module
	old  string // what the file has, once
	new  string
}

func plantedMutants() []mutant {
	return []mutant{
		{"digest: an answer to another plan counts", "internal/gate/answer.go", "case st.Digest != r.Digest:", "case false:"},
		{"state: one server opens the state of another", "internal/gate/seal.go",
			"rand.Read(key) // never fails, crypto/rand", "rand.Read(nil)"},
		{"caller: an answer to another caller counts", "internal/gate/answer.go", "|| st.Caller != caller ", ""},
		{"signature: none is checked", "internal/gate/sign.go", "ed25519.Verify(k.key, st.bytes(), sig)", "len(sig) > 0"},
		{"installation: an approval for one server counts on another", "internal/gate/terminal.go",
			"Installation: g.Installation, Digest: r.Digest", "Installation: \"first\", Digest: r.Digest"},
		{"nonce: an approval can be used again", "internal/call/ledger.go", "Nonce: u.Nonce, Expires",
			"Nonce: u.Nonce + time.Now().String(), Expires"},
		{"cap: a rule has no limit", "internal/gate/gate.go", "if rule.LimitPerHour > 0 {",
			"if rule.LimitPerHour = 0; false {"},
		{"no: a decline withdraws nothing", "internal/gate/denial.go",
			"g.denials[planKey{denial.Tool, denial.App, denial.Digest}] = denial", "g.mu.Unlock(); return nil"},
		{"instant: an answer before a person could read counts", "internal/gate/gate.go",
			"tooFast = 2 * time.Second", "tooFast = 0 * time.Second"},
		{"closed: an answered question can be answered again", "internal/gate/gate.go",
			"g.closed[nonce] = until.Add(memory)", "_ = until"},
	}
}

// TestMutants runs the attack on the server with each mutant in it, and wants it
// to find a write that nobody approved.
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range plantedMutants() {
		t.Run(m.name, func(t *testing.T) {
			path := filepath.Join(root, filepath.FromSlash(m.file))
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), m.old); n != 1 {
				t.Fatalf("%s has %q %d times, want once: the mutant has to follow the code", m.file, m.old, n)
			}
			if !*mutants {
				return // the rest takes a compilation
			}
			dir := t.TempDir()
			broken := filepath.Join(dir, "broken.go")
			if err := os.WriteFile(broken, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: broken}})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "overlay.json")
			if err := os.WriteFile(file, overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "go", "test", "-overlay="+file, "-run=^TestAttack$",
				"-count=1", ".", "-attack.steps=30000").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "nobody approved") {
				t.Errorf("the attack did not find it: %v\n%.2000s", err, out)
			}
		})
	}
}
