package flysim

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// appVolume is a volume of an app. The names of volumes are not unique.
type appVolume struct {
	id, name, region string
	sizeGB           int
	state            string // created or pending_destroy
	encrypted        bool
	retention        int // days
	backup           bool
	attached         *vm
	created          time.Time
	snapshots        []volumeSnapshot // newest first
}

// volumeSnapshot is a copy of a volume.
type volumeSnapshot struct {
	id        string
	sizeGB    int
	retention int // days
	created   time.Time
}

// disks returns the volumes that are not being destroyed.
func (a *appState) disks() []*appVolume {
	return slices.DeleteFunc(slices.Clone(a.volumes), func(v *appVolume) bool { return v.state != "created" })
}

// disk returns the volume of an id that is not being destroyed, or nil if there is none.
func (a *appState) disk(id string) *appVolume {
	for _, v := range a.disks() {
		if v.id == id {
			return v
		}
	}
	return nil
}

func (s *platformState) createVolume(a *appState, name, region string, sizeGB int, now time.Time) *appVolume {
	v := &appVolume{
		id: s.ids.opaque("volume", "vol_", 16), name: name, region: region, sizeGB: sizeGB, state: "created",
		encrypted: true, retention: 5, backup: true, created: now,
	}
	a.volumes = keepLatest(append(a.volumes, v), func(v *appVolume) bool { return v.state != "created" })
	return v
}

// checkMounts refuses a configuration that mounts a volume which this Machine (nil: a new one)
// cannot have. A volume is in one region and belongs to one Machine at a time. Fly documents these
// rules, but not the words of its answers.
func (a *appState) checkMounts(config spec.Config, region string, m *vm) error {
	mounts, err := config.Mounts()
	if err != nil {
		return invalid("invalid config.mounts: %v", err)
	}
	for i, mount := range mounts {
		v := a.disk(mount.Volume)
		switch {
		case mount.Volume == "":
			return invalid("invalid config.mounts[%d]: volume is required", i)
		case v == nil:
			return &apiError{http.StatusUnprocessableEntity, "not_found", "volume " + mount.Volume + " does not exist"}
		case v.attached != nil && v.attached != m:
			return precondition("volume %s is already attached to machine %s", v.id, v.attached.id)
		case v.region != region:
			return precondition("volume %s is in region %s, not %s", v.id, v.region, region)
		}
	}
	return nil
}

// withVolumeDetails returns a configuration whose mounts have the details of their volumes that Fly
// fills in: name, size and whether it is encrypted. flyctl uses them to create the volumes of
// another Machine.
func (a *appState) withVolumeDetails(config spec.Config) spec.Config {
	var mounts []map[string]any
	decoder := json.NewDecoder(bytes.NewReader(config.Raw("mounts")))
	decoder.UseNumber() // unknown fields must not change
	if decoder.Decode(&mounts) != nil {
		return config
	}
	for _, mount := range mounts {
		id, _ := mount["volume"].(string)
		if v := a.disk(id); v != nil {
			mount["size_gb"], mount["encrypted"] = v.sizeGB, v.encrypted
			if v.name != "" {
				mount["name"] = v.name
			}
		}
	}
	filled, err := config.With("mounts", mounts)
	if err != nil || len(mounts) == 0 {
		return config
	}
	return filled
}

// attach gives the Machine the volumes that its configuration mounts, and detaches all others.
func (m *vm) attach() {
	mounts, err := m.config.Mounts()
	if err != nil {
		return
	}
	for _, v := range m.app.volumes {
		mounted := slices.ContainsFunc(mounts, func(mount spec.Mount) bool { return mount.Volume == v.id })
		switch {
		case mounted && v.attached == nil:
			v.attached = m
		case !mounted && v.attached == m:
			v.attached = nil
		}
	}
}

// detach removes all volumes and outbound addresses from the Machine.
func (m *vm) detach() {
	m.app.egress = slices.DeleteFunc(m.app.egress, func(e *egressAddress) bool { return e.machine == m.id })
	for _, v := range m.app.volumes {
		if v.attached == m {
			v.attached = nil
		}
	}
}

// ensureVolumes creates the volumes that a configuration mounts and the app lacks, for callers that
// act outside the API.
func (s *platformState) ensureVolumes(a *appState, config spec.Config, region string, now time.Time) {
	mounts, err := config.Mounts()
	if err != nil {
		return
	}
	for _, mount := range mounts {
		if mount.Volume != "" && a.disk(mount.Volume) == nil {
			s.createVolume(a, mount.Name, region, max(mount.SizeGB, 1), now).id = mount.Volume
		}
	}
}

// Volume is a volume as the platform knows it.
type Volume struct {
	ID, Name, Region string
	SizeGB           int
	Machine          string // id of the Machine that has it
}

// AddVolume creates a volume and returns its id.
func (p *Platform) AddVolume(app, name, region string, sizeGB int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	return p.state.createVolume(p.mustApp(app), name, region, sizeGB, p.clock.Now()).id
}

// Volumes returns the app's volumes in the order of creation.
func (p *Platform) Volumes(app string) []Volume {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []Volume
	for _, v := range p.mustApp(app).disks() {
		truth := Volume{ID: v.id, Name: v.name, Region: v.region, SizeGB: v.sizeGB}
		if v.attached != nil {
			truth.Machine = v.attached.id
		}
		list = append(list, truth)
	}
	return list
}
