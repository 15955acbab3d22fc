package flysim

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
)

// volumeRecord is a volume in the Machines API.
type volumeRecord struct {
	ID                string  `json:"id"`
	Name              string  `json:"name"`
	State             string  `json:"state"`
	SizeGB            int     `json:"size_gb"`
	Region            string  `json:"region"`
	Zone              string  `json:"zone"`
	Encrypted         bool    `json:"encrypted"`
	AttachedMachine   *string `json:"attached_machine_id"`
	AttachedAlloc     *string `json:"attached_alloc_id"`
	CreatedAt         string  `json:"created_at"`
	HostDedicationID  string  `json:"host_dedication_id"`
	SnapshotRetention int     `json:"snapshot_retention"`
	AutoBackup        bool    `json:"auto_backup_enabled"`
	FSType            string  `json:"fstype"`
	HostStatus        string  `json:"host_status"`
}

func recordVolume(v *appVolume) volumeRecord {
	record := volumeRecord{
		ID: v.id, Name: v.name, State: v.state, SizeGB: v.sizeGB, Region: v.region, Zone: v.id[len(v.id)-4:],
		Encrypted: v.encrypted, CreatedAt: timestamp(v.created), SnapshotRetention: v.retention, AutoBackup: v.backup,
		FSType: "ext4", HostStatus: "ok",
	}
	if v.attached != nil {
		record.AttachedMachine, record.HostStatus = &v.attached.id, v.attached.host
	}
	return record
}

// disk finds the app and the volume of the path.
func (req *apiRequest) disk() (*appVolume, error) {
	a, err := req.app()
	if err != nil {
		return nil, err
	}
	v := a.disk(req.PathValue("target"))
	if v == nil {
		return nil, notFound("volume")
	}
	return v, nil
}

// listVolumes also shows volumes that are being destroyed, as Fly does.
func listVolumes(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	records := []volumeRecord{}
	for _, v := range a.volumes {
		records = append(records, recordVolume(v))
	}
	return reply(http.StatusOK, records)
}

// maxVolume is the largest volume in GB (Fly docs, "Volumes").
const maxVolume = 500

