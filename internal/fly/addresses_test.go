package fly

import (
	"net/netip"
	"slices"
	"testing"
)

func TestClassify(t *testing.T) {
	tests := []struct {
		name        string
		row         row
		egressBlind bool // the egress list is not known
		want        Kind
		inferred    bool
	}{
		{name: "v4", row: row{address: "137.66.18.204", kind: "v4"}, want: DedicatedV4},
		{name: "v4, egress unknown", row: row{address: "137.66.18.204", kind: "v4"}, egressBlind: true,
			want: DedicatedV4, inferred: true},
		{name: "v6", row: row{address: "2a09:8280:1::1", kind: "v6"}, want: DedicatedV6},
		{name: "v6, egress unknown", row: row{address: "2a09:8280:1::1", kind: "v6"}, egressBlind: true,
			want: DedicatedV6, inferred: true},
		{name: "shared", row: row{address: "66.241.124.11", kind: "shared_v4"}, egressBlind: true, want: SharedV4},
		{name: "private", row: row{address: "fdaa:2:1c4f:0:1::2", kind: "private_v6"}, egressBlind: true, want: Flycast},

		{name: "no type: v4", row: row{address: "137.66.18.204"}, want: DedicatedV4, inferred: true},
		{name: "no type: v6", row: row{address: "2a09:8280:1::1"}, want: DedicatedV6, inferred: true},
		{name: "no type: shared", row: row{address: "66.241.124.11", shared: true}, want: SharedV4, inferred: true},
		{name: "no type: private", row: row{address: "fdaa:2:1c4f:0:1::2"}, want: Flycast, inferred: true},
		{name: "no type: private wins over shared", row: row{address: "fdaa:2:1c4f:0:1::2", shared: true},
			want: Flycast, inferred: true},

		{name: "egress wins over v4", row: row{address: "137.66.18.204", kind: "v4", egress: true}, want: Egress},
		{name: "egress wins over shared", row: row{address: "137.66.18.204", shared: true, egress: true}, want: Egress},
		{name: "egress wins over private", row: row{address: "fdaa:2:1c4f:0:1::2", egress: true}, want: Egress},
		{name: "egress type", row: row{address: "209.71.80.45", kind: "egress_v4"}, want: Egress},
		{name: "egress type v6", row: row{address: "2605:4c40::1", kind: "egress_v6"}, egressBlind: true, want: Egress},

		{name: "contradiction: public typed private", row: row{address: "2a09:8280:1::1", kind: "private_v6"},
			want: UnknownKind},
		{name: "contradiction: private typed public", row: row{address: "fdaa:2:1c4f:0:1::2", kind: "v6"}, want: UnknownKind},
		{name: "contradiction: v4 typed v6", row: row{address: "137.66.18.204", kind: "v6"}, want: UnknownKind},
		{name: "contradiction: v6 typed v4", row: row{address: "2a09:8280:1::1", kind: "v4"}, want: UnknownKind},
		{name: "contradiction: v6 typed shared", row: row{address: "2a09:8280:1::1", kind: "shared_v4"}, want: UnknownKind},
		{name: "contradiction: shared typed v4", row: row{address: "66.241.124.11", kind: "v4", shared: true},
			want: UnknownKind},
		{name: "new type", row: row{address: "2a09:8280:1::1", kind: "anycast_v7"}, want: UnknownKind},
		{name: "shared v6", row: row{address: "2a09:8280:1::1", shared: true}, want: UnknownKind, inferred: true},
		{name: "other private v6", row: row{address: "fd00::1"}, want: UnknownKind, inferred: true},
		{name: "near miss of fdaa", row: row{address: "fdab:2:1c4f:0:1::2", kind: "private_v6"}, want: UnknownKind},
		{name: "private v4", row: row{address: "10.0.0.1", kind: "v4"}, want: UnknownKind},
		{name: "loopback", row: row{address: "127.0.0.1"}, want: UnknownKind, inferred: true},
		{name: "link-local", row: row{address: "fe80::1"}, want: UnknownKind, inferred: true},
		{name: "v4 in v6", row: row{address: "::ffff:137.66.18.204"}, want: UnknownKind, inferred: true},
		{name: "unspecified", row: row{address: "::"}, want: UnknownKind, inferred: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			kind, inferred := classify(netip.MustParseAddr(test.row.address), test.row, !test.egressBlind)
			if kind != test.want || inferred != test.inferred {
				t.Errorf("got %s, inferred %v; want %s, %v", kind, inferred, test.want, test.inferred)
			}
		})
	}
}

