package machine

import "testing"

func TestKeepUnknown(t *testing.T) {
	type embedded struct {
		Path string `json:"path"`
	}
	type file struct {
		Name string `json:"name"`
		embedded
	}
	type known struct {
		Files    []*file   `json:"files"`
		Services []Service `json:"services"`
		Guest    *Guest    `json:"guest"`
	}
	for _, tt := range []struct {
		name, config, old string
		match             Match
		want              string
	}{
		{"by position", `{"files":[{"name":"b"},{"name":"a"}]}`, `{"files":[{"name":"a","new":1},{"path":"x"},{"new":2}]}`,
			ByPosition, `{"files":[{"name":"b","new":1},{"name":"a"}]}`},
		{"lists without an identity", `{"files":[{"name":"b"}]}`, `{"files":[{"name":"a","new":1}]}`,
			ByIdentity, `{"files":[{"name":"b"}]}`},
		{"by identity", `{"services":[{"internal_port":2},{"internal_port":1}]}`,
			`{"services":[{"internal_port":1,"new":[1.0]},{"internal_port":3,"new":2}]}`,
			ByIdentity, `{"services":[{"internal_port":2},{"internal_port":1,"new":[1.0]}]}`},
		{"ambiguous", `{"services":[{"internal_port":1}]}`,
			`{"services":[{"internal_port":1,"new":1},{"internal_port":1,"new":2},{"internal_port":1}]}`,
			ByIdentity, `{"services":[{"internal_port":1}]}`},
		{"empty object", `{"guest":{}}`, `{"guest":{"cpus":1,"new":1}}`,
			ByPosition, `{"guest":{"new":1}}`},
		{"absent object", `{}`, `{"guest":{"new":1}}`,
			ByPosition, `{}`},
		{"other type", `{"guest":null,"files":{"new":1}}`, `{"guest":{"new":1},"files":[{"new":1}]}`,
			ByPosition, `{"files":{"new":1},"guest":null}`},
		{"field of no interest", `{"init":{}}`, `{"init":{"new":1}}`,
			ByPosition, `{"init":{}}`},
	} {
		got, err := KeepUnknown[known](parse(t, tt.config), parse(t, tt.old), tt.match)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if text := marshal(t, got); text != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, text, tt.want)
		}
	}
}
