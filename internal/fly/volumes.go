package fly

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Volume is a disk of an app. It stays in its region, on its host.
type Volume struct {
	ID              string
	Name            string // not unique: the volumes of a process group share one name
	Region          string
	SizeGB          int
	State           string // created, …
	AttachedMachine string // id of the Machine that uses it; empty if none does
	Encrypted       bool
	HostStatus      string // ok, unknown, unreachable; empty if unknown
	CreatedAt       time.Time
}

// NewVolume is a volume to create. Zero values leave the choice to Fly, except for
// Encrypted, which is always sent.
type NewVolume struct {
	Name              string
	Region            string
	SizeGB            int
	Encrypted         bool
	SnapshotRetention int   // days
	AutoBackup        *bool // scheduled snapshots

	// The Machine that will use it, so that Fly chooses a host with room for both.
	Guest *machine.Guest
	Image string
}

// Target returns how a grant names the volume: everything that decides what it is and
// what it costs.
func (v NewVolume) Target() string {
	target := fmt.Sprintf("%s@%s:%dGB", v.Name, v.Region, v.SizeGB)
	if !v.Encrypted {
		target += ":unencrypted"
	}
	if v.SnapshotRetention != 0 {
		target += fmt.Sprintf(":%d days", v.SnapshotRetention)
	}
	if v.AutoBackup != nil {
		target += fmt.Sprintf(":snapshots=%t", *v.AutoBackup)
	}
	return target
}

var (
	volumeID   = regexp.MustCompile(`^vol_[a-z0-9]{1,40}$`)
	volumeName = regexp.MustCompile(`^[a-z0-9_]{1,30}$`) // Fly docs, "Volumes"
)

// Volumes lists the volumes of the app that are not being destroyed, sorted by id.
func (c *Client) Volumes(ctx context.Context, app string) ([]Volume, error) {
	op := c.reading("volumes", calm()).onApp(app)
	answer, err := c.get(ctx, op, "/apps/"+app+"/volumes")
	return decode(op, answer, err, decodeVolumes)
}

// CreateVolume creates a volume. It spends create_volume with target
// [NewVolume.Target]. Fly does not deduplicate: list after an *Ambiguous.
func (c *Client) CreateVolume(ctx context.Context, grant *gate.Grant, app string, volume NewVolume) (Volume, error) {
	if err := grant.Spend(gate.CreateVolume, app, volume.Target()); err != nil {
		return Volume{}, err
	}
	if err := checkRegion(volume.Region); err != nil {
		return Volume{}, err
	}
	if !volumeName.MatchString(volume.Name) {
		return Volume{}, plan.Invalid(
			"%s is not a valid volume name: at most 30 characters of a-z, 0-9 and _", quote(volume.Name))
	}
	if volume.SizeGB < 0 {
		return Volume{}, plan.Invalid("the size of volume %s is negative", volume.Name)
	}
	op := c.writing("create_volume").onApp(app)
	op.stateful = true
	body := struct {
		Name              string         `json:"name"`
		Region            string         `json:"region"`
		SizeGB            int            `json:"size_gb,omitempty"`
		Encrypted         bool           `json:"encrypted"`
		SnapshotRetention int            `json:"snapshot_retention,omitempty"`
		AutoBackup        *bool          `json:"auto_backup_enabled,omitempty"`
		Guest             *machine.Guest `json:"compute,omitempty"`
		Image             string         `json:"compute_image,omitempty"`
	}{
		volume.Name, volume.Region, volume.SizeGB, volume.Encrypted,
		volume.SnapshotRetention, volume.AutoBackup, volume.Guest, volume.Image,
	}
	answer, err := c.call(ctx, op, http.MethodPost, "/apps/"+app+"/volumes", body, nil)
	return decode(op, answer, err, func(body []byte) (Volume, error) {
		var wire wireVolume
		if err := json.Unmarshal(body, &wire); err != nil {
			return Volume{}, err
		}
		return wire.volume()
	})
}

// wireVolume is a volume as the Machines API sends it.
type wireVolume struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Region     string  `json:"region"`
	SizeGB     int     `json:"size_gb"`
	State      string  `json:"state"`
	Machine    *string `json:"attached_machine_id"`
	Encrypted  bool    `json:"encrypted"`
	HostStatus string  `json:"host_status"`
	CreatedAt  string  `json:"created_at"`
}

// destroyStates returns the states of volumes that are being destroyed (fly-go has the
// same list).
func destroyStates() []string {
	return []string{
		"scheduling_destroy", "fork_cleanup", "waiting_for_detach", "pending_destroy", "destroying", "destroyed",
	}
}

// decodeVolumes reads a list of volumes, without those that are being destroyed.
func decodeVolumes(body []byte) ([]Volume, error) {
	var wire []wireVolume
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, err
	}
	if wire == nil { // null is not "no volumes"
		return nil, errors.New("the list of volumes is missing")
	}
	volumes := make([]Volume, 0, len(wire))
	for _, w := range wire {
		if slices.Contains(destroyStates(), w.State) {
			continue
		}
		v, err := w.volume()
		if err != nil {
			return nil, err
		}
		volumes = append(volumes, v)
	}
	slices.SortFunc(volumes, func(a, b Volume) int { return cmp.Compare(a.ID, b.ID) })
	return volumes, nil
}

func (w wireVolume) volume() (Volume, error) {
	if !volumeID.MatchString(w.ID) {
		return Volume{}, errors.New("a volume without a valid id: " + quote(w.ID))
	}
	v := Volume{
		ID:         w.ID,
		Name:       plain(w.Name, 63),
		Region:     validOrEmpty(w.Region, regionWord),
		SizeGB:     w.SizeGB,
		State:      plain(w.State, 32),
		Encrypted:  w.Encrypted,
		HostStatus: plain(w.HostStatus, 32),
		CreatedAt:  parseTime(w.CreatedAt),
	}
	if w.Machine != nil && *w.Machine != "" {
		if !machineID.MatchString(*w.Machine) { // a volume without a Machine would be used for a new one
			return Volume{}, errors.New("a volume is attached to something that is not a Machine: " + quote(*w.Machine))
		}
		v.AttachedMachine = *w.Machine
	}
	return v, nil
}