func TestDecodeAddresses(t *testing.T) {
	const app = `"name":"a","organization":{"slug":"personal"},`
	none := `"egressIpAddresses":{"nodes":[]}`
	tests := []struct {
		name   string
		data   string
		want   []string
		egress bool
		fails  bool
	}{
		{name: "order", egress: true, data: `{"app":{` + app + none + `,"sharedIpAddress":"66.241.124.11",
			"ipAddresses":{"nodes":[
			{"address":"fdaa:0:2::1","type":"private_v6","network":{"name":"n","organization":{"slug":"o"}}},
				{"address":"2a09::2","type":"v6"},
			{"address":"10.0.0.1","type":"v4"},{"address":"2a09::1","type":"v6"},{"address":"9.9.9.9","type":"v4"}]}}}`,
			want: []string{"dedicated_v4 9.9.9.9", "shared_v4 66.241.124.11", "dedicated_v6 2a09::1",
				"dedicated_v6 2a09::2", "flycast fdaa:0:2::1 o/n", "unknown 10.0.0.1"}},
		{name: "egress row among the others", egress: true, data: `{"app":{` + app +
			`"egressIpAddresses":{"nodes":[{"ip":"9.9.9.9"}]},"ipAddresses":{"nodes":[{"address":"9.9.9.9","type":"v4"}]}}}`,
			want: []string{"egress 9.9.9.9"}},
		{name: "shared twice", egress: true, data: `{"app":{` + app + none +
			`,"sharedIpAddress":"9.9.9.9","ipAddresses":{"nodes":[{"address":"9.9.9.9","type":"shared_v4"}]}}}`,
			want: []string{"shared_v4 9.9.9.9"}},
		{name: "one address of two kinds", egress: true, data: `{"app":{` + app + none +
			`,"sharedIpAddress":"9.9.9.9","ipAddresses":{"nodes":[{"address":"9.9.9.9","type":"v4"}]}}}`,
			want: []string{"unknown 9.9.9.9 inferred"}},
		{name: "the default network", egress: true, data: `{"app":{` + app + none +
			`,"ipAddresses":{"nodes":[{"address":"fdaa:0:2::1","type":"private_v6","network":{"name":"",` +
			`"organization":{"slug":"o"}}}]}}}`,
			want: []string{"flycast fdaa:0:2::1 o/default"}},
		{name: "a network that is not told", egress: true, data: `{"app":{` + app + none +
			`,"ipAddresses":{"nodes":[{"address":"fdaa:0:2::1","type":"private_v6","network":{"name":null,` +
			`"organization":{"slug":"o"}}},{"address":"fdaa:0:2::2","type":"private_v6","network":null}]}}}`,
			want: []string{"flycast fdaa:0:2::1", "flycast fdaa:0:2::2"}},
		{name: "null list", data: `{"app":{` + app + none + `,"ipAddresses":{"nodes":null}}}`, fails: true},
		{name: "null list with a null count", data: `{"app":{` + app + none +
			`,"ipAddresses":{"totalCount":null,"nodes":null}}}`, fails: true},
		{name: "no addresses", egress: true, data: `{"app":{` + app + none + `,"ipAddresses":{"nodes":[]}}}`},
		{name: "egress missing", data: `{"app":{` + app +
			`"ipAddresses":{"nodes":[{"address":"9.9.9.9","type":"v4"}]}}}`, want: []string{"dedicated_v4 9.9.9.9 inferred"}},
		{name: "egress null", data: `{"app":{` + app + `"egressIpAddresses":{"nodes":null},"ipAddresses":{"nodes":[]}}}`},
		{name: "egress cut short", data: `{"app":{` + app +
			`"egressIpAddresses":{"totalCount":2,"nodes":[{"ip":"9.9.9.9"}]},` +
			`"ipAddresses":{"nodes":[]}}}`, want: []string{"egress 9.9.9.9"}},
		{name: "list missing", data: `{"app":{` + app + none + `}}`, fails: true},
		{name: "list cut short", data: `{"app":{` + app + none +
			`,"ipAddresses":{"totalCount":2,"nodes":[{"address":"9.9.9.9","type":"v4"}]}}}`, fails: true},
		{name: "null row", data: `{"app":{` + app + none + `,"ipAddresses":{"nodes":[null]}}}`, fails: true},
		{name: "no IP", data: `{"app":{` + app + none +
			`,"ipAddresses":{"nodes":[{"address":"9.9.9.900","type":"v4"}]}}}`, fails: true},
		{name: "zone", data: `{"app":{` + app + none +
			`,"ipAddresses":{"nodes":[{"address":"fe80::1%eth0","type":"v6"}]}}}`, fails: true},
		{name: "no app", data: `{"app":null}`, fails: true},
		{name: "nothing", data: ``, fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := decodeAddresses([]byte(test.data), "a")
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				return
			}
			if list := addressLines(got.List); !slices.Equal(list, test.want) || got.EgressKnown != test.egress {
				t.Errorf("got %q, egress known %v; want %q, %v", list, got.EgressKnown, test.want, test.egress)
			}
		})
	}
}

