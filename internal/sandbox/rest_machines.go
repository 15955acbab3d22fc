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
	Config     machine.Config  `json:"config"`
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
		CreatedAt: stamp(m.created), UpdatedAt: stamp(m.updated), Config: m.config,
		ImageRef:   imageRecord{Registry: image.registry, Repository: image.repository, Tag: image.tag, Digest: image.digest},
		Events:     recordEvents(m.events),
		Checks:     []checkRecord{},
		HostStatus: "ok", Cordoned: m.cordoned,
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
				ExitEvent:    exitRecord{ExitCode: e.exit.code, GuestExitCode: e.exit.code, RequestedStop: e.exit.requested, ExitedAt: stamp(e.at)},
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
	for _, m := range a.machines {
		m.settle(req.platform.state, req.now)
		states := query["state"]
		for _, list := range states {
			states = append(states, strings.Split(list, ",")...)
		}
		switch region := query.Get("region"); {
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
	p := req.platform
	m := p.state.createMachine(a, config, in.Name, in.Region, req.plan, req.now)
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
	if m.state == "destroyed" {
		return nil, precondition("machine is destroyed")
	}
	return m, m.permit(req.Header.Get(nonceHeader), req.now)
}

func updateMachine(req *request) answer {
	var in struct {
		Config         json.RawMessage `json:"config"`
		CurrentVersion string          `json:"current_version"`
		SkipLaunch     bool            `json:"skip_launch"`
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
	p := req.platform
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

func startMachine(req *request) answer {
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	previous := m.state
	switch {
	case previous == "started" || previous == "starting":
	case slices.Contains(transient, previous):
		return refuse(precondition("unable to start machine from current state: '%s'", previous))
	default:
		m.updated = req.now
		m.launch(req.platform.state, "starting", req.now, req.platform.options.StartDelay)
	}
	return reply(http.StatusOK, struct {
		Message  string `json:"message,omitempty"`
		Status   string `json:"status"`
		Previous string `json:"previous_state"`
	}{Status: "success", Previous: previous})
}

func stopMachine(req *request) answer { return haltMachine(req, "stopped") }

func suspendMachine(req *request) answer { return haltMachine(req, "suspended") }

// haltMachine wants a JSON body, even if it is {}, as Fly's API does.
func haltMachine(req *request, to string) answer {
	if to == "stopped" && len(req.body) == 0 {
		return refuse(invalid("unable to parse request body: EOF"))
	}
	var in struct {
		Signal string `json:"signal"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	m, err := req.change()
	if err != nil {
		return refuse(err)
	}
	m.halt(req.platform.state, to, req.now)
	return reply(http.StatusOK, okRecord{true})
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

func getMetadata(req *request) answer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	metadata, err := m.config.Metadata()
	if err != nil || metadata == nil {
		metadata = map[string]string{}
	}
	return reply(http.StatusOK, metadata)
}
