package flysim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// nonceHeader is the header with the nonce of the lease under which a change is made.
const nonceHeader = "fly-machine-lease-nonce"

func listMachines(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	query := req.URL.Query()
	states, region, summary := splitValues(query["state"]), query.Get("region"), query.Get("summary") == "true"
	records, summaries := []machineRecord{}, []briefMachine{}
	defer func() { a.machineReads++ }()
	for _, m := range a.machines {
		m.settle(req.platform.state, req.now)
		switch {
		case m.listed > a.machineReads:
		case m.state == "destroyed" && query.Get("include_deleted") != "true":
		case len(states) > 0 && !slices.Contains(states, m.state):
		case region != "" && region != m.region:
		case !hasMetadata(m, query):
		case summary:
			summaries = append(summaries, summarize(m))
		default:
			records = append(records, req.describe(m))
		}
	}
	if summary {
		return reply(http.StatusOK, summaries)
	}
	return reply(http.StatusOK, records)
}

// splitValues returns the values of a query parameter that may be repeated or separated by commas.
func splitValues(values []string) []string {
	var list []string
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			if item = strings.TrimSpace(item); item != "" {
				list = append(list, item)
			}
		}
	}
	return list
}

// hasMetadata reports whether the Machine passes all filters metadata.KEY=VALUE of the query.
func hasMetadata(m *vm, query map[string][]string) bool {
	for filter, values := range query {
		if key, ok := strings.CutPrefix(filter, "metadata."); ok && !slices.Contains(values, m.parse().metadata[key]) {
			return false
		}
	}
	return true
}

// machineInput is the body of a creation or an update. Other fields are dropped silently.
type machineInput struct {
	Config         json.RawMessage `json:"config"`
	Name           string          `json:"name"`
	Region         string          `json:"region"`
	CurrentVersion string          `json:"current_version"`
	SkipLaunch     bool            `json:"skip_launch"`
	Unrouted       bool            `json:"skip_service_registration"`
	SkipSecrets    bool            `json:"skip_secrets"`        // ignored: no program here reads secrets
	MinSecrets     *uint64         `json:"min_secrets_version"` // ignored: the newest version is always available
	LeaseTTL       int             `json:"lease_ttl"`
}

func createMachine(req *apiRequest) apiAnswer {
	var in machineInput
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	p := req.platform
	config, err := p.accept(in.Config)
	if err != nil {
		return refuse(err)
	}
	region, err := placementRegion(in.Region)
	if err != nil {
		return refuse(err)
	}
	if err := a.checkNameFree(in.Name); err != nil {
		return refuse(err)
	}
	if err := a.checkMounts(config, region, nil); err != nil {
		return refuse(err)
	}
	m := p.state.createMachine(a, config, in.Name, region, req.plan, req.now)
	m.cordoned = in.Unrouted
	if req.plan.at.IsZero() { // Machines of the fixture are not new
		m.listed, m.hidden = a.machineReads+int64(p.options.MachineLag), p.options.CreateLag
	}
	m.prepare(p.state, in.SkipLaunch, req.now, p.options.StartDelay)
	record := req.describe(m)
	if record.Nonce, err = req.lend(m, in.LeaseTTL); err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, record)
}

// checkNameFree fails if another Machine of the app has the name.
func (a *appState) checkNameFree(name string) error {
	for _, m := range a.machines {
		if name != "" && m.name == name && m.state != "destroyed" {
			return &apiError{http.StatusConflict, "already_exists",
				fmt.Sprintf("already_exists: unique machine name violation, machine ID %s already exists with name %q", m.id, name)}
		}
	}
	return nil
}

// lend takes the Machine's lease for the client that creates or updates it, if the request has a
// lease_ttl, and returns the lease's nonce.
func (req *apiRequest) lend(m *vm, ttl int) (nonce string, err error) {
	if ttl <= 0 {
		return "", nil
	}
	l, err := m.acquire(req.platform.state, req.Header.Get(nonceHeader), userEmail, "", inSeconds(ttl), req.now)
	if err != nil {
		return "", err
	}
	return l.nonce, nil
}

func getMachine(req *apiRequest) apiAnswer {
	m, err := req.machineForRead()
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, req.describe(m))
}

// machineForRead finds the Machine for a read by its id, which [Options.CreateLag] hides at first.
func (req *apiRequest) machineForRead() (*vm, error) {
	_, m, err := req.machine()
	if err != nil {
		return nil, err
	}
	if m.hidden > 0 {
		m.hidden--
		return nil, notFound("machine")
	}
	return m, nil
}

// machineForChange finds the Machine for a change, and checks the nonce header against its lease.
func (req *apiRequest) machineForChange() (*vm, error) {
	_, m, err := req.machine()
	if err != nil {
		return nil, err
	}
	switch {
	case m.state == "destroyed":
		return nil, precondition("machine is destroyed")
	case m.host == "unreachable":
		return nil, &apiError{http.StatusServiceUnavailable, "unavailable", "unavailable: the host of machine " +
			m.id + " is unreachable"}
	}
	return m, m.permit(req.Header.Get(nonceHeader), req.now)
}

func updateMachine(req *apiRequest) apiAnswer {
	var in machineInput
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	m, err := req.machineForChange()
	if err != nil {
		return refuse(err)
	}
	switch {
	case m.state == "destroying":
		return refuse(precondition("machine is being destroyed"))
	case in.CurrentVersion != "" && in.CurrentVersion != m.instance:
		return refuse(precondition("machine %s has version %s, not current_version", m.id, m.instance))
	}
	p := req.platform
	config, err := p.accept(in.Config)
	if err != nil {
		return refuse(err)
	}
	if err := m.app.checkMounts(config, m.region, m); err != nil {
		return refuse(err)
	}
	rests := slices.Contains([]string{"created", "stopped", "suspended"}, m.state)
	m.cordoned = m.cordoned || in.Unrouted
	m.update(p.state, config, in.SkipLaunch || rests && p.options.KeepStopped, req.now, p.options.StartDelay)
	record := req.describe(m)
	if record.Nonce, err = req.lend(m, in.LeaseTTL); err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, record)
}

// destroyMachine requires force for a Machine that is not at rest.
func destroyMachine(req *apiRequest) apiAnswer {
	m, err := req.machineForChange()
	if err != nil {
		return refuse(err)
	}
	query := req.URL.Query()
	force := query.Get("force") == "true" || query.Get("kill") == "true"
	if !force && (m.state == "started" || isTransient(m.state) && m.state != "destroying") {
		return refuse(precondition("unable to destroy machine, not currently stopped"))
	}
	m.halt(req.platform.state, "destroyed", req.now)
	return reply(http.StatusOK, okRecord{true})
}

type okRecord struct {
	OK bool `json:"ok"`
}

func cordonMachine(req *apiRequest) apiAnswer { return setCordon(req, true) }

func uncordonMachine(req *apiRequest) apiAnswer { return setCordon(req, false) }

func setCordon(req *apiRequest, cordoned bool) apiAnswer {
	m, err := req.machineForChange()
	if err != nil {
		return refuse(err)
	}
	m.cordoned = cordoned
	return reply(http.StatusOK, okRecord{true})
}
