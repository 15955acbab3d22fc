//go:build !linux

package local

import (
	"net"
	"strconv"
	"time"
)

// listening reports whether something accepts connections on a port of this computer. The bound
// host cannot be seen on this system, so all hosts are assumed. The address is empty if nothing
// listens.
func listening(port, internal int) (sockets []string, addr string) {
	number := strconv.Itoa(port)
	for _, try := range []struct{ host, socket string }{{"::1", "tcp6://[::]"}, {"127.0.0.1", "tcp://0.0.0.0"}} {
		at := net.JoinHostPort(try.host, number)
		conn, err := net.DialTimeout("tcp", at, time.Second)
		if err != nil {
			continue
		}
		conn.Close()
		sockets = append(sockets, try.socket+":"+strconv.Itoa(internal))
		addr = at
	}
	return sockets, addr
}
