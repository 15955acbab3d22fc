package flysim

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"
)

// importCertificate imports a certificate of the owner, for a hostname that is added if the app
// lacks it. The key is checked but not stored.
func importCertificate(req *apiRequest) apiAnswer {
	var in struct {
		Hostname  string `json:"hostname"`
		Fullchain string `json:"fullchain"`
		Key       string `json:"private_key"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	custom, err := readCertificate(in.Hostname, in.Fullchain, in.Key, req.now)
	if err != nil {
		return refuse(err)
	}
	c := a.certificate(in.Hostname)
	if c == nil {
		if c, err = a.certify(req.platform.state, in.Hostname, req.now); err != nil {
			return refuse(err)
		}
		c.noACME = true
	}
	c.custom = custom
	return reply(http.StatusCreated, a.detail(c))
}

// readCertificate parses an imported certificate, and refuses one that browsers would refuse.
func readCertificate(hostname, chain, key string, now time.Time) (*customCertificate, error) {
	pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
	if err != nil {
		return nil, invalid("invalid certificate: the chain and the key cannot be read, or do not belong together")
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, invalid("invalid certificate: %v", err)
	}
	switch {
	case now.After(leaf.NotAfter):
		return nil, invalid("invalid certificate: it expired at %s", timestamp(leaf.NotAfter))
	case hostname == "" || leaf.VerifyHostname(hostname) != nil && leaf.Subject.CommonName != hostname:
		return nil, invalid("invalid certificate: it is not for %.253q", hostname)
	}
	return &customCertificate{issuer: leaf.Issuer.String(), until: leaf.NotAfter.UTC(), imported: now}, nil
}

// deleteCustom removes the imported certificate. The hostname stays if a certificate from the
// authority is still wanted.
func deleteCustom(req *apiRequest) apiAnswer {
	return req.reduce(func(c *certificate) bool { return c.custom != nil }, func(c *certificate) { c.custom = nil })
}

// deleteACME stops requesting a certificate from the authority. The hostname stays if a certificate
// was imported.
func deleteACME(req *apiRequest) apiAnswer {
	return req.reduce(func(c *certificate) bool { return !c.noACME }, func(c *certificate) { c.noACME = true })
}

// reduce removes one of a hostname's certificates, and the hostname with the last of them. It fails
// unless the hostname has the certificate.
func (req *apiRequest) reduce(has func(*certificate) bool, drop func(*certificate)) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	c := a.certificate(req.PathValue("target"))
	if c == nil || !has(c) {
		return refuse(notFound("certificate"))
	}
	if drop(c); c.noACME && c.custom == nil {
		if _, err := a.decertify(c.hostname); err != nil {
			return refuse(err)
		}
	}
	return apiAnswer{status: http.StatusNoContent}
}
