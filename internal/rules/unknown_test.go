package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Services that not every public address carries.
const (
	udpOnly = `[{"protocol":"udp","internal_port":5000,"ports":[{"port":5000}]}]`
	tlsPass = `[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5432,"handlers":["tls"]}]}]`
)

func TestUnreadMachines(t *testing.T) {
	unreadable := fly.Machine{ID: "0c", Unreadable: true}
	incomplete := machineWith(t, "0d", noServices)
	incomplete.Incomplete = true
	tests := []struct {
		name     string
		list     []fly.Address
		machines []fly.Machine
		exposed  Answer
		want     []string
		says     string
	}{
		{"one, the other has no services", withKinds(fly.SharedV4),
			[]fly.Machine{machineWith(t, "0a", noServices), unreadable}, Unclear, []string{plan.MachineUnread}, "Machine 0c "},
		{"incomplete", withKinds(fly.SharedV4), []fly.Machine{incomplete}, Unclear, []string{plan.MachineUnread},
			"Machine 0d "},
		{"two", withKinds(fly.DedicatedV4), []fly.Machine{incomplete, unreadable}, Unclear,
			[]string{plan.MachineUnread}, "Machine 0d, 0c "},
		{"another answers", withKinds(fly.SharedV4), []fly.Machine{machineWith(t, "0a", plainHTTP), unreadable},
			Yes, []string{plan.MachineUnread}, "0c"},
		{"another has a blocker", withKinds(fly.SharedV4), []fly.Machine{machineWith(t, "0a", redirects),
			unreadable}, Yes, []string{plan.MachineUnread, plan.ForceHTTPS}, "80"},
		{"no public address", nil, []fly.Machine{unreadable}, No, []string{plan.MachineUnread}, "0c"},
		{"many", withKinds(fly.SharedV4), slices.Repeat([]fly.Machine{unreadable}, 7), Unclear,
			[]string{plan.MachineUnread}, "and 2 more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			own := flycastAddress(ownFlycast, "default", "")
			s := Snapshot{Addresses: fly.Addresses{App: fly.App{Name: "demo", Network: "default"},
				List: append(test.list, own)}, Machines: test.machines, MachinesKnown: true}
			if got := s.Exposed(); got != test.exposed {
				t.Errorf("exposed %s, want %s", got, test.exposed)
			}
			got := s.Blockers()
			if !slices.Equal(blockerIDs(got), test.want) || !strings.Contains(got[len(got)-1].What, test.says) {
				t.Errorf("got %+v, want %q with %q", got, test.want, test.says)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name     string
		list     []fly.Address
		services string // empty: a Machine that could not be read
		want     Answer
	}{
		{"no address", nil, plainHTTP, No},
		{"private", withKinds(fly.Flycast, fly.Egress), plainHTTP, No},
		{"HTTP on a shared v4", withKinds(fly.SharedV4, fly.Flycast), plainHTTP, Yes},
		{"TLS on a shared v4", withKinds(fly.SharedV4), tlsPass, Yes},
		{"raw TCP on a shared v4", withKinds(fly.SharedV4, fly.Flycast), passThru, No},
		{"raw TCP on a v6", withKinds(fly.DedicatedV6), passThru, Yes},
		{"raw TCP on a dedicated v4", withKinds(fly.DedicatedV4), passThru, Yes},
		{"UDP on a shared v4 and v6", withKinds(fly.SharedV4, fly.DedicatedV6), udpOnly, No},
		{"UDP on a dedicated v4", withKinds(fly.DedicatedV4), udpOnly, Yes},
		{"no ports", withKinds(fly.DedicatedV4), noPorts, No},
		{"unread", withKinds(fly.SharedV4), "", Unclear},
		{"raw TCP, and an unknown address", withKinds(fly.SharedV4, fly.UnknownKind), passThru, Unclear},
		{"an unknown address alone", withKinds(fly.UnknownKind), plainHTTP, Unclear},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := Snapshot{MachinesKnown: true, Machines: []fly.Machine{{ID: "1", Unreadable: true}}}
			if test.services != "" {
				s.Machines = []fly.Machine{machineWith(t, "1", test.services)}
			}
			if got := s.Answers(test.list); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			s.MachinesKnown = false
			if got := s.Answers(test.list); got == Yes {
				t.Error("yes without the Machines")
			}
		})
	}
}

func TestUnknowns(t *testing.T) {
	unclear, elsewhere, own := flycastAddress(ownFlycast, "", ""), flycastAddress(otherFlycast, "other", ""),
		flycastAddress(ownFlycast, "default", "")
	hosted := func(status string) []fly.Machine { return []fly.Machine{{ID: "1", HostStatus: status}} }
	tests := []struct {
		name     string
		list     []fly.Address
		noEgress bool
		machines []fly.Machine
		want     []plan.Unknown
	}{
		{name: "nothing", list: []fly.Address{own}, machines: hosted("ok")},
		{name: "not told", list: []fly.Address{own}, machines: hosted("")},
		{name: "egress", list: []fly.Address{own}, noEgress: true, want: []plan.Unknown{plan.EgressUnread}},
		{name: "unclear", list: []fly.Address{unclear}, want: []plan.Unknown{plan.FlycastUnclear}},
		{name: "unclear beside another network's", list: []fly.Address{elsewhere, unclear}, want: []plan.Unknown{
			plan.FlycastUnclear}},
		{name: "unclear beside the own", list: []fly.Address{unclear, own}},
		{name: "another network's", list: []fly.Address{elsewhere}},
		{name: "no Flycast", list: withKinds(fly.SharedV4)},
		{name: "unrecognised", list: append(withKinds(fly.UnknownKind), own), want: []plan.Unknown{plan.KindUnknown}},
		{name: "host down", list: []fly.Address{own}, machines: hosted("unreachable"), want: []plan.Unknown{
			plan.MachinesHostDown}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := Snapshot{Addresses: fly.Addresses{App: fly.App{Name: "demo", Network: "default"}, List: test.list,
				EgressKnown: !test.noEgress}, Machines: test.machines, MachinesKnown: true}
			got := s.Unknowns()
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for _, u := range got {
				if u.Sentence() == "" {
					t.Errorf("%s has no sentence", u)
				}
			}
		})
	}
}
