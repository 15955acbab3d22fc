//go:build !linux

package program

import (
	"fmt"
	"net"
	"time"
)

// listening tells whether something accepts connections on a port of this
// computer. What host it bound cannot be seen here: all of them is assumed. The
// address is empty if nothing does.
func listening(port, internal int) (sockets []string, addr string) {
	for host, all := range map[string]string{"127.0.0.1": "tcp://0.0.0.0", "[::1]": "tcp6://[::]"} {
		at := fmt.Sprintf("%s:%d", host, port)
		conn, err := net.DialTimeout("tcp", at, time.Second)
		if err != nil {
			continue
		}
		conn.Close()
		sockets = append(sockets, fmt.Sprintf("%s:%d", all, internal))
		addr = at
	}
	return sockets, addr
}
