package flysim

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// certificateSummary is a hostname in the list of the Machines API.
type certificateSummary struct {
	Hostname               string `json:"hostname"`
	Status                 string `json:"status"`
	DNSProvider            string `json:"dns_provider"`
	AcmeDNSConfigured      bool   `json:"acme_dns_configured"`
	AcmeALPNConfigured     bool   `json:"acme_alpn_configured"`
	AcmeHTTPConfigured     bool   `json:"acme_http_configured"`
	OwnershipTxtConfigured bool   `json:"ownership_txt_configured"`
	Configured             bool   `json:"configured"`
	AcmeRequested          bool   `json:"acme_requested"`
	HasCustomCertificate   bool   `json:"has_custom_certificate"`
	HasFlyCertificate      bool   `json:"has_fly_certificate"`
	CreatedAt              string `json:"created_at"`
	UpdatedAt              string `json:"updated_at"`
}

type certificateDetail struct {
	Hostname        string                `json:"hostname"`
	Configured      bool                  `json:"configured"`
	AcmeRequested   bool                  `json:"acme_requested"`
	Status          string                `json:"status"`
	DNSProvider     string                `json:"dns_provider"`
	Certificates    []issuedCertificate   `json:"certificates"`
	Validation      certificateValidation `json:"validation"`
	DNSRequirements dnsRequirements       `json:"dns_requirements"`
}

type issuedCertificate struct {
	Source    string         `json:"source"`
	Status    string         `json:"status"`
	CreatedAt string         `json:"created_at"`
	ExpiresAt string         `json:"expires_at"`
	Issuer    string         `json:"issuer"`
	Issued    []issuedRecord `json:"issued"`
}

type issuedRecord struct {
	Type      string `json:"type"`
	ExpiresAt string `json:"expires_at"`
	Authority string `json:"certificate_authority"`
}

type certificateValidation struct {
	DNSConfigured          bool `json:"dns_configured"`
	ALPNConfigured         bool `json:"alpn_configured"`
	HTTPConfigured         bool `json:"http_configured"`
	OwnershipTxtConfigured bool `json:"ownership_txt_configured"`
}

type dnsRequirements struct {
	A             []string      `json:"a"`
	AAAA          []string      `json:"aaaa"`
	CNAME         string        `json:"cname"`
	ACMEChallenge acmeChallenge `json:"acme_challenge"`
	Ownership     ownership     `json:"ownership"`
}

type acmeChallenge struct {
	Name   string `json:"name"`
	Target string `json:"target"`
}

type ownership struct {
	Name     string `json:"name"`
	AppValue string `json:"app_value"`
	OrgValue string `json:"org_value"`
}

// configured reports whether the hostname's DNS can point at the app: its A and AAAA records need a
// public address.
func (a *appState) configured() bool {
	return slices.ContainsFunc(a.currentAddresses(), func(addr *appAddress) bool { return addr.kind != "private_v6" })
}

func (a *appState) certificateStatus() string {
	if a.configured() {
		return "Ready"
	}
	return "Awaiting configuration"
}

// listCertificates pages by hostname: the cursor is the last hostname shown.
func listCertificates(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	query, limit := req.URL.Query(), 50
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 500 {
			return refuse(invalid("invalid limit"))
		}
		limit = n
	}
	out := struct {
		Certificates []certificateSummary `json:"certificates"`
		NextCursor   string               `json:"next_cursor,omitempty"`
		TotalCount   int                  `json:"total_count"`
	}{Certificates: []certificateSummary{}, TotalCount: len(a.certificates)}
	for _, c := range a.certificates {
		switch {
		case c.hostname <= query.Get("cursor") || !strings.Contains(c.hostname, query.Get("filter")):
		case len(out.Certificates) == limit:
			out.NextCursor = out.Certificates[limit-1].Hostname
			return reply(http.StatusOK, out)
		default:
			ok := a.configured()
			out.Certificates = append(out.Certificates, certificateSummary{
				Hostname: c.hostname, Status: a.certificateStatus(), DNSProvider: "enom",
				AcmeALPNConfigured: ok, AcmeHTTPConfigured: ok, Configured: ok, AcmeRequested: !c.noACME,
				HasCustomCertificate: c.custom != nil, HasFlyCertificate: !c.noACME, CreatedAt: timestamp(c.created),
				UpdatedAt: timestamp(c.created),
			})
		}
	}
	return reply(http.StatusOK, out)
}

