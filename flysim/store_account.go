package flysim

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// The records of the file. They are separate types, with ids in place of pointers, so that a change
// of the state does not change the format by accident. To store a new field of the state, add it to
// its record, to storeX and to restoreX; in an older record the field then reads as zero. A change
// that older programs would misread raises stateFormat.

// storedAccount is the state outside the apps. Each field has its own key in the file.
type storedAccount struct {
	clock         ClockRecord
	counts        map[string]int // of ids
	organizations []storedOrganization
	networks      []storedNetwork
	takenNames    []string
	builds        []storedBuild
	tokens        []storedToken
	peers         []storedPeer
}

// sections returns the fields by the keys under which they are stored.
func (a *storedAccount) sections() map[string]any {
	return map[string]any{
		"counts":        &a.counts,
		"organizations": &a.organizations,
		"networks":      &a.networks,
		"taken":         &a.takenNames,
		"builds":        &a.builds,
		"tokens":        &a.tokens,
		"peers":         &a.peers,
	}
}

type storedOrganization struct {
	ID       string `json:"id"`
	Number   int    `json:"number"`
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	Personal bool   `json:"personal,omitempty"`
}

type storedNetwork struct {
	ID           string    `json:"id"`
	Bits         uint32    `json:"bits"`
	Name         string    `json:"name"`
	Organization string    `json:"organization"` // id
	Created      time.Time `json:"created,omitzero"`
	Flycast      int       `json:"flycast"`
}

type storedBuild struct {
	ID     int    `json:"id"`
	App    string `json:"app"` // name
	Status string `json:"status"`
}

type storedPeer struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Pubkey  string     `json:"pubkey"`
	Region  string     `json:"region"`
	IP      netip.Addr `json:"ip"`
	Network string     `json:"network"` // id
}

type storedToken struct {
	ID      string    `json:"id"`
	Token   string    `json:"token"`
	Key     []byte    `json:"key,omitempty"`
	Kind    TokenKind `json:"kind"`
	Org     string    `json:"org,omitempty"` // slug
	App     string    `json:"app,omitempty"` // name
	Name    string    `json:"name,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Created time.Time `json:"created,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// requestBlock is the step in which the count of requests is stored, because reads increase it too
// and are not stored. After a restart the ids of requests continue behind the block.
const requestBlock = 1000

// storeAccount makes the record of the state outside the apps. The caller holds mu.
func (p *Platform) storeAccount() storedAccount {
	s := p.state
	stored := storedAccount{clock: p.clock.store(), counts: maps.Clone(s.ids.count),
		takenNames: slices.Sorted(maps.Keys(s.takenNames))}
	if n := stored.counts["request"]; n > 0 {
		stored.counts["request"] = (n/requestBlock + 1) * requestBlock
	}
	for _, o := range s.organizations {
		stored.organizations = append(stored.organizations, storedOrganization{o.id, o.number, o.slug, o.name, o.personal})
		for _, n := range o.networks {
			stored.networks = append(stored.networks, storedNetwork{n.id, n.bits, n.name, o.id, n.created, n.flycast})
		}
	}
	for _, o := range s.organizations {
		for _, peer := range o.peers {
			stored.peers = append(stored.peers, storedPeer{peer.id, peer.name, peer.pubkey, peer.region, peer.ip,
				peer.network.id})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.builds)) {
		b := s.builds[id]
		stored.builds = append(stored.builds, storedBuild{b.id, b.app, b.status})
	}
	for _, t := range s.tokens {
		stored.tokens = append(stored.tokens, storedToken{
			t.id, t.secret, t.key, t.scope.Kind, t.scope.Org, t.scope.App, t.scope.Name, t.scope.Expires, t.created, t.revoked,
		})
	}
	return stored
}

// storedState is everything in a file.
type storedState struct {
	account  storedAccount
	apps     []storedApp
	machines []storedMachine
	releases []storedRelease
}

// restore loads the state of a file into a new platform. An error says which records do not fit
// together.
func (p *Platform) restore(stored *storedState) error {
	s := &platformState{
		ids:        idSource{count: make(map[string]int)},
		apps:       make(map[string]*appState),
		takenNames: make(map[string]bool),
		releases:   make(map[string]*appRelease),
		builds:     make(map[int]*build),
		crashAfter: p.options.CrashAfter,
		delays:     p.options.delays(),
	}
	maps.Copy(s.ids.count, stored.account.counts)
	for _, o := range stored.account.organizations {
		s.organizations = append(s.organizations, &organization{id: o.ID, number: o.Number, slug: o.Slug,
			name: o.Name, personal: o.Personal})
	}
	for _, n := range stored.account.networks {
		org := s.organizationByID(n.Organization)
		if org == nil {
			return fmt.Errorf("network %.40q is of no organization", n.ID)
		}
		org.networks = append(org.networks, &privateNetwork{
			id: n.ID, bits: n.Bits, name: n.Name, organization: org, created: n.Created, flycast: n.Flycast,
		})
	}
	for _, o := range s.organizations {
		if len(o.networks) == 0 {
			return fmt.Errorf("organization %.40q has no network", o.slug)
		}
	}
	for _, record := range stored.account.peers {
		net := s.networkByID(record.Network)
		if net == nil {
			return fmt.Errorf("peer %.40q is on no network", record.Name)
		}
		net.organization.peers = append(net.organization.peers, &wireGuardPeer{
			id: record.ID, name: record.Name, pubkey: record.Pubkey, region: record.Region, ip: record.IP, network: net,
		})
	}
	for _, name := range stored.account.takenNames {
		s.takenNames[name] = true
	}
	for _, b := range stored.account.builds {
		s.builds[b.ID] = &build{id: b.ID, app: b.App, status: b.Status}
	}
	for _, t := range stored.account.tokens {
		s.tokens = append(s.tokens, &accessToken{
			id: t.ID, secret: t.Token, key: t.Key, scope: Scope{Kind: t.Kind, Org: t.Org, App: t.App, Name: t.Name,
				Expires: t.Expires},
			created: t.Created, revoked: t.Revoked,
		})
	}
	if err := s.restoreApps(stored, p.configs); err != nil {
		return err
	}
	p.state = s
	p.clock.restore(stored.account.clock)
	return nil
}
