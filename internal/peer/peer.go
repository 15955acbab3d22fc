// Package peer joins a private network for one check: it adds a temporary WireGuard peer, opens a
// tunnel, and removes the peer afterwards. The name of a peer is in the journal before the peer is
// added, so what a killed process left behind is removed by the next check.
package peer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/tunnel"
)

// Client is what a [Joiner] needs of Fly.
type Client interface {
	AddPeer(ctx context.Context, grant *gate.Grant, app string, network fly.Network, peer fly.NewPeer) (fly.Peer, error)
	RemovePeer(ctx context.Context, grant *gate.Grant, app, name string, network fly.Network) error
	Peers(ctx context.Context, app string, network fly.Network) ([]string, error)
}

// Joiner adds peers, one at a time.
type Joiner struct {
	Client       Client
	Journal      *journal.Journal // nil: nothing is known of earlier peers
	Record       func(journal.Entry)
	Now          func() time.Time
	Installation string // of the server: part of the names

	mu sync.Mutex // held while a peer exists
}

// Place is where a peer joins, and what it may reach there.
type Place struct {
	App     string
	Network fly.Network
	Flycast netip.Addr
	Ports   []int
}

// removeWithin bounds the removal of a peer. It does not depend on the call, which may have ended.
const removeWithin = 10 * time.Second

// Steps returns the steps of a plan that joins: the peer is added and removed, and so are peers that
// earlier checks of the app left behind.
func (j *Joiner) Steps(p Place) []plan.Step {
	params := []plan.Param{
		{Name: plan.ParamNetwork, Value: p.Network.Name}, {Name: plan.ParamOrg, Value: p.Network.Organization.Slug},
		{Name: plan.ParamReach, Value: p.reach()},
	}
	steps := []plan.Step{
		{Verb: gate.AddPeer, Target: p.Network.Target(), Params: params},
		{Verb: gate.RemovePeer, Target: p.Network.Target()},
	}
	for _, name := range j.Left(p.App) {
		steps = append(steps, plan.Step{Verb: gate.RemovePeer, Target: name})
	}
	return steps
}

// reach says what the peer sends to.
func (p Place) reach() string {
	ports := make([]string, len(p.Ports))
	for i, port := range p.Ports {
		ports[i] = strconv.Itoa(port)
	}
	return fmt.Sprintf("%s.flycast port %s", p.App, strings.Join(ports, ", "))
}

// maxLeft bounds how many leftovers one check removes.
const maxLeft = 5

// Left returns the names of peers that earlier checks of an app added and did not remove, as far as
// the journal knows.
func (j *Joiner) Left(app string) []string {
	if j.Journal == nil {
		return nil
	}
	open := make(map[string]bool)
	var order []string
	_, err := j.Journal.Any(func(e journal.Entry) bool {
		switch {
		case e.Event != journal.Step || e.App != app:
		case e.Verb == string(gate.AddPeer) && !open[e.Target]:
			open[e.Target] = true
			order = append(order, e.Target)
		case e.Verb == string(gate.RemovePeer):
			open[e.Target] = false
		}
		return false
	})
	if err != nil {
		return nil
	}
	var left []string
	for _, name := range order {
		if open[name] && len(left) < maxLeft {
			left = append(left, name)
		}
	}
	return left
}

// name returns the name of a new peer. Fly keeps names with this prefix out of its DNS and removes
// such peers some time later. It holds no name of a computer or a person. The public key makes it
// unique: several servers of one installation may check apps of an organization in the same second.
func (j *Joiner) name(publicKey string) string {
	installation, key := sha256.Sum256([]byte(j.Installation)), sha256.Sum256([]byte(publicKey))
	return fmt.Sprintf("interactive-flycast-mcp-%s-%s-%s", hex.EncodeToString(installation[:4]),
		strconv.FormatInt(j.Now().Unix(), 36), hex.EncodeToString(key[:4]))
}

// Peer is a peer that has joined. It implements the vantage of package verify.
type Peer struct {
	*tunnel.Tunnel
	joiner *Joiner
	grant  *gate.Grant
	place  Place
	name   string
}

// Name returns the name of the vantage.
func (*Peer) Name() string { return "peer" }

// Join adds a peer and opens its tunnel. One peer exists at a time: Join waits for the end of
// another. After an error nothing is left, or the error says what is.
func (j *Joiner) Join(ctx context.Context, grant *gate.Grant, p Place) (*Peer, error) {
	j.mu.Lock()
	peer, err := j.join(ctx, grant, p)
	if err != nil {
		j.mu.Unlock()
	}
	return peer, err
}

func (j *Joiner) join(ctx context.Context, grant *gate.Grant, p Place) (*Peer, error) {
	for _, name := range j.Left(p.App) {
		_ = j.remove(grant, p, name) // the list is reported by the next check
	}
	key, err := tunnel.NewKey()
	if err != nil {
		return nil, err
	}
	name := j.name(key.Public())
	grant.Name(p.App, p.Network.Target(), name)
	j.record(p.App, gate.AddPeer, name)
	added, err := j.Client.AddPeer(ctx, grant, p.App, p.Network, fly.NewPeer{Name: name, PublicKey: key.Public()})
	if err != nil {
		if left := j.remove(grant, p, name); left != "" {
			return nil, fmt.Errorf("%w; %s", err, left)
		}
		return nil, err
	}
	spec := tunnel.Spec{Address: added.Address, Gateway: added.Gateway, GatewayKey: added.GatewayKey}
	for _, port := range p.Ports {
		spec.Reach = append(spec.Reach, netip.AddrPortFrom(p.Flycast, uint16(port)))
	}
	err = nil
	if fly.NetworkID(added.Address) != fly.NetworkID(p.Flycast) {
		err = fmt.Errorf("the peer is on network %s, and the Flycast address on %s", fly.NetworkID(added.Address),
			fly.NetworkID(p.Flycast))
	}
	var t *tunnel.Tunnel
	if err == nil {
		t, err = tunnel.Open(ctx, key, spec)
	}
	if err != nil {
		if left := j.remove(grant, p, name); left != "" {
			err = fmt.Errorf("%w; %s", err, left)
		}
		return nil, err
	}
	return &Peer{Tunnel: t, joiner: j, grant: grant, place: p, name: name}, nil
}

// Leave closes the tunnel and removes the peer. It returns what is left behind, with the command
// that removes it; empty if nothing is.
func (p *Peer) Leave() (left string) {
	p.Tunnel.Close()
	defer p.joiner.mu.Unlock()
	return p.joiner.remove(p.grant, p.place, p.name)
}

// remove removes a peer, and settles by the list whether it is gone.
func (j *Joiner) remove(grant *gate.Grant, p Place, name string) (left string) {
	ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
	defer cancel()
	err := j.Client.RemovePeer(ctx, grant, p.App, name, p.Network)
	if err != nil {
		names, listErr := j.Client.Peers(ctx, p.App, p.Network)
		isThere := listErr != nil
		for _, n := range names {
			isThere = isThere || n == name
		}
		if isThere {
			return fmt.Sprintf("the WireGuard peer %s could not be removed: fly wireguard remove %s %s", name,
				p.Network.Organization.Slug, name)
		}
	}
	j.record(p.App, gate.RemovePeer, name)
	return ""
}

func (j *Joiner) record(app string, verb gate.Verb, name string) {
	j.Record(journal.Entry{Event: journal.Step, App: app, Verb: string(verb), Target: name})
}
