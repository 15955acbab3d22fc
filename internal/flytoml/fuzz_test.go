package flytoml

import (
	"encoding/json"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// FuzzParse: no input makes reading, converting, reviewing or rendering panic;
// what is read keeps its bytes, and what converts converts to a readable
// configuration.
func FuzzParse(f *testing.F) {
	for _, data := range oracleCases(f) {
		f.Add(data)
	}
	existing := config(f, `{"init":{"tty":true},"metadata":{"a":"b"},"containers":[{"name":"x"}]}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("fly.toml", data)
		if err != nil {
			return
		}
		if string(file.Bytes()) != string(data) {
			t.Fatal("the bytes changed")
		}
		_ = file.Validate()
		for _, remark := range file.Remarks() {
			if remark.Code == "" || remark.Row < 0 || remark.Column < 0 {
				t.Fatalf("remark %+v", remark)
			}
		}
		live := map[string]machine.Config{}
		for _, group := range file.Groups() {
			config, err := file.Apply(group, existing)
			if err != nil {
				continue
			}
			if err := config.Validate(); err != nil {
				t.Fatalf("group %q: %v", group, err)
			}
			live[group] = config
		}
		if len(live) > 0 {
			rendered, err := FromMachines(file.App(), file.PrimaryRegion(), live, Masked)
			if err == nil {
				_, err = Parse("fly.toml", rendered)
			}
			if err != nil {
				t.Fatalf("from Machines: %v\n%s", err, rendered)
			}
		}
		def, err := file.Definition()
		if err != nil {
			return
		}
		definition, err := json.Marshal(def)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := FromDefinition("fly.toml", definition); err != nil {
			t.Fatalf("from the definition: %v", err)
		}
	})
}
