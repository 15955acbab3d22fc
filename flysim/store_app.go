package flysim

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// storedApp is an app without its Machines and releases, which have their own records.
type storedApp struct {
	ID           string              `json:"id"`
	Number       int                 `json:"number"`
	Name         string              `json:"name"`
	Network      string              `json:"network"`      // id
	Organization string              `json:"organization"` // id
	Status       string              `json:"status"`
	Created      time.Time           `json:"created,omitzero"`
	OneSet       bool                `json:"one_set,omitempty"`
	StartDelay   time.Duration       `json:"start_delay,omitempty"`
	Volumes      []storedVolume      `json:"volumes,omitempty"`
	Addresses    []storedAddress     `json:"addresses,omitempty"`
	Egress       []storedEgress      `json:"egress,omitempty"`
	Certificates []storedCertificate `json:"certificates,omitempty"`
	Secrets      *storedSecrets      `json:"secrets,omitempty"`
	FlyToml      string              `json:"fly_toml,omitempty"` // of the fixture

	machines, releases []string // the ids of all it has
}

type storedVolume struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Region    string    `json:"region"`
	SizeGB    int       `json:"size_gb"`
	State     string    `json:"state"`
	Encrypted bool      `json:"encrypted"`
	Retention int       `json:"retention"`
	Backup    bool      `json:"backup"`
	Attached  string    `json:"attached,omitempty"` // Machine id
	Created   time.Time `json:"created,omitzero"`

	Snapshots []storedSnapshot `json:"snapshots,omitempty"` // newest first
}

type storedSnapshot struct {
	ID        string    `json:"id"`
	SizeGB    int       `json:"size_gb"`
	Retention int       `json:"retention"`
	Created   time.Time `json:"created,omitzero"`
}

type storedSecrets struct {
	Version uint64                  `json:"version"`
	Named   map[string]storedSecret `json:"named,omitempty"`
	Keys    map[string]storedKey    `json:"keys,omitempty"`
}

type storedKey struct {
	Kind   string `json:"type"`
	Public string `json:"public,omitempty"`
}

type storedSecret struct {
	Digest  string    `json:"digest"`
	Created time.Time `json:"created,omitzero"`
	Updated time.Time `json:"updated,omitzero"`
}

func storeSecrets(s secrets) *storedSecrets {
	if s.version == 0 {
		return nil
	}
	stored := &storedSecrets{s.version, make(map[string]storedSecret, len(s.byName)), make(map[string]storedKey,
		len(s.keys))}
	for name, key := range s.keys {
		stored.Keys[name] = storedKey{key.kind, key.public}
	}
	for name, one := range s.byName {
		stored.Named[name] = storedSecret{one.digest, one.created, one.updated}
	}
	return stored
}

func restoreSecrets(stored *storedSecrets) secrets {
	if stored == nil {
		return secrets{}
	}
	s := secrets{version: stored.Version, byName: make(map[string]*appSecret, len(stored.Named)),
		keys: make(map[string]*appKey, len(stored.Keys))}
	for name, key := range stored.Keys {
		s.keys[name] = &appKey{key.Kind, key.Public}
	}
	for name, one := range stored.Named {
		s.byName[name] = &appSecret{one.Digest, one.Created, one.Updated}
	}
	return s
}

type storedAddress struct {
	ID      string     `json:"id"`
	IP      netip.Addr `json:"ip"`
	Kind    string     `json:"kind"`
	Region  string     `json:"region,omitempty"`
	Service string     `json:"service,omitempty"`
	Network string     `json:"network,omitempty"` // id
	Created time.Time  `json:"created,omitzero"`
}

type storedEgress struct {
	ID      string     `json:"id"`
	IP      netip.Addr `json:"ip"`
	Region  string     `json:"region,omitempty"`
	Machine string     `json:"machine,omitempty"` // id
	Updated time.Time  `json:"updated,omitzero"`
}

type storedCertificate struct {
	ID       string    `json:"id"`
	Hostname string    `json:"hostname"`
	Created  time.Time `json:"created,omitzero"`
	NoACME   bool      `json:"no_acme,omitempty"`

	Custom *storedCustom `json:"custom,omitempty"`
}

type storedCustom struct {
	Issuer   string    `json:"issuer"`
	Until    time.Time `json:"until"`
	Imported time.Time `json:"imported"`
}

func storeCertificate(c *certificate) storedCertificate {
	stored := storedCertificate{ID: c.id, Hostname: c.hostname, Created: c.created, NoACME: c.noACME}
	if own := c.custom; own != nil {
		stored.Custom = &storedCustom{own.issuer, own.until, own.imported}
	}
	return stored
}

func restoreCertificate(stored storedCertificate) *certificate {
	c := &certificate{id: stored.ID, hostname: stored.Hostname, created: stored.Created, noACME: stored.NoACME}
	if own := stored.Custom; own != nil {
		c.custom = &customCertificate{own.Issuer, own.Imported, own.Until}
	}
	return c
}

