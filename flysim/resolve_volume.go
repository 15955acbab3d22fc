package flysim

import (
	"context"
	"net/http"
	"strconv"

	graphql "github.com/graph-gophers/graphql-go"
)

// volumeNode resolves Volume.
type volumeNode struct {
	req    *apiRequest
	app    *appState
	volume *appVolume
}

// Volume finds a volume in any app that the token covers: flyctl uses it to find the app. It also
// finds a volume that is being destroyed, and shows its state.
func (*root) Volume(ctx context.Context, args struct{ ID graphql.ID }) (*volumeNode, error) {
	req := requestOf(ctx)
	for _, a := range req.coveredApps(nil) {
		for _, v := range a.volumes {
			if v.id == string(args.ID) {
				return &volumeNode{req, a, v}, nil
			}
		}
	}
	return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find Volume"}
}

func (n *volumeNode) ID() graphql.ID                { return graphql.ID(n.volume.id) }
func (n *volumeNode) InternalId() string            { return n.volume.id }
func (n *volumeNode) Name() string                  { return n.volume.name }
func (n *volumeNode) Region() string                { return n.volume.region }
func (n *volumeNode) State() string                 { return n.volume.state }
func (n *volumeNode) Status() string                { return "ok" }
func (n *volumeNode) SizeGb() int32                 { return int32(n.volume.sizeGB) }
func (n *volumeNode) Encrypted() bool               { return n.volume.encrypted }
func (n *volumeNode) CreatedAt() scalar             { return textScalar(timestamp(n.volume.created)) }
func (n *volumeNode) SnapshotRetentionDays() *int32 { return new(int32(n.volume.retention)) }
func (n *volumeNode) App() *appNode                 { return &appNode{req: n.req, app: n.app} }
func (n *volumeNode) Host() *hostNode               { return &hostNode{"host-" + graphql.ID(n.volume.region)} }

func (n *volumeNode) AttachedMachine() *machineNode {
	for _, m := range n.req.machinesOf(n.app) {
		if m.vm == n.volume.attached {
			return m
		}
	}
	return nil
}

func (n *volumeNode) Snapshots(args pageArgs) *connection[*snapshotNode] {
	var nodes []*snapshotNode
	for i := range n.volume.snapshots {
		nodes = append(nodes, &snapshotNode{n, &n.volume.snapshots[i]})
	}
	return newConnection(nodes, args, func(n *snapshotNode) string { return n.snapshot.id })
}

// snapshotNode resolves VolumeSnapshot.
type snapshotNode struct {
	volume   *volumeNode
	snapshot *volumeSnapshot
}

func (n *snapshotNode) ID() graphql.ID        { return graphql.ID(n.snapshot.id) }
func (n *snapshotNode) CreatedAt() scalar     { return textScalar(timestamp(n.snapshot.created)) }
func (n *snapshotNode) Digest() string        { return digestOf(n.snapshot.id) }
func (n *snapshotNode) RetentionDays() *int32 { return new(int32(n.snapshot.retention)) }
func (n *snapshotNode) Volume() *volumeNode   { return n.volume }
func (n *snapshotNode) Size() scalar          { return textScalar(strconv.Itoa(snapshotSize)) }
