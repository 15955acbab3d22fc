package gateway

import (
	"golang.zx2c4.com/wireguard/conn"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/netstack"
)

// lossy is the gateway's socket. While the platform's gateway is silent, it loses every packet. The
// socket stays open: on loopback a closed one would be a refusal, which is another fault.
type lossy struct {
	*netstack.Bind
	platform *flysim.Platform
}

// Open implements [conn.Bind].
func (l lossy) Open(port uint16) ([]conn.ReceiveFunc, uint16, error) {
	receivers, port, err := l.Bind.Open(port)
	for i, receive := range receivers {
		receivers[i] = func(packets [][]byte, sizes []int, endpoints []conn.Endpoint) (int, error) {
			for {
				n, err := receive(packets, sizes, endpoints)
				if err != nil || !l.platform.GatewayFaults().Silent {
					return n, err
				}
			}
		}
	}
	return receivers, port, err
}

// Send implements [conn.Bind].
func (l lossy) Send(packets [][]byte, to conn.Endpoint) error {
	if l.platform.GatewayFaults().Silent {
		return nil
	}
	return l.Bind.Send(packets, to)
}