func TestDecodeAssignments(t *testing.T) {
	tests := []struct {
		name, body string
		want       []string
		egress     bool
		fails      bool
	}{
		{name: "new", egress: true,
			body: `{"ips":[{"ip":"9.9.9.9","egress":true},{"ip":"fdaa:0:2::1","egress":false,` +
				`"network":{"name":"n","org_slug":"o"}}]}`,
			want: []string{"flycast fdaa:0:2::1 o/n inferred", "egress 9.9.9.9"}},
		{name: "old", body: `{"ips":[{"ip":"9.9.9.9"},{"ip":"8.8.8.8","shared":true}]}`,
			want: []string{"dedicated_v4 9.9.9.9 inferred", "shared_v4 8.8.8.8 inferred"}},
		{name: "mixed", body: `{"ips":[{"ip":"9.9.9.9"},{"ip":"8.8.8.8","egress":true}]}`,
			want: []string{"dedicated_v4 9.9.9.9 inferred", "egress 8.8.8.8"}},
		{name: "none", body: `{"ips":[]}`},
		{name: "the default network", egress: true,
			body: `{"ips":[{"ip":"fdaa:0:2::1","egress":false,"network":{"name":"default","org_slug":"o"}},` +
				`{"ip":"fdaa:0:2::2","egress":false,"network":{"name":"","org_slug":"o"}}]}`,
			want: []string{"flycast fdaa:0:2::1 o/default inferred", "flycast fdaa:0:2::2 o/default inferred"}},
		{name: "a network that is not told",
			body: `{"ips":[{"ip":"fdaa:0:2::1","network":{"name":null,` +
				`"org_slug":"o"}}]}`, want: []string{"flycast fdaa:0:2::1 inferred"}},
		{name: "null list", body: `{"ips":null}`, fails: true},
		{name: "missing", body: `{}`, fails: true},
		{name: "another shape", body: `[]`, fails: true},
		{name: "no IP", body: `{"ips":[{"ip":""}]}`, fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := decodeAssignments([]byte(test.body))
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if list := addressLines(got.List); !slices.Equal(list, test.want) || got.EgressKnown != test.egress {
				t.Errorf("got %q, egress known %v; want %q, %v", list, got.EgressKnown, test.want, test.egress)
			}
		})
	}
}