type storedRelease struct {
	ID         string          `json:"id"`
	App        string          `json:"app"` // id
	Version    int             `json:"version"`
	Status     string          `json:"status"`
	Strategy   string          `json:"strategy"`
	Image      string          `json:"image"`
	Definition json.RawMessage `json:"definition,omitempty"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	Created    time.Time       `json:"created,omitzero"`
	Updated    time.Time       `json:"updated,omitzero"`
}

func storeApp(a *appState) storedApp {
	stored := storedApp{
		ID: a.id, Number: a.number, Name: a.name, Network: a.network.id, Organization: a.organization.id,
		Status: a.status, Created: a.created, OneSet: a.noBlueGreen, StartDelay: a.startDelay,
		Secrets: storeSecrets(a.secrets),
	}
	for _, v := range a.volumes {
		disk := storedVolume{
			ID: v.id, Name: v.name, Region: v.region, SizeGB: v.sizeGB, State: v.state,
			Encrypted: v.encrypted, Retention: v.retention, Backup: v.backup, Created: v.created,
		}
		if v.attached != nil {
			disk.Attached = v.attached.id
		}
		for _, s := range v.snapshots {
			disk.Snapshots = append(disk.Snapshots, storedSnapshot{s.id, s.sizeGB, s.retention, s.created})
		}
		stored.Volumes = append(stored.Volumes, disk)
	}
	for _, addr := range a.currentAddresses() {
		row := storedAddress{ID: addr.id, IP: addr.ip, Kind: addr.kind, Region: addr.region,
			Service: addr.service, Created: addr.created}
		if addr.network != nil {
			row.Network = addr.network.id
		}
		stored.Addresses = append(stored.Addresses, row)
	}
	for _, e := range a.egress {
		stored.Egress = append(stored.Egress, storedEgress{e.id, e.ip, e.region, e.machine, e.updated})
	}
	for _, c := range a.certificates {
		stored.Certificates = append(stored.Certificates, storeCertificate(c))
	}
	return stored
}

func storeRelease(r *appRelease) storedRelease {
	return storedRelease{
		ID: r.id, App: r.app.id, Version: r.version, Status: r.status, Strategy: r.strategy, Image: r.image,
		Definition: r.definition, Metadata: r.metadata, Created: r.created, Updated: r.updated,
	}
}

// longAgo is, for an address from the file, the list read that first showed it.
const longAgo = -1 << 32

// restoreApps makes the apps of the records, with their Machines and releases. An error says which
// records do not fit together.
func (s *platformState) restoreApps(stored *storedState, configs map[string][]byte) error {
	networks := make(map[string]*privateNetwork)
	for _, o := range s.organizations {
		for _, n := range o.networks {
			networks[n.id] = n
		}
	}
	byID := make(map[string]*appState)
	for _, record := range stored.apps {
		a := &appState{
			id: record.ID, number: record.Number, name: record.Name, network: networks[record.Network],
			organization: s.organizationByID(record.Organization),
			status:       record.Status, created: record.Created, noBlueGreen: record.OneSet,
			startDelay: record.StartDelay, secrets: restoreSecrets(record.Secrets),
		}
		switch {
		case a.network == nil || a.organization == nil:
			return fmt.Errorf("app %.70q is on no network or of no organization", a.name)
		case s.apps[a.name] != nil:
			return fmt.Errorf("app %.70q is stored twice", a.name)
		}
		s.put(a)
		byID[a.id] = a
		if record.FlyToml != "" {
			configs[a.name] = []byte(record.FlyToml)
		}
		for _, row := range record.Addresses {
			addr := &appAddress{
				id: row.ID, ip: row.IP, kind: row.Kind, region: row.Region, service: row.Service, network: networks[row.Network],
				created: row.Created, born: longAgo, gone: -1,
			}
			if row.Network != "" && addr.network == nil {
				return fmt.Errorf("address %s of app %.70q is on no network", addr.ip, a.name)
			}
			a.addresses = append(a.addresses, addr)
		}
		for _, e := range record.Egress {
			a.egress = append(a.egress, &egressAddress{e.ID, e.IP, e.Region, e.Machine, e.Updated})
		}
		for _, c := range record.Certificates {
			a.certificates = append(a.certificates, restoreCertificate(c))
		}
	}
	if err := s.restoreMachines(stored.machines, byID); err != nil {
		return err
	}
	if err := s.restoreReleases(stored.releases, byID); err != nil {
		return err
	}
	for _, record := range stored.apps {
		if err := byID[record.ID].restoreVolumes(record.Volumes); err != nil {
			return err
		}
	}
	return nil
}

func (a *appState) restoreVolumes(stored []storedVolume) error {
	for _, disk := range stored {
		v := &appVolume{
			id: disk.ID, name: disk.Name, region: disk.Region, sizeGB: disk.SizeGB, state: disk.State,
			encrypted: disk.Encrypted, retention: disk.Retention, backup: disk.Backup, created: disk.Created,
		}
		if disk.Attached != "" {
			if v.attached = a.machine(disk.Attached); v.attached == nil {
				return fmt.Errorf("volume %.40q of app %.70q is attached to no Machine", v.id, a.name)
			}
		}
		for _, s := range disk.Snapshots {
			v.snapshots = append(v.snapshots, volumeSnapshot{s.ID, s.SizeGB, s.Retention, s.Created})
		}
		a.volumes = append(a.volumes, v)
	}
	return nil
}

func (s *platformState) restoreReleases(stored []storedRelease, apps map[string]*appState) error {
	for _, record := range stored {
		r := &appRelease{
			id: record.ID, app: apps[record.App], version: record.Version, status: record.Status, strategy: record.Strategy,
			image: record.Image, definition: record.Definition, metadata: record.Metadata,
			created: record.Created, updated: record.Updated,
		}
		if r.app == nil {
			return fmt.Errorf("release %.40q is of no app", r.id)
		}
		s.releases[r.id] = r
		r.app.releases = append(r.app.releases, r)
	}
	return nil
}
