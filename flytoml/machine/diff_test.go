package machine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// service wraps fields into the configuration of one service.
func service(fields string) string { return `{"services":[{` + fields + `}]}` }

func TestEqual(t *testing.T) {
	tests := []struct {
		name string
		a, b string
		want bool
	}{
		{"nothing and null", `{}`, `null`, true},
		{"absent and null", `{}`, `{"env":null}`, true},
		{"absent and empty object", `{}`, `{"env":{}}`, true},
		{"absent and empty list", `{}`, `{"services":[]}`, true},
		{"absent and empty string", `{}`, `{"schedule":""}`, true},
		{"absent and deeply empty", `{}`, `{"a":{"b":{"c":[{"d":null}]}}}`, true},
		{"null in a service", service(`"internal_port":80`),
			service(`"internal_port":80,"checks":null,"force_instance_key":null`), true},
		{"order of fields", `{"a":1,"b":{"c":2,"d":3}}`, `{"b":{"d":3,"c":2},"a":1}`, true},
		{"blanks", `{"a":[1,2]}`, "{ \"a\" :\n[ 1 , 2 ] }", true},
		{"escapes", `{"a":"<é>"}`, `{"a":"\u003c\u00e9\u003e"}`, true},

		{"off and false", service(`"autostop":"off"`), service(`"autostop":false`), true},
		{"stop and true", service(`"autostop":"stop"`), service(`"autostop":true`), true},
		{"stop and suspend", service(`"autostop":"stop"`), service(`"autostop":"suspend"`), false},
		{"off and stop", service(`"autostop":"off"`), service(`"autostop":"stop"`), false},
		{"absent and off", service(`"a":1`), service(`"a":1,"autostop":false`), false},
		{"such words elsewhere", `{"env":{"autostop":"off"}}`, `{"env":{"autostop":false}}`, false},
		{"force_https false and absent", service(`"ports":[{"port":80,"force_https":false}]`),
			service(`"ports":[{"port":80}]`), true},
		{"force_https true and absent", service(`"ports":[{"port":80,"force_https":true}]`),
			service(`"ports":[{"port":80}]`), false},

		{"header order of a service's check",
			service(`"checks":[{"headers":[{"name":"A","values":["1"]},{"name":"B"}]}]`),
			service(`"checks":[{"headers":[{"name":"B"},{"values":["1"],"name":"A"}]}]`), true},
		{"header order of a top-level check", `{"checks":{"x":{"headers":[{"name":"A"},{"name":"B"}]}}}`,
			`{"checks":{"x":{"headers":[{"name":"B"},{"name":"A"}]}}}`, true},
		{"order of a header's values", service(`"checks":[{"headers":[{"name":"A","values":["1","2"]}]}]`),
			service(`"checks":[{"headers":[{"name":"A","values":["2","1"]}]}]`), false},
		{"headers swapped",
			service(`"checks":[{"headers":[{"name":"A","values":["1"]},{"name":"B","values":["2"]}]}]`),
			service(`"checks":[{"headers":[{"name":"A","values":["2"]},{"name":"B","values":["1"]}]}]`), false},
		{"order of handlers", service(`"ports":[{"handlers":["tls","http"]}]`),
			service(`"ports":[{"handlers":["http","tls"]}]`), false},
		{"order of services", `{"services":[{"internal_port":1},{"internal_port":2}]}`,
			`{"services":[{"internal_port":2},{"internal_port":1}]}`, false},

		{"another value", `{"a":1}`, `{"a":2}`, false},
		{"number and string", `{"a":1}`, `{"a":"1"}`, false},
		{"bool and string", `{"a":true}`, `{"a":"true"}`, false},
		{"zero and absent", `{"a":0}`, `{}`, false},
		{"false and absent", `{"auto_destroy":false}`, `{}`, false},
		{"large numbers", `{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{"an unknown field", `{"new":{"x":[1]}}`, `{"new":{"x":[2]}}`, false},
		{"a list and its only element", `{"a":["x"]}`, `{"a":"x"}`, false},
		{"nested differently", `{"a":[["x"],["y"]]}`, `{"a":[["x","y"]]}`, false},
		{"quotes", `{"a":["x\",\"y"]}`, `{"a":["x","y"]}`, false},

		{"an empty argument", `{"init":{"exec":["redis-server","--save",""]}}`,
			`{"init":{"exec":["redis-server","--save"]}}`, false},
		{"the place of an empty argument", `{"init":{"cmd":["a","","b"]}}`, `{"init":{"cmd":["a","b",""]}}`, false},
		{"an empty variable", `{"env":{"A":""}}`, `{}`, false},
		{"an empty variable of a container", `{"containers":[{"name":"x","env":{"A":""}}]}`,
			`{"containers":[{"name":"x"}]}`, false},
		{"a dot in a key", `{"a":{"b":1}}`, `{"a.b":1}`, false},
		{"an index in a key", `{"a":[{"b":1},{"b":2}]}`, `{"a[0]":{"b":1},"a[1]":{"b":2}}`, false},
		{"an empty key", `{"":{"a":1}}`, `{"a":1}`, false},
		{"null in a list", `{"a":[null,"x"]}`, `{"a":["x"]}`, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := parse(t, tt.a), parse(t, tt.b)
			if got := Equal(a, b); got != tt.want {
				t.Errorf("Equal: got %v, want %v", got, tt.want)
			}
			if got := a.Hash() == b.Hash(); got != tt.want {
				t.Errorf("same hash: got %v, want %v", got, tt.want)
			}
			if got := len(DiffKeys(a, b)) == 0; got != tt.want {
				t.Errorf("DiffKeys: got %q", DiffKeys(a, b))
			}
			if got := len(Diff(a, b)) == 0 && len(Diff(b, a)) == 0; got != tt.want {
				t.Errorf("Diff: got %v and %v", Diff(a, b), Diff(b, a))
			}
		})
	}
}

func TestZeroIsTheEmptyDocument(t *testing.T) {
	if !Equal(Config{}, parse(t, "{}")) || !Equal(Config{}, parse(t, `{"env":null}`)) ||
		Equal(Config{}, parse(t, `{"a":1}`)) {
		t.Error("the zero Config is not equal to what it is")
	}
	// Approvals and leases identify configurations by this hash.
	if got, want := parse(t, `{"a":[1,"x",{"b":true}]}`).Hash(),
		"720679fd251e6982a0236d469df7cf23e142b8b047f990143ba670decbb2452a"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestDiff(t *testing.T) {
	a := parse(t,
		`{"image":"a","services":[{"autostop":false,"ports":[{"port":443}]}],"guest":{"cpus":1},`+
			`"init":{"cmd":["x"]},"gone":1}`)
	b := parse(t,
		`{"image":"b","services":[{"autostop":"stop","ports":[{"port":443},{"port":80}]}],"guest":{"cpus":1},`+
			`"init":{"cmd":["x",""]},"skip_launch":true}`)
	var got []string
	for _, c := range Diff(a, b) {
		got = append(got, c.String())
	}
	want := []string{
		`gone removed (was 1)`,
		`image: "a" → "b"`,
		`init.cmd: ["x"] → ["x",""]`,
		`services[0].autostop: false → true`,
		`services[0].ports[1].port = 80`,
		`skip_launch = true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := DiffKeys(a, b), []string{"gone", "image", "init", "services",
		"skip_launch"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	if got := Diff(a, a); len(got) != 0 {
		t.Errorf("of the same: %v", got)
	}
}

// No part of a secret ever appears, in whatever form it is written: only its length,
// and that it changed.
func TestDiffMasks(t *testing.T) {
	const was, is = `hunter2-ÿ\"<old>`, `hunter3-ÿ\"<new>\n`
	places := map[string]string{
		"env":                       `{"env":{"TOKEN":"%s"}}`,
		"env with dots":             `{"env":{"A.B":"%s"}}`,
		"env of a process":          `{"processes":[{"env":{"TOKEN":"%s"}}]}`,
		"env of a container":        `{"containers":[{"env":{"TOKEN":"%s"}}]}`,
		"env as a list":             `{"env":["TOKEN=%s"]}`,
		"env as a list below":       `{"processes":[{"env":["TOKEN=%s"]}]}`,
		"env as a string":           `{"env":"TOKEN=%s"}`,
		"env value as an object":    `{"env":{"TOKEN":{"value":"%s"}}}`,
		"env value as a list":       `{"env":{"TOKEN":["%s"]}}`,
		"file":                      `{"files":[{"guest_path":"/a","raw_value":"%s"}]}`,
		"file in parts":             `{"files":[{"guest_path":"/a","raw_value":{"part":"%s"}}]}`,
		"file of a container":       `{"containers":[{"files":[{"raw_value":"%s"}]}]}`,
		"header of a service check": `{"services":[{"checks":[{"headers":[{"name":"Authorization","values":["%s"]}]}]}]}`,
		"header of a check":         `{"checks":{"x":{"headers":[{"name":"Authorization","values":["a","%s"]}]}}}`,
		"header with one value":     `{"checks":{"x":{"headers":[{"name":"Authorization","values":"%s"}]}}}`,
		"headers as a map":          `{"checks":{"x":{"headers":{"Authorization":"%s"}}}}`,
		"header called name":        `{"checks":{"x":{"headers":{"name":"%s"}}}}`,
		"headers as lines":          `{"services":[{"checks":[{"headers":["Authorization: %s"]}]}]}`,
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			none, a, b := parse(t, `{}`), parse(t, fmt.Sprintf(place, was)), parse(t, fmt.Sprintf(place, is))
			for _, pair := range [][2]Config{{none, a}, {a, none}, {a, b}, {b, a}} {
				changes := Diff(pair[0], pair[1])
				if len(changes) == 0 {
					t.Fatal("no change is shown")
				}
				text := fmt.Sprint(changes)
				for _, part := range []string{"hunter", "old", "new", "ÿ", `\u00ff`} {
					if strings.Contains(text, part) {
						t.Errorf("%q is in %s", part, text)
					}
				}
				if !strings.Contains(text, "hidden") {
					t.Errorf("nothing says that something is hidden: %s", text)
				}
			}
			if changes := Diff(a, b); !strings.Contains(fmt.Sprint(changes), "changed") {
				t.Errorf("nothing says that it changed: %v", changes)
			}
		})
	}
}

func TestDiffShowsWhatIsNoSecret(t *testing.T) {
	a := parse(t,
		`{"env":{"FLY_PROCESS_GROUP":"app","PRIMARY_REGION":"fra"},"files":[{"guest_path":"/a"}],`+
			`"checks":{"x":{"path":"/a","headers":[{"name":"A","values":["v"]}]}}}`)
	b := parse(t,
		`{"env":{"FLY_PROCESS_GROUP":"web","PRIMARY_REGION":"ams"},"files":[{"guest_path":"/b"}],`+
			`"checks":{"x":{"path":"/b","headers":[{"name":"B","values":["v"]}]}}}`)
	text := fmt.Sprint(Diff(a, b))
	for _, want := range []string{`"app" → "web"`, `"fra" → "ams"`, `guest_path: "/a" → "/b"`,
		`checks.x.path: "/a" → "/b"`, `headers[0].name: "A" → "B"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}

func TestMask(t *testing.T) {
	for _, tt := range []struct{ value, note, want string }{
		{"", "", ""}, {"", ", changed", ""},
		{`"secret"`, "", "‹hidden, 6 bytes›"},
		{`"secret"`, ", changed", "‹hidden, 6 bytes, changed›"},
		{`""`, "", "‹hidden, 0 bytes›"},
		{`"é\n"`, "", "‹hidden, 3 bytes›"},
		{`plain`, "", "‹hidden, 5 bytes›"},
	} {
		if got := Mask(tt.value, tt.note); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.value, got, tt.want)
		}
	}
	// The length is that of the value in the document.
	var secret string
	if err := json.Unmarshal([]byte(`"a\u0007\u2028\"b"`), &secret); err != nil {
		t.Fatal(err)
	}
	changes := Diff(Config{}, parse(t, `{"env":{"A":"a\u0007\u2028\"b"}}`))
	if want := fmt.Sprintf("‹hidden, %d bytes›", len(secret)); changes[0].After != want {
		t.Errorf("got %s, want %s", changes[0].After, want)
	}
}

func TestHoldsMask(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{Mask("secret", ""), true},
		{Mask("secret", ", changed"), true},
		{"postgres://app:" + Mask("secret", "") + "@db/app", true},
		{"", false}, {"hidden, 6 bytes", false}, {"‹hidden›", false}, {"‹hidden, six bytes›", false},
	} {
		if got := HoldsMask(tt.text); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestChangeKey(t *testing.T) {
	for path, want := range map[string]string{
		"env.A":             "env",
		"services[0].ports": "services",
		"image":             "image",
		`checks."a.b".port`: "checks",
	} {
		if got := (Change{Path: path}).Key(); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
