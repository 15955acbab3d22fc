// Package proxy is the data plane of the emulated platform.
package proxy

// Target is a port of a Machine.
type Target struct {
	App, Machine string
	Instance     string // the version of the Machine that is meant
	Port         int    // the internal one
	Direct       bool   // over the private network, to the Machine's IPv6 address; else from Fly Proxy, to its IPv4 address
}
