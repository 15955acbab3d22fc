package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
)

// gatewayRecord is what goes wrong at the WireGuard gateway, in JSON.
type gatewayRecord struct {
	Silent bool   `json:"silent"`
	Late   string `json:"late,omitempty"`
	DNSLag string `json:"dns_lag,omitempty"`
}

func (c controller) gateway() gatewayRecord {
	text := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	f := c.GatewayFaults()
	return gatewayRecord{f.Silent, text(f.Late), text(f.DNSLag)}
}

// setGateway replaces the gateway's faults.
func (c controller) setGateway(r *http.Request, body []byte) (any, error) {
	if _, err := contentType(r, "application/json"); err != nil {
		return nil, err
	}
	var in gatewayRecord
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		return nil, err
	}
	late, err := fault.Duration("late", in.Late)
	if err != nil {
		return nil, err
	}
	lag, err := fault.Duration("dns_lag", in.DNSLag)
	if err != nil {
		return nil, err
	}
	c.SetGatewayFaults(flysim.GatewayFaults{Silent: in.Silent, Late: late, DNSLag: lag})
	return c.gateway(), nil
}

// reap removes a peer, as Fly does with one that was not used for long.
func (c controller) reap(r *http.Request, _ []byte) (any, error) {
	name := r.PathValue("name")
	if !c.RemovePeer(name) {
		return nil, refusal{http.StatusNotFound, fmt.Sprintf("there is no WireGuard peer %.80q", name)}
	}
	return struct{}{}, c.Sync() // otherwise a crash could bring the peer back
}
