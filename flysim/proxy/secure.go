package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// handshakeTimeout and firstByteTimeout limit, in real time, how long a client may take to start a
// request.
const (
	handshakeTimeout = 10 * time.Second
	firstByteTimeout = time.Minute
)

// handshake is a TLS handshake in progress, with the route that the client's hello leads to.
type handshake struct {
	door  *door
	visit *visit
	port  int
	name  hostName
	route *portRoute
}

// serveTLS terminates TLS and serves the decrypted connection. If Fly Proxy has no certificate, it
// drops the connection; names under .flycast have none.
func (d *door) serveTLS(c *callerConn) {
	h := &handshake{door: d, visit: d.proxy.visit(c, "", ""), port: 443}
	if c.tunnel != nil {
		h.port = c.tunnel.port
	}
	h.visit.record.Path = fmt.Sprintf("tcp/%d", h.port)
	conn := tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: h.answer})
	ctx, cancel := context.WithTimeout(d.ctx, handshakeTimeout)
	defer cancel()
	switch err := conn.HandshakeContext(ctx); {
	case err != nil:
		if h.visit.record.Code == "" {
			h.visit.record.Code = "PT04" // tls handshake failed
		}
		c.abort()
		h.visit.finish()
	case h.route.http:
		c.secure, c.port = true, h.port
		d.queue.push(conn)
	default:
		d.pass(conn, c, h)
	}
}

// answer finds the route and the certificate for a hello. On an error it aborts the connection
// before TLS can send an alert, as Fly Proxy does.
func (h *handshake) answer(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	config, err := h.config(hello)
	if f, ok := isFailure(err); ok {
		h.visit.note(f)
		h.visit.client.abort()
	}
	return config, err
}

func (h *handshake) config(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	var t *routingTable
	var err error
	if tunnel := h.visit.client.tunnel; tunnel != nil {
		h.name = tunnel.name
		t, err = h.door.resolve(&h.name)
	} else if hello.ServerName == "" {
		return nil, fail("PT06", 0, "no valid tls certificate was found. aborted connection")
	} else {
		h.name, _, t, err = h.door.look(hello.ServerName)
	}
	h.visit.setDestination(h.name)
	if err != nil {
		return nil, err
	}
	if h.route = t.route(h.port); h.route == nil || !h.route.tls {
		return nil, failNoService(h.name.app, h.port)
	}
	options := h.route.options.TLS
	switch {
	case options.SelfSigned, hasCertificate(t.site, hello.ServerName), h.name.kind == kindPublic && hello.ServerName == "":
	case hello.ServerName == "":
		return nil, fail("PT06", 0, "no valid tls certificate was found. aborted connection")
	default:
		return nil, fail("PT05", 0, "no valid tls certificate was found for SNI %.253s. aborted connection", hello.ServerName)
	}
	certificate, err := h.door.proxy.issuer.certificate(hello.ServerName)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*certificate}}
	if h.route.http {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	if len(options.ALPN) > 0 {
		config.NextProtos = options.ALPN
	}
	return config, nil
}

// hasCertificate reports whether Fly has a certificate of the app for a host.
func hasCertificate(site flysim.Site, host string) bool {
	return host == site.App+".fly.dev" || slices.ContainsFunc(site.Hostnames,
		func(h string) bool { return matches(h, host) })
}

// pass joins the decrypted connection with one to a program.
func (d *door) pass(conn *tls.Conn, c *callerConn, h *handshake) {
	v := h.visit
	defer v.finish()
	defer conn.Close()
	program, done, err := v.dial(d.ctx, v.newSearch(h.name.app, h.port))
	if err != nil {
		if f, ok := isFailure(err); ok {
			v.note(f)
		}
		c.abort()
		return
	}
	defer done()
	defer program.Close()
	join(d.ctx, conn, program)
}

// serveConnection handles a new connection, whose first byte shows whether it is TLS.
func (d *door) serveConnection(c *callerConn) {
	var first [1]byte
	_ = c.SetReadDeadline(time.Now().Add(firstByteTimeout)) // if this fails, so does the read
	n, err := c.Read(first[:])
	if n == 0 || err != nil {
		_ = c.Close() // it sent nothing
		return
	}
	_ = c.SetReadDeadline(time.Time{}) // as above
	c.head = append(first[:], c.head...)
	const handshakeRecord = 0x16
	if first[0] == handshakeRecord {
		d.serveTLS(c)
		return
	}
	d.queue.push(c)
}

// issuer makes self-signed certificates.
type issuer struct {
	mu    sync.Mutex
	key   *ecdsa.PrivateKey
	known map[string]*tls.Certificate
}

// maxCertificates is how many certificates are cached.
const maxCertificates = 1024

// certificate returns a certificate for a host.
func (i *issuer) certificate(host string) (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if found := i.known[host]; found != nil {
		return found, nil
	}
	if i.key == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		i.key = key
	}
	if i.known == nil || len(i.known) == maxCertificates {
		i.known = make(map[string]*tls.Certificate)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(i.known)) + 1),
		Subject:      pkix.Name{Organization: []string{"Emulated Fly.io platform"}},
		DNSNames:     []string{host},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if host == "" {
		template.DNSNames = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, i.key.Public(), i.key)
	if err != nil {
		return nil, err
	}
	i.known[host] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: i.key}
	return i.known[host], nil
}
