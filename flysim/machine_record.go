package flysim

import (
	"encoding/json"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// machineRecord is a Machine in the Machines API.
type machineRecord struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	State      string          `json:"state"`
	Region     string          `json:"region"`
	InstanceID string          `json:"instance_id"`
	Version    string          `json:"version"`
	PrivateIP  string          `json:"private_ip"`
	CreatedAt  string          `json:"created_at"`
	UpdatedAt  string          `json:"updated_at"`
	Config     json.RawMessage `json:"config"`
	ImageRef   imageRecord     `json:"image_ref"`
	Events     []eventRecord   `json:"events"`
	Checks     []checkRecord   `json:"checks"`
	HostStatus string          `json:"host_status"`
	Cordoned   bool            `json:"cordoned"`
	Incomplete *spec.Config    `json:"incomplete_config"`
	Lease      *strippedLease  `json:"lease,omitempty"`
	// Only in the answer to a creation: flyctl takes a nonce in a list for its own lease.
	Nonce string `json:"nonce,omitempty"`
}

// strippedLease is a lease without its nonce.
type strippedLease struct {
	Owner       string `json:"owner"`
	Description string `json:"description"`
	ExpiresAt   int64  `json:"expires_at"` // seconds
}

// briefMachine is a Machine in a list for which a summary was requested.
type briefMachine struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	State      string      `json:"state"`
	Region     string      `json:"region"`
	InstanceID string      `json:"instance_id"`
	PrivateIP  string      `json:"private_ip"`
	CreatedAt  string      `json:"created_at"`
	UpdatedAt  string      `json:"updated_at"`
	ImageRef   imageRecord `json:"image_ref"`
	Cordoned   bool        `json:"cordoned"`
}

func summarize(m *vm) briefMachine {
	return briefMachine{
		ID: m.id, Name: m.name, State: m.state, Region: m.region, InstanceID: m.instance, PrivateIP: m.privateIP.String(),
		CreatedAt: timestamp(m.created), UpdatedAt: timestamp(m.updated), ImageRef: m.parse().image, Cordoned: m.cordoned,
	}
}

type imageRecord struct {
	Registry   string            `json:"registry"`
	Repository string            `json:"repository"`
	Tag        string            `json:"tag,omitempty"`
	Digest     string            `json:"digest"`
	Labels     map[string]string `json:"labels"`
}

type checkRecord struct {
	Name      string `json:"name"`
	Status    string `json:"status"`
	Output    string `json:"output"`
	UpdatedAt string `json:"updated_at"`
}

type eventRecord struct {
	ID        string        `json:"id"`
	Type      string        `json:"type"`
	Status    string        `json:"status"`
	Source    string        `json:"source"`
	Timestamp int64         `json:"timestamp"` // milliseconds
	Request   *eventRequest `json:"request,omitempty"`
}

type eventRequest struct {
	ExitEvent    exitRecord `json:"exit_event"`
	RestartCount int        `json:"restart_count"`
}

type exitRecord struct {
	ExitCode      int    `json:"exit_code"`
	GuestExitCode int    `json:"guest_exit_code"`
	GuestSignal   int    `json:"guest_signal"`
	OOMKilled     bool   `json:"oom_killed"`
	RequestedStop bool   `json:"requested_stop"`
	Restarting    bool   `json:"restarting"`
	Signal        int    `json:"signal"`
	ExitedAt      string `json:"exited_at"`
}

func (req *apiRequest) describe(m *vm) machineRecord {
	known := m.parse()
	record := machineRecord{
		ID: m.id, Name: m.name, State: m.state, Region: m.region,
		InstanceID: m.instance, Version: m.instance, PrivateIP: m.privateIP.String(),
		CreatedAt: timestamp(m.created), UpdatedAt: timestamp(m.updated), Config: known.document,
		ImageRef:   known.image,
		Events:     recordEvents(m.events),
		Checks:     []checkRecord{},
		HostStatus: m.host, Cordoned: m.cordoned,
	}
	if m.host != "ok" {
		record.Config, record.Incomplete = nil, new(m.config.Without("services", "checks", "mounts", "env"))
	}
	if l := m.activeLease(req.now); l != nil && req.URL.Query().Get("include_leases") == "true" {
		record.Lease = &strippedLease{l.owner, l.description, l.expires.Unix()}
	}
	for _, h := range m.health(req.now, req.platform.options.CheckDelay) {
		record.Checks = append(record.Checks, checkRecord{h.name, h.status, h.output, timestamp(h.updated)})
	}
	return record
}

func recordEvents(events []event) []eventRecord {
	records := make([]eventRecord, 0, len(events))
	for _, e := range events {
		r := eventRecord{ID: e.id, Type: e.kind, Status: e.status, Source: e.source, Timestamp: e.at.UnixMilli()}
		if e.exit != nil {
			r.Request = &eventRequest{
				ExitEvent: exitRecord{
					ExitCode: e.exit.code, GuestExitCode: e.exit.code, GuestSignal: e.exit.signal, Signal: e.exit.signal,
					OOMKilled: e.exit.oom, RequestedStop: e.exit.requested, Restarting: e.exit.restarting, ExitedAt: timestamp(e.at),
				},
				RestartCount: e.restarted,
			}
		}
		records = append(records, r)
	}
	return records
}
