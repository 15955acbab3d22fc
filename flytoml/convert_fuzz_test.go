package flytoml

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// FuzzMachineConfig applies any JSON to a Machine. Either it is converted and unknown
// fields stay, or it is refused with an error that contains nothing of the
// environment or of other files.
func FuzzMachineConfig(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"containers":[{"name":"app"},null]}`,
		`{"containers":[{"files":[{"guest_path":"/f","local_path":"x"},null]}]}`,
		`{"env":{"A":"x"},"image":5}`, `{"dns":null,"guest":{"cpus":1}}`, `{"future":5,"init":null}`,
		`{"containers":{"x":1}}`,
	} {
		f.Add([]byte(seed))
	}
	existing := machine.Config{}
	existing, err := existing.With("future", []int{1})
	if err == nil {
		existing, err = existing.With("containers", []map[string]any{{"name": "app", "image": "i", "future": 1}})
	}
	if err != nil {
		f.Fatal(err)
	}
	file, err := Parse("fly.toml", []byte("machine_config = 'm.json'\n[env]\nPW = 'hunter2'"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		folder := fstest.MapFS{"m.json": {Data: data}, "x": {Data: []byte("hunter2")}}
		got, err := file.WithFiles(folder).Apply("app", existing)
		if err != nil {
			if strings.Contains(err.Error(), "hunter2") && !bytes.Contains(data, []byte("hunter2")) {
				t.Errorf("the message holds a value of the environment or of a file: %v", err)
			}
			return
		}
		if string(got.Raw("future")) != "[1]" {
			t.Errorf("future = %s", got.Raw("future"))
		}
		if _, err := got.Services(); err != nil {
			t.Error(err)
		}
	})
}