func createVolume(req *apiRequest) apiAnswer {
	var in struct {
		Name      string `json:"name"`
		Region    string `json:"region"`
		SizeGB    *int   `json:"size_gb"`
		Encrypted *bool  `json:"encrypted"`
		Retention *int   `json:"snapshot_retention"`
		Backup    *bool  `json:"auto_backup_enabled"`
		Source    string `json:"source_volume_id"`
		Snapshot  string `json:"snapshot_id"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	model, err := a.volumeModel(in.Source, in.Snapshot)
	if err != nil {
		return refuse(err)
	}
	size := model.sizeGB
	if in.SizeGB != nil {
		size = *in.SizeGB
	}
	in.Region = cmp.Or(in.Region, model.region)
	switch {
	case in.Name == "" || len(in.Name) > 30 || strings.Trim(in.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
		return refuse(invalid("invalid_argument: name may hold at most 30 lowercase letters, digits and underscores"))
	case in.Region == "":
		return refuse(invalid("invalid_argument: region is required"))
	case size < model.sizeGB || size > maxVolume:
		return refuse(invalid("invalid_argument: size_gb must be between %d and %d", model.sizeGB, maxVolume))
	}
	v := req.platform.state.createVolume(a, in.Name, in.Region, size, req.now)
	v.encrypted = model.encrypted
	assign(&v.encrypted, in.Encrypted)
	assign(&v.retention, in.Retention)
	assign(&v.backup, in.Backup)
	return reply(http.StatusOK, recordVolume(v))
}

// volumeModel returns what a new volume is a copy of: another volume of the app (a fork), a
// snapshot, or else an empty volume. The new volume is at least as large. Only a fork is created in
// the other volume's region if no region is given.
func (a *appState) volumeModel(source, snapshot string) (appVolume, error) {
	if source == "" && snapshot == "" {
		return appVolume{sizeGB: 1, encrypted: true}, nil
	}
	for _, v := range a.disks() {
		if v.id == source {
			return *v, nil
		}
		for _, s := range v.snapshots {
			if s.id == snapshot && source == "" {
				return appVolume{sizeGB: s.sizeGB, encrypted: v.encrypted}, nil
			}
		}
	}
	if source != "" {
		return appVolume{}, notFound("source volume")
	}
	return appVolume{}, notFound("snapshot")
}

// assign sets *to to *value, unless value is nil.
func assign[T any](value, to *T) {
	if to != nil {
		*value = *to
	}
}

func getVolume(req *apiRequest) apiAnswer {
	v, err := req.disk()
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, recordVolume(v))
}

func updateVolume(req *apiRequest) apiAnswer {
	var in struct {
		Retention *int  `json:"snapshot_retention"`
		Backup    *bool `json:"auto_backup_enabled"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	v, err := req.disk()
	if err != nil {
		return refuse(err)
	}
	assign(&v.retention, in.Retention)
	assign(&v.backup, in.Backup)
	return reply(http.StatusOK, recordVolume(v))
}

// extendVolume makes a volume larger. A volume cannot be made smaller.
func extendVolume(req *apiRequest) apiAnswer {
	var in struct {
		SizeGB int `json:"size_gb"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	v, err := req.disk()
	switch {
	case err != nil:
		return refuse(err)
	case in.SizeGB <= v.sizeGB || in.SizeGB > maxVolume:
		return refuse(invalid("invalid_argument: size_gb must be more than %d and at most %d", v.sizeGB, maxVolume))
	}
	v.sizeGB = in.SizeGB
	if m := v.attached; m != nil {
		m.touch()
		m.setConfig(m.app.withVolumeDetails(m.config))
	}
	return reply(http.StatusOK, struct {
		Volume       volumeRecord `json:"volume"`
		NeedsRestart bool         `json:"needs_restart"`
	}{recordVolume(v), false})
}

func destroyVolume(req *apiRequest) apiAnswer {
	v, err := req.disk()
	switch {
	case err != nil:
		return refuse(err)
	case v.attached != nil:
		return refuse(precondition("volume %s is attached to machine %s", v.id, v.attached.id))
	}
	v.state = "pending_destroy"
	return reply(http.StatusOK, recordVolume(v))
}

// snapshotSize is how much a snapshot stores, in bytes. It is constant because nothing is written
// to volumes here.
const snapshotSize = 1 << 20

// snapshotRecord is a copy of a volume in the Machines API.
type snapshotRecord struct {
	ID            string `json:"id"`
	Size          int    `json:"size"`        // bytes
	VolumeSize    int    `json:"volume_size"` // bytes
	Digest        string `json:"digest"`
	CreatedAt     string `json:"created_at"`
	Status        string `json:"status"`
	RetentionDays int    `json:"retention_days"`
}

func recordSnapshot(s volumeSnapshot) snapshotRecord {
	return snapshotRecord{
		ID: s.id, Size: snapshotSize, VolumeSize: s.sizeGB << 30, Digest: digestOf(s.id), CreatedAt: timestamp(s.created),
		Status: "created", RetentionDays: s.retention,
	}
}

func listSnapshots(req *apiRequest) apiAnswer {
	v, err := req.disk()
	if err != nil {
		return refuse(err)
	}
	records := []snapshotRecord{}
	for _, s := range v.snapshots {
		records = append(records, recordSnapshot(s))
	}
	return reply(http.StatusOK, records)
}

func createSnapshot(req *apiRequest) apiAnswer {
	v, err := req.disk()
	if err != nil {
		return refuse(err)
	}
	s := volumeSnapshot{req.platform.state.ids.opaque("snapshot", "vs_", 20), v.sizeGB, v.retention, req.now}
	v.snapshots = slices.Insert(v.snapshots, 0, s)
	return reply(http.StatusOK, recordSnapshot(s))
}
