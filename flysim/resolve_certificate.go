package flysim

import (
	"context"
	"time"

	graphql "github.com/graph-gophers/graphql-go"
)

// certificateNode resolves AppCertificate.
type certificateNode struct {
	app         *appState
	certificate *certificate
}

func (n *certificateNode) ID() graphql.ID                { return graphql.ID(n.certificate.id) }
func (n *certificateNode) Hostname() string              { return n.certificate.hostname }
func (n *certificateNode) ClientStatus() string          { return n.app.certificateStatus() }
func (n *certificateNode) Configured() bool              { return n.app.configured() }
func (n *certificateNode) IsConfigured() bool            { return n.app.configured() }
func (n *certificateNode) Check() bool                   { return n.app.configured() }
func (n *certificateNode) AcmeAlpnConfigured() bool      { return n.app.configured() }
func (n *certificateNode) IsAcmeAlpnConfigured() bool    { return n.app.configured() }
func (n *certificateNode) IsAcmeHttpConfigured() bool    { return n.app.configured() }
func (n *certificateNode) AcmeDnsConfigured() bool       { return false }
func (n *certificateNode) IsAcmeDnsConfigured() bool     { return false }
func (n *certificateNode) CertificateAuthority() *string { return new("lets_encrypt") }
func (n *certificateNode) DnsProvider() *string          { return new("enom") }
func (n *certificateNode) Source() *string               { return new("fly") }
func (n *certificateNode) Domain() *string               { return new(apexOf(n.certificate.hostname)) }
func (n *certificateNode) RateLimitedUntil() *scalar     { return nil }
func (n *certificateNode) IsApex() bool                  { return apexOf(n.Hostname()) == n.Hostname() }
func (n *certificateNode) IsWildcard() bool              { return n.certificate.wildcard() }
func (n *certificateNode) DnsValidationHostname() string { return n.challenge().Name }
func (n *certificateNode) DnsValidationTarget() string   { return n.challenge().Target }

func (n *certificateNode) challenge() acmeChallenge { return n.app.challenge(n.certificate) }

func (n *certificateNode) DnsValidationInstructions() string {
	challenge := n.challenge()
	return "CNAME " + challenge.Name + " => " + challenge.Target
}

func (n *certificateNode) CreatedAt() *scalar {
	return new(textScalar(n.certificate.created.UTC().Format(time.RFC3339)))
}

func (n *certificateNode) CertificateRequestedAt() *scalar { return n.CreatedAt() }

// ValidationErrors is always empty: Check says why a hostname is not configured.
func (n *certificateNode) ValidationErrors() []*validationError { return []*validationError{} }

// validationError resolves AppCertificateValidationError; there are none.
type validationError struct {
	ErrorCode   *string
	Message     string
	Remediation *string
	Timestamp   scalar
}

// issuedNode resolves Certificate: one issued by an authority.
type issuedNode struct {
	ID        graphql.ID
	Hostname  string
	Type      string
	ExpiresAt scalar
}

// Issued returns a certificate for each kind of key once the hostname is configured.
func (n *certificateNode) Issued(args struct {
	After, Before  *string
	First          *int32
	IncludeExpired *bool
	Last           *int32
}) *connection[*issuedNode] {
	var nodes []*issuedNode
	if n.app.configured() {
		for _, kind := range []string{"ecdsa", "rsa"} {
			nodes = append(nodes, &issuedNode{
				graphql.ID(n.certificate.id + "_" + kind), n.certificate.hostname, kind,
				textScalar(timestamp(n.certificate.expires())),
			})
		}
	}
	return newConnection(nodes, pageArgs{args.After, args.Before, args.First, args.Last},
		func(n *issuedNode) string { return n.Type })
}

// hostnameCheck resolves HostnameCheck: what DNS says about a hostname. On this platform it points
// at the app as long as the app has public addresses.
type hostnameCheck struct {
	ID                    graphql.ID
	ARecords, AaaaRecords []string
	CaaRecords            []string
	CnameRecords          []string
	ResolvedAddresses     []string
	Errors                *[]string
	AcmeDnsConfigured     bool
	DnsConfigured         bool
	IsProxied             bool
	DnsProvider, Soa      *string
	DnsVerificationRecord *string
}

func (a *appState) check(c *certificate) *hostnameCheck {
	needs := a.detail(c).DNSRequirements
	return &hostnameCheck{
		ID: graphql.ID("check_" + c.id), ARecords: needs.A, AaaaRecords: needs.AAAA, CaaRecords: []string{},
		CnameRecords:      []string{},
		ResolvedAddresses: append(append([]string{}, needs.A...), needs.AAAA...), DnsConfigured: a.configured(),
		DnsProvider: new("enom"),
	}
}

// certificatePayload resolves the payloads of the mutations of certificates.
type certificatePayload struct {
	App              *appNode
	Certificate      *certificateNode
	Check            *hostnameCheck
	Errors           *[]string
	ClientMutationId *string
}

func (req *apiRequest) certificatePayload(a *appState, c *certificate, mutation *string) *certificatePayload {
	return &certificatePayload{
		App: &appNode{req: req, app: a, fresh: true}, Certificate: &certificateNode{a, c}, Check: a.check(c),
		ClientMutationId: mutation,
	}
}

func (*root) AddCertificate(ctx context.Context, args struct {
	AppId    graphql.ID
	Hostname string
}) (*certificatePayload, error) {
	req := requestOf(ctx)
	a, err := req.appForChange(string(args.AppId))
	if err != nil {
		return nil, err
	}
	c, err := a.certify(req.platform.state, args.Hostname, req.now)
	if err != nil {
		return nil, err
	}
	return req.certificatePayload(a, c, nil), nil
}

// CheckCertificate only reads, although it is a mutation: nothing is issued here.
func (*root) CheckCertificate(ctx context.Context, args struct {
	Input struct {
		AppId            graphql.ID
		ClientMutationId *string
		Hostname         string
	}
}) (*certificatePayload, error) {
	req := requestOf(ctx)
	a, err := req.appForChange(string(args.Input.AppId))
	if err != nil {
		return nil, err
	}
	c := a.certificate(args.Input.Hostname)
	if c == nil {
		return nil, errNoCertificate
	}
	return req.certificatePayload(a, c, args.Input.ClientMutationId), nil
}

func (*root) DeleteCertificate(ctx context.Context, args struct {
	AppId    graphql.ID
	Hostname string
}) (*certificatePayload, error) {
	req := requestOf(ctx)
	a, err := req.appForChange(string(args.AppId))
	if err != nil {
		return nil, err
	}
	c, err := a.decertify(args.Hostname)
	if err != nil {
		return nil, err
	}
	payload := req.certificatePayload(a, c, nil)
	payload.Check = nil
	return payload, nil
}