func createCertificate(req *apiRequest) apiAnswer {
	var in struct {
		Hostname string `json:"hostname"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	c, err := a.certify(req.platform.state, in.Hostname, req.now)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusCreated, a.detail(c))
}

// certify adds a hostname to the app, in sorted order. It fails if the app has it already.
func (a *appState) certify(s *platformState, hostname string, now time.Time) (*certificate, error) {
	at, found := slices.BinarySearchFunc(a.certificates, hostname,
		func(c *certificate, name string) int { return strings.Compare(c.hostname, name) })
	switch {
	case hostname == "" || len(hostname) > 253:
		return nil, invalid("invalid hostname")
	case found:
		return nil, &apiError{http.StatusUnprocessableEntity, "already_exists", "Hostname already exists on app"}
	}
	c := &certificate{id: s.ids.opaque("certificate", "cert_", 14), hostname: hostname, created: now}
	a.certificates = slices.Insert(a.certificates, at, c)
	return c, nil
}

var errNoCertificate = &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find AppCertificate"}

// certificate returns the app's certificate of a hostname, or nil if it has none.
func (a *appState) certificate(hostname string) *certificate {
	i := slices.IndexFunc(a.certificates, func(c *certificate) bool { return c.hostname == hostname })
	if i < 0 {
		return nil
	}
	return a.certificates[i]
}

// decertify removes a hostname and its certificates from the app.
func (a *appState) decertify(hostname string) (*certificate, error) {
	c := a.certificate(hostname)
	if c == nil {
		return nil, errNoCertificate
	}
	a.certificates = slices.DeleteFunc(a.certificates, func(other *certificate) bool { return other == c })
	return c, nil
}

func (c *certificate) expires() time.Time { return c.created.Add(90 * 24 * time.Hour) }
func (c *certificate) wildcard() bool     { return strings.HasPrefix(c.hostname, "*.") }

// apexOf returns the domain that a hostname belongs to: its last two labels, which is right for the
// names in examples.
func apexOf(hostname string) string {
	labels := strings.Split(hostname, ".")
	return strings.Join(labels[max(len(labels)-2, 0):], ".")
}

// challenge returns the DNS record that would prove the hostname to the authority.
func (a *appState) challenge(c *certificate) acmeChallenge {
	name := strings.TrimPrefix(c.hostname, "*.")
	return acmeChallenge{"_acme-challenge." + name, name + "." + a.id[:6] + ".flydns.net"}
}

// getCertificate also serves the check, which only reads and issues nothing.
func getCertificate(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	c := a.certificate(req.PathValue("target"))
	if c == nil {
		return refuse(notFound("certificate"))
	}
	return reply(http.StatusOK, a.detail(c))
}

func deleteCertificate(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	if _, err := a.decertify(req.PathValue("target")); err != nil {
		return refuse(notFound("certificate"))
	}
	return apiAnswer{status: http.StatusNoContent}
}

func (a *appState) detail(c *certificate) certificateDetail {
	ok, expires := a.configured(), timestamp(c.expires())
	d := certificateDetail{
		Hostname: c.hostname, Configured: ok, AcmeRequested: !c.noACME, Status: a.certificateStatus(), DNSProvider: "enom",
		Certificates: []issuedCertificate{},
		Validation:   certificateValidation{ALPNConfigured: ok, HTTPConfigured: ok},
		DNSRequirements: dnsRequirements{
			A: []string{}, AAAA: []string{}, CNAME: a.cnameTarget(),
			ACMEChallenge: a.challenge(c),
			Ownership:     ownership{"_fly-ownership." + c.hostname, "app-" + a.id[:8], "org-" + a.organization.slug},
		},
	}
	if !c.noACME {
		d.Certificates = append(d.Certificates, issuedCertificate{
			Source: "fly", Status: "active", CreatedAt: timestamp(c.created), ExpiresAt: expires, Issuer: "Let's Encrypt",
			Issued: []issuedRecord{{"ecdsa", expires, "lets_encrypt"}, {"rsa", expires, "lets_encrypt"}},
		})
	}
	if own := c.custom; own != nil {
		d.Certificates = append(d.Certificates, issuedCertificate{
			Source: "custom", Status: "active", CreatedAt: timestamp(own.imported), ExpiresAt: timestamp(own.until),
			Issuer: own.issuer,
			Issued: []issuedRecord{{Type: "custom", ExpiresAt: timestamp(own.until)}},
		})
	}
	for _, addr := range a.currentAddresses() {
		switch addr.kind {
		case "v4", "shared_v4":
			d.DNSRequirements.A = append(d.DNSRequirements.A, addr.ip.String())
		case "v6":
			d.DNSRequirements.AAAA = append(d.DNSRequirements.AAAA, addr.ip.String())
		}
	}
	return d
}
