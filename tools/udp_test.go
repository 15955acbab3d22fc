package tools

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const udpService = "[[services]]\n  protocol = \"udp\"\n  internal_port = 53\n  [[services.ports]]\n    port = 53\n"

// TestReleaseBesideUDP: the fix of udp_service, taken by its word, leads on: the
// dedicated IPv4 stays for UDP, and the other addresses go.
func TestReleaseBesideUDP(t *testing.T) {
	onFile(t, web(readyService+udpService), `["v4", "v6", "flycast"]`, func(s *caseServer) {
		out := s.ask("release_public_ips", map[string]any{"app": s.app})
		if out.Status != plan.Refused || !slices.Equal(out.blockers(), []string{plan.UDPService}) ||
			!strings.Contains(out.Blockers[0].Fix, "list the other addresses in ips") {
			s.t.Fatalf("got %s: %s %v", out.Status, out.Summary, out.Blockers)
		}
		list := s.ask("list_ips", map[string]any{"app": s.app})
		if len(list.Next) != 1 || !list.Next[0].Blocking || !strings.Contains(list.Next[0].Why, "53/udp") {
			s.t.Fatalf("next %+v, want one question that blocks", list.Next)
		}
		var others []string
		for _, addr := range s.Addresses(s.app) {
			if addr.Kind == "v6" {
				others = append(others, addr.IP)
			}
		}
		planned := s.ask("release_public_ips", map[string]any{"app": s.app, "ips": others, "dry_run": true})
		if planned.Plan == nil || slices.Contains(planned.Plan.Hazards, plan.UDPStops) {
			s.t.Errorf("got %s: %s %+v", planned.Status, planned.Summary, planned.Plan)
		}
		if out = s.ask("release_public_ips", map[string]any{"app": s.app, "ips": others}); out.Status != plan.Applied {
			s.t.Fatalf("got %s: %s", out.Status, out.Summary)
		}
		for _, addr := range s.Addresses(s.app) {
			if strings.Contains(addr.IP, "2a09:") {
				s.t.Errorf("%s is still there", addr.IP)
			}
		}
		out = s.ask("release_public_ips", map[string]any{"app": s.app, "allow_unreachable": true, "dry_run": true})
		if out.Plan == nil || !slices.Contains(out.Plan.Hazards, plan.UDPStops) {
			s.t.Errorf("got %s: %s %+v", out.Status, out.Summary, out.Plan)
		}
	})
}

// TestUDPThatNothingCarries: without a dedicated IPv4 no UDP came in before, and
// the answers do not say that it did.
func TestUDPThatNothingCarries(t *testing.T) {
	onFile(t, web(udpService), `["public", "flycast"]`, func(s *caseServer) {
		list := s.ask("list_ips", map[string]any{"app": s.app})
		if list.Exposed != "no" || !strings.Contains(list.Summary, "NOTHING REACHES IT NOW") || len(list.Blockers) != 1 {
			s.t.Fatalf("got %s: %s %v", list.Exposed, list.Summary, list.Blockers)
		}
		if b := list.Blockers[0]; strings.Contains(b.Fix, "keep the dedicated IPv4") ||
			!strings.Contains(b.What, "only a dedicated IPv4 would") {
			s.t.Errorf("got %+v", b)
		}
		out := s.ask("release_public_ips", map[string]any{"app": s.app, "allow_unreachable": true, "dry_run": true})
		if out.Plan == nil || slices.Contains(out.Plan.Hazards, plan.UDPStops) {
			s.t.Errorf("got %+v", out.Plan)
		}
	})
}

// TestHostnamesThatStay: custom hostnames answer over the addresses that are left,
// but for those whose DNS records name the one that goes.
func TestHostnamesThatStay(t *testing.T) {
	onFile(t, web(readyService), `["v4", "public", "flycast"]`+"\nhostnames = [\"shop.example.com\"]",
		func(s *caseServer) {
			var paid, rest []string
			for _, addr := range s.Addresses(s.app) {
				switch {
				case addr.Kind == "v4":
					paid = append(paid, addr.IP)
				case addr.Kind != "private_v6":
					rest = append(rest, addr.IP)
				}
			}
			sentence := plan.HostnameRecords.Sentence()
			out := s.ask("release_public_ips", map[string]any{"app": s.app, "ips": paid})
			if out.Status != plan.Applied || !slices.Contains(out.Unknown, sentence) {
				s.t.Errorf("got %s: %s, unknown %q", out.Status, out.Summary, out.Unknown)
			}
			out = s.ask("release_public_ips", map[string]any{"app": s.app, "ips": rest})
			if out.Status != plan.Applied || slices.Contains(out.Unknown, sentence) {
				s.t.Errorf("got %s: %s, unknown %q", out.Status, out.Summary, out.Unknown)
			}
		})
}
