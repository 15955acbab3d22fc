package scenario

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// build adds apps to the platform, as the operator's file describes them.
func (w *world) build(apps string) {
	w.t.Helper()
	list, err := seed.Read([]byte(apps), w.t.TempDir())
	if err == nil {
		err = seed.Build(w.t.Context(), w.Platform.Platform, list)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// writeFile writes a file into the root.
func (w *world) writeFile(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// readFile reads a file of the root.
func (w *world) readFile(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// exampleFile writes the fly.toml of an example app into the root and returns its text.
func (w *world) exampleFile(app string) string {
	w.t.Helper()
	file, ok := w.FlyToml(app)
	if !ok {
		w.t.Fatalf("%s has no file", app)
	}
	w.writeFile("fly.toml", string(file))
	return string(file)
}

// listen makes the programs of all Machines of an app listen on these sockets.
func (w *world) listen(app string, sockets ...string) {
	for _, id := range w.MachineIDs(app) {
		w.SetListen(app, id, sockets)
	}
}

// setField replaces a field of a Machine's configuration.
func (w *world) setField(app, id, key, value string) {
	w.t.Helper()
	w.SetMachineConfig(app, id, platformtest.WithField(w.t, w.MachineConfig(app, id), key, json.RawMessage(value)))
}
