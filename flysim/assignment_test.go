package flysim_test

import (
	"strings"
	"testing"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

func TestAssignments(t *testing.T) {
	p := seeded(t, flysim.Options{})
	ips := shop + "/ip_assignments"
	got := ask(t, p, "GET", ips, "")
	wantBody(t, got, "ips.0.ip", "2a09:8280:1::2d:1111")
	wantBody(t, got, "ips.1.shared", "true")
	if body := string(got.body); strings.Contains(body, `"type"`) || strings.Contains(body, `"id"`) {
		t.Errorf("rows must have no type and no id: %s", body)
	}
	wantBody(t, ask(t, p, "GET", "/v1/apps/legacy-api/ip_assignments", ""), "ips.2.egress", "true")
	wantStatus(t, ask(t, p, "POST", ips, `{"type":"shared_v4","region":""}`), 409)
	wantStatus(t, ask(t, p, "POST", ips, `{"type":"v5"}`), 400)
	first := ask(t, p, "POST", ips, `{"type":"private_v6","region":"","org_slug":"personal","network":""}`)
	second := ask(t, p, "POST", ips, `{"type":"private_v6"}`)
	if first.get(t, "ip") == second.get(t, "ip") || len(p.Addresses("shop-api")) != 4 {
		t.Error("an allocation was deduplicated")
	}
	foreign := ask(t, p, "POST", ips, `{"type":"private_v6","org_slug":"partner"}`)
	wantBody(t, foreign, "network.org_slug", "partner")
	if ip := foreign.get(t, "ip"); !strings.HasPrefix(ip, "fdaa:3:5b10:0:1::") {
		t.Errorf("an address on partner's network: %s", ip)
	}
	wantStatus(t, ask(t, p, "DELETE", ips+"/2a09%3A8280%3A1%3A%3A2d%3A1111", ""), 204)
	wantStatus(t, ask(t, p, "DELETE", ips+"/2a09:8280:1::2d:1111", ""), 404)
	wantStatus(t, ask(t, p, "DELETE", ips+"/66.241.124.11", ""), 204)
	old := "/v1/apps/legacy-api/ip_assignments/"
	wantStatus(t, ask(t, p, "DELETE", old+"209.71.80.45", ""), 204) // one endpoint for inbound and outbound addresses
	wantStatus(t, ask(t, p, "DELETE", old+"209.71.80.45", ""), 404)
	if held := len(p.Addresses("legacy-api")); held != 3 {
		t.Errorf("%d addresses remain, want 3", held)
	}

	p = seeded(t, flysim.Options{OmitTypes: true})
	if got := ask(t, p, "GET", "/v1/apps/legacy-api/ip_assignments", ""); strings.Contains(string(got.body), "egress") {
		t.Errorf("an old platform knows no egress field: %s", got.body)
	}
}

func TestCertificates(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.AddCertificate("legacy-api", "www.legacy-shop.example")
	_, rest := clients(t, p)
	var names []string
	for opts := (flaps.ListCertificatesOpts{Limit: 1}); ; {
		page, err := rest.ListCertificates(t.Context(), "legacy-api", &opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Certificates {
			names = append(names, c.Hostname)
		}
		if opts.Cursor = page.NextCursor; opts.Cursor == "" {
			break
		}
	}
	if got, want := strings.Join(names, " "), "api.legacy-shop.example www.legacy-shop.example"; got != want {
		t.Errorf("hostnames %q, want %q", got, want)
	}
	for name, read := range map[string]func() (*fly.CertificateDetailResponse, error){
		"get": func() (*fly.CertificateDetailResponse, error) {
			return rest.GetCertificate(t.Context(), "legacy-api", names[0])
		},
		"check": func() (*fly.CertificateDetailResponse, error) {
			return rest.CheckCertificate(t.Context(), "legacy-api", names[0])
		},
	} {
		c, err := read()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !c.Configured || len(c.DNSRequirements.A) != 1 || c.DNSRequirements.A[0] != "137.66.18.204" ||
			len(c.Certificates) != 1 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	p.RemoveAddress("legacy-api", "137.66.18.204")
	p.RemoveAddress("legacy-api", "2a09:8280:1::3a:7c20")
	if c, err := rest.GetCertificate(t.Context(), "legacy-api", names[0]); err != nil || c.Configured ||
		c.Status == "Ready" {
		t.Errorf("without public addresses: %+v, %v", c, err)
	}
}
