package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// nonceHeader carries the nonce of the lease a change is made under.
const nonceHeader = "fly-machine-lease-nonce"

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
	Config     *machine.Config `json:"config"`
	ImageRef   imageRecord     `json:"image_ref"`
	Events     []eventRecord   `json:"events"`
	Checks     []checkRecord   `json:"checks"`
	HostStatus string          `json:"host_status"`
	Cordoned   bool            `json:"cordoned"`
	Incomplete *machine.Config `json:"incomplete_config"`
	Nonce      string          `json:"nonce,omitempty"`
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

func (req *request) describe(m *vm) machineRecord {
	image := parseImage(m.config.Image())
	if image.digest == "" {
		image.digest = digestOf(image.String())
	}
	record := machineRecord{
		ID: m.id, Name: m.name, State: m.state, Region: m.region,
		InstanceID: m.instance, Version: m.instance, PrivateIP: m.privateIP.String(),
		CreatedAt: stamp(m.created), UpdatedAt: stamp(m.updated), Config: &m.config,
		ImageRef:   imageRecord{Registry: image.registry, Repository: image.repository, Tag: image.tag, Digest: image.digest},
		Events:     recordEvents(m.events),
		Checks:     []checkRecord{},
		HostStatus: m.host, Cordoned: m.cordoned,
	}
	if m.host != "ok" {
		record.Config, record.Incomplete = nil, new(m.config.Without("services", "checks", "mounts", "env"))
	}
	for _, h := range m.health(req.now, req.platform.options.CheckDelay) {
		record.Checks = append(record.Checks, checkRecord{h.name, h.status, h.output, stamp(h.updated)})
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
					OOMKilled: e.exit.oom, RequestedStop: e.exit.requested, Restarting: e.exit.restarting, ExitedAt: stamp(e.at),
				},
				RestartCount: e.restarted,
			}
		}
		records = append(records, r)
	}
	return records
}

func listMachines(req *request) answer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	query := req.URL.Query()
	records := []machineRecord{}
	defer func() { a.machineReads++ }()
	for _, m := range a.machines {
		m.settle(req.platform.state, req.now)
		states := query["state"]
		for _, list := range states {
			states = append(states, strings.Split(list, ",")...)
		}
		switch region := query.Get("region"); {
		case m.listed > a.machineReads:
		case m.state == "destroyed" && query.Get("include_deleted") != "true":
		case len(states) > 0 && !slices.Contains(states, m.state):
		case region != "" && region != m.region:
		case !hasMetadata(m.config, query):
		default:
			records = append(records, req.describe(m))
		}
	}
	return reply(http.StatusOK, records)
}

// hasMetadata applies the filters metadata.KEY=VALUE.
func hasMetadata(config machine.Config, query map[string][]string) bool {
	metadata, _ := config.Metadata()
	for filter, values := range query {
		if key, ok := strings.CutPrefix(filter, "metadata."); ok && !slices.Contains(values, metadata[key]) {
			return false
		}
	}
	return true
}

func createMachine(req *request) answer {
	var in struct {
		Config     json.RawMessage `json:"config"`
		Name       string          `json:"name"`
		Region     string          `json:"region"`
		SkipLaunch bool            `json:"skip_launch"`
		Unrouted   bool            `json:"skip_service_registration"`
		LeaseTTL   int             `json:"lease_ttl"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	config, err := accept(in.Config)
	if err != nil {
		return refuse(err)
	}
	if in.Region == "" {
		in.Region = defaultRegion
	}
	if err := a.mountable(config, in.Region, nil); err != nil {
		return refuse(err)
	}
	p := req.platform
	m := p.state.createMachine(a, config, in.Name, in.Region, req.plan, req.now)
	m.cordoned = in.Unrouted
	if req.plan.at.IsZero() { // the fixture's are old
		m.listed = a.machineReads + int64(p.options.MachineLag)
	}
	if !in.SkipLaunch {
		m.launch(p.state, "starting", req.now, p.options.StartDelay)
	}
	record := req.describe(m)
	if in.LeaseTTL > 0 {
		l, err := m.acquire(p.state, "", userEmail, "", seconds(in.LeaseTTL), req.now)
		if err != nil {
			return refuse(err)
		}
		record.Nonce = l.nonce
	}
	return reply(http.StatusOK, record)
}

func getMachine(req *request) answer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, req.describe(m))
}

// change finds the Machine for a change under the lease of the nonce header.
func (req *request) change() (*vm, error) {
	_, m, err := req.machine()
	if err != nil {
		return nil, err
	}
	switch {
	case m.state == "destroyed":
		return nil, precondition("machine is destroyed")
	case m.host == "unreachable":
		return nil, &apiError{http.StatusServiceUnavailable, "unavailable", "unavailable: the host of machine " + m.id + " is unreachable"}
	}
	return m, m.permit(req.Header.Get(nonceHeader), req.now)
}

func updateMachine(req *request) answer {
	var in struct {
		Config         json.RawMessage `json:"config"`
		CurrentVersion string          `json:"current_version"`
		SkipLaunch     bool            `json:"skip_launch"`
		Unrouted       bool            `json:"skip_service_registration"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	if in.CurrentVersion != "" && in.CurrentVersion != m.instance {
		return refuse(precondition("machine %s has version %s, not current_version", m.id, m.instance))
	}
	config, err := accept(in.Config)
	if err != nil {
		return refuse(err)
	}
	if err := m.app.mountable(config, m.region, m); err != nil {
		return refuse(err)
	}
	p := req.platform
	m.cordoned = m.cordoned || in.Unrouted
	m.update(p.state, config, in.SkipLaunch, req.now, p.options.StartDelay)
	return reply(http.StatusOK, req.describe(m))
}

func destroyMachine(req *request) answer {
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	force := req.URL.Query().Get("force") == "true" || req.URL.Query().Get("kill") == "true"
	if m.state == "started" && !force {
		return refuse(precondition("unable to destroy machine, not currently stopped"))
	}
	m.halt(req.platform.state, "destroyed", req.now)
	m.lease = nil
	return reply(http.StatusOK, okRecord{true})
}

type okRecord struct {
	OK bool `json:"ok"`
}

func cordonMachine(req *request) answer { return setCordon(req, true) }

func uncordonMachine(req *request) answer { return setCordon(req, false) }

func setCordon(req *request, cordoned bool) answer {
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	m.cordoned = cordoned
	return reply(http.StatusOK, okRecord{true})
}

func listEvents(req *request) answer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, recordEvents(m.events))
}

func listVersions(req *request) answer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	type record struct {
		Version string         `json:"version"`
		Config  machine.Config `json:"user_config"`
	}
	records := make([]record, 0, len(m.versions))
	for _, v := range m.versions {
		records = append(records, record{v.instance, v.config})
	}
	return reply(http.StatusOK, records)
}
