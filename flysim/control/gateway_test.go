package control_test

import (
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

func TestControlGateway(t *testing.T) {
	p := seeded(t)
	c := controlling(t, p)
	got := c.send("POST", "/gateway", `{"silent":true,"late":"300ms","dns_lag":"5s"}`)
	wantStatus(t, got, 200)
	wantBody(t, got, "late", "300ms")
	if got, want := p.GatewayFaults(), (flysim.GatewayFaults{Silent: true, Late: 300 * time.Millisecond,
		DNSLag: 5 * time.Second}); got != want {
		t.Errorf("the gateway's faults are %+v, want %+v", got, want)
	}
	for _, body := range []string{`{"late":"soon"}`, `{"late":"-1s"}`, `{"dns_lag":5}`, `{"reap":"x"}`, `[]`, `{`} {
		wantStatus(t, c.send("POST", "/gateway", body), 400)
	}
	wantBody(t, c.send("GET", "/gateway", ""), "silent", "true")
	wantStatus(t, c.send("POST", "/gateway", `{}`), 200)
	if got := p.GatewayFaults(); got != (flysim.GatewayFaults{}) {
		t.Errorf("the gateway's faults are %+v, want none", got)
	}

	id := ask(t, p, "POST", "/graphql", `{"query":"{organization(slug:\"personal\"){id}}"}`).get(t, "data.organization.id")
	wantStatus(t, ask(t, p, "POST", "/graphql", `{"query":"mutation{addWireGuardPeer(input:{organizationId:\"`+id+
		`\",name:\"laptop\",pubkey:\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\"}){peerip}}"}`), 200)
	if len(p.Peers()) != 1 {
		t.Fatalf("%d peers, want 1", len(p.Peers()))
	}
	wantStatus(t, c.send("DELETE", "/peers/laptop", ""), 200)
	wantStatus(t, c.send("DELETE", "/peers/laptop", ""), 404)
	if len(p.Peers()) != 0 {
		t.Errorf("%d peers after the removal", len(p.Peers()))
	}
}
