package fly

import (
	"encoding/json"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

func FuzzDecodeMachines(f *testing.F) {
	f.Add([]byte(`[{"id":"0a","state":"started","private_ip":"fdaa::1","config":{"image":"i",` +
		`"env":{"A":"b"}},"events":[{"type":"exit","request":{"exit_event":{"exit_code":1}}}]}]`))
	f.Add([]byte(`[{"id":"0a","config":null,"incomplete_config":{},"checks":[null,{"output":"\u202e"}]},null]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		machines, err := ParseMachines(body)
		for _, m := range machines {
			if !machineID.MatchString(m.ID) || m.State == "destroyed" {
				t.Errorf("Machine %+v", m)
			}
			for _, c := range m.Checks {
				checkPlain(t, c.Name, c.Status)
			}
			checkPlain(t, m.Name, m.State, m.Region, m.HostStatus, m.ImageRef)
			for i, e := range m.Events {
				checkPlain(t, e.Type, e.Status, e.Source)
				if i > 0 && e.Time.After(m.Events[i-1].Time) {
					t.Error("an older event comes first")
				}
			}
			if len(m.Events) > maxEvents {
				t.Errorf("%d events", len(m.Events))
			}
		}
		if err != nil && machines != nil {
			t.Errorf("an error came with Machines: %v", err)
		}
	})
}

func FuzzDecodeCreated(f *testing.F) {
	f.Add([]byte(`{"id":"0a","nonce":"n","state":"starting","config":{"image":"i"},` +
		`"image_ref":{"repository":"r","digest":"sha256:0"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		created, err := decodeCreated(body)
		if err == nil && !machineID.MatchString(created.machine.ID) {
			t.Errorf("Machine %+v", created.machine)
		}
	})
}

func FuzzDecodeVolumes(f *testing.F) {
	f.Add([]byte(`[{"id":"vol_0a","name":"data","region":"iad","size_gb":3,"state":"created",` +
		`"attached_machine_id":"0a"},{"id":"vol_0b","state":"pending_destroy"}]`))
	f.Add([]byte(`[null]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		volumes, err := decodeVolumes(body)
		for _, v := range volumes {
			if !volumeID.MatchString(v.ID) || v.State == "pending_destroy" {
				t.Errorf("volume %+v", v)
			}
			checkPlain(t, v.Name, v.Region, v.State, v.AttachedMachine, v.HostStatus)
		}
		if err != nil && volumes != nil {
			t.Errorf("an error came with volumes: %v", err)
		}
	})
}

func FuzzDecodeReleases(f *testing.F) {
	f.Add([]byte(`{"app":{"releasesUnprocessed":{"nodes":[{"id":"r","version":2,"status":"complete",` +
		`"configDefinition":{"app":"a"}},null,{"configDefinition":"{}"}]}}}`))
	f.Add([]byte(`{"release":{"id":"rel_1","version":3,"definition":{"app":"a"},"image_ref":"i"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		releases, _ := decodeReleases(body, "a")
		if created, err := decodeCreatedRelease(body, "a"); err == nil {
			if !releaseID.MatchString(created.ID) {
				t.Errorf("release %+v", created)
			}
			releases = append(releases, created)
		}
		for _, r := range releases {
			checkPlain(t, r.ID, string(r.Status), r.Strategy, r.Image)
			if r.Definition != nil && r.Definition[0] != '{' && !json.Valid(r.Definition) {
				t.Errorf("definition %s", r.Definition)
			}
		}
	})
}

func FuzzDecodeLease(f *testing.F) {
	f.Add([]byte(`{"status":"success","data":{"nonce":"n","owner":"me","expires_at":1795330603}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if wire, err := decodeLease(body); err != nil && wire != (wireLease{}) {
			t.Errorf("an error came with %+v", wire)
		}
	})
}

func FuzzDecodeAddresses(f *testing.F) {
	f.Add([]byte(`{"app":{"name":"a","organization":{"id":"o","slug":"s"},` +
		`"sharedIpAddress":"66.241.124.11","egressIpAddresses":{"totalCount":1,` +
		`"nodes":[{"ip":"9.9.9.9"}]},"ipAddresses":{"totalCount":2,"nodes":[{"address":"fdaa:0:2::1",` +
		`"type":"private_v6","network":{"name":"n","organization":null}},{"address":"9.9.9.9","type":"v4"}]}}}`))
	f.Add([]byte(`{"app":{"ipAddresses":{"nodes":[null]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeAddresses(data, "a")
		if err == nil {
			checkAddresses(t, list)
		}
	})
}

func FuzzDecodeAssignments(f *testing.F) {
	f.Add([]byte(`{"ips":[{"ip":"9.9.9.9","egress":true},{"ip":"fdaa:0:2::1","shared":true,` +
		`"network":{"name":"n","org_slug":"o"}}]}`))
	f.Add([]byte(`{"ips":[{"ip":"::ffff:1.2.3.4"},{"ip":"1.2.3.4"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := decodeAssignments(body)
		if err != nil {
			return
		}
		checkAddresses(t, list)
		for _, a := range list.List {
			if a.Kind != Egress && !a.Inferred {
				t.Errorf("%+v is certain without a type", a)
			}
		}
	})
}

func FuzzQuote(f *testing.F) {
	f.Add("machine not found\n\x1b[31m", "found")
	f.Fuzz(func(t *testing.T, text, secret string) {
		got := quote(outside.MaskSecrets(text, []string{secret}, 1))
		checkPlain(t, got)
		if n := utf8.RuneCountInString(got); n > 125 {
			t.Errorf("%d characters", n)
		}
	})
}

// checkAddresses holds for every list, whatever it was made of.
func checkAddresses(t *testing.T, list Addresses) {
	t.Helper()
	seen := make(map[string]bool)
	for _, a := range list.List {
		if seen[a.IP.String()] || !a.IP.IsValid() {
			t.Errorf("%s comes twice, or is none", a.IP)
		}
		seen[a.IP.String()] = true
		if a.Kind == Flycast && !isPrivate(a.IP) || a.Kind.Public() && isPrivate(a.IP) {
			t.Errorf("%s is %s", a.IP, a.Kind)
		}
		if (a.Kind == DedicatedV4 || a.Kind == DedicatedV6) && !list.EgressKnown && !a.Inferred {
			t.Errorf("%s is certain although the egress list is not known", a.IP)
		}
	}
}

func checkPlain(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, r := range text {
			if !unicode.IsPrint(r) {
				t.Errorf("%q is not plain", text)
			}
		}
	}
}
