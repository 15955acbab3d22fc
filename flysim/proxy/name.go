package proxy

import (
	"errors"
	"net"
	"strconv"
	"strings"
)

// hostName is a parsed host name of the platform.
type hostName struct {
	kind    nameKind
	host    string // lowercase, without a final dot
	app     string // empty for a custom hostname
	machine string // under .internal: only this Machine
	region  string // under .internal: only its Machines
	group   string // under .internal: only its Machines
}

// nameKind says where a name leads.
type nameKind int

const (
	kindFlycast  nameKind = iota // to Fly Proxy over the private network
	kindInternal                 // straight to a Machine
	kindPublic                   // to Fly Proxy from the internet: <app>.fly.dev or a custom hostname
)

var errAuthority = errors.New("want a host name and, after a colon, a port")

// parseAuthority splits a Host header or the target of CONNECT. The port is 0 if there is none. IP
// addresses are not names.
func parseAuthority(s string) (host string, port int, err error) {
	host, digits, ok := strings.Cut(s, ":")
	if ok {
		port, err = strconv.Atoi(digits)
		if err != nil || port < 1 || port > 65535 || strings.Trim(digits, "0123456789") != "" {
			return "", 0, errAuthority
		}
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if !validHost(host) || net.ParseIP(host) != nil {
		return "", 0, errAuthority
	}
	return host, port, nil
}

// validHost reports whether s consists of labels as a host name does. Underscores are allowed
// because names of process groups have them.
func validHost(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// parseName parses a host name (Fly docs, "Private networking": the names under .internal). A host
// without one of the platform's suffixes may be a custom hostname. ok is false if the name cannot
// exist, such as nothing.like.this.flycast.
func parseName(host string) (n hostName, ok bool) {
	n.host = host
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	switch {
	case last == "flycast":
		n.kind, n.app = kindFlycast, labels[0]
		return n, len(labels) == 2
	case last == "internal":
		n.kind = kindInternal
		labels = labels[:len(labels)-1]
		if len(labels) == 0 {
			return n, false
		}
		n.app = labels[len(labels)-1]
		return n, n.scope(labels[:len(labels)-1])
	case strings.HasSuffix(host, ".fly.dev"):
		n.kind, n.app = kindPublic, labels[0]
		return n, len(labels) == 3
	}
	n.kind = kindPublic
	return n, len(labels) > 1
}

// scope parses the labels before the app in a name under .internal.
func (n *hostName) scope(labels []string) bool {
	switch {
	case len(labels) == 0, len(labels) == 1 && labels[0] == "global":
		return true
	case len(labels) == 1 && len(labels[0]) == 3:
		n.region = labels[0]
		return true
	case len(labels) == 2 && labels[1] == "vm":
		n.machine = labels[0]
		return true
	case len(labels) == 2 && labels[1] == "process":
		n.group = labels[0]
		return true
	}
	return false
}
