package fly

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Bounds of what is kept: of text from a Machine such as commands, and of the
// reference of an image.
const (
	maxText  = 1000
	maxImage = 512
)

// Machines lists the app's Machines in one request, sorted by id, without those
// that are destroyed or being destroyed.
func (c *Client) Machines(ctx context.Context, app string) ([]Machine, error) {
	op := c.reading("machines", calm()).onApp(app)
	answer, err := c.get(ctx, op, "/apps/"+app+"/machines")
	return decode(op, answer, err, ParseMachines)
}

// Machine reads one Machine.
func (c *Client) Machine(ctx context.Context, app, id string) (Machine, error) {
	op := c.reading("machine", brisk()).onMachine(app, id)
	answer, err := c.get(ctx, op, machinePath(app, id))
	return decode(op, answer, err, machineWithID(id))
}

// Processes lists the programs in a started Machine, with their listening sockets.
// Code precondition if the Machine is not started.
func (c *Client) Processes(ctx context.Context, app, id string) ([]Process, error) {
	op := c.reading("ps", calm()).onMachine(app, id)
	answer, err := c.get(ctx, op, machinePath(app, id)+"/ps")
	return decode(op, answer, err, decodeProcesses)
}

func decodeProcesses(body []byte) ([]Process, error) {
	var wire []struct {
		Command string `json:"command"`
		Listen  []struct {
			Proto   string `json:"proto"`
			Address string `json:"address"`
		} `json:"listen_sockets"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, err
	}
	list := make([]Process, 0, len(wire))
	for _, w := range wire {
		p := Process{Command: plain(w.Command, maxText)}
		for _, s := range w.Listen {
			p.Listen = append(p.Listen, Socket{Proto: plain(s.Proto, 16), Address: plain(s.Address, 64)})
		}
		list = append(list, p)
	}
	return list, nil
}

// maxWait is the longest wait that Fly allows in one request.
const maxWait = time.Minute

// Wait returns nil once the Machine is in the state, with this instance id if one is
// given. The error has code platform_error if that takes longer than within. Fly
// counts whole seconds, in requests of at most a minute; the rest goes by the
// client's clock.
func (c *Client) Wait(ctx context.Context, app, id, instance, state string, within time.Duration) error {
	until := c.clock.now().Add(within)
	for left := within; ; left = until.Sub(c.clock.now()) {
		// Rounded up: a wait that ends early costs another one.
		timeout := min(max((left+time.Second-1).Truncate(time.Second), time.Second), maxWait)
		query := url.Values{"state": {state}, "timeout": {strconv.Itoa(int(timeout.Seconds()))}}
		if instance != "" {
			query.Set("instance_id", instance)
		}
		op := c.reading("wait", calm()).onMachine(app, id)
		op.timeout = timeout + c.timeout
		_, err := c.send(ctx, op, http.MethodGet, machinePath(app, id)+"/wait?"+query.Encode(), nil, nil)
		var failed *failure
		switch {
		case err == nil:
			return nil
		case !errors.As(err, &failed) || failed.status != http.StatusRequestTimeout:
			return op.explain(err)
		case ctx.Err() != nil || until.Sub(c.clock.now()) < time.Second: // Fly's shortest wait
			message := op.subject() + " did not become " + quote(state) + " in time"
			return op.error(gate.PlatformError, message, failed.text, context.DeadlineExceeded)
		}
	}
}

func machinePath(app, id string) string { return "/apps/" + app + "/machines/" + id }

// wireMachine is a Machine as the Machines API sends it.
type wireMachine struct {
	ID               string          `json:"id"`
	Name             string          `json:"name"`
	State            string          `json:"state"`
	Region           string          `json:"region"`
	InstanceID       string          `json:"instance_id"`
	PrivateIP        string          `json:"private_ip"`
	HostStatus       string          `json:"host_status"`
	Cordoned         bool            `json:"cordoned"`
	ImageRef         wireImage       `json:"image_ref"`
	Config           *machine.Config `json:"config"`
	IncompleteConfig *machine.Config `json:"incomplete_config"`
	Checks           []wireCheck     `json:"checks"`
	Events           []wireEvent     `json:"events"`
	CreatedAt        string          `json:"created_at"`
	UpdatedAt        string          `json:"updated_at"`
}

type wireImage struct {
	Registry   string `json:"registry"`
	Repository string `json:"repository"`
	Tag        string `json:"tag"`
	Digest     string `json:"digest"`
}

// String returns registry/repository:tag@digest, without the parts that are missing.
func (w wireImage) String() string {
	if w.Repository == "" {
		return ""
	}
	ref := w.Repository
	if w.Registry != "" {
		ref = w.Registry + "/" + ref
	}
	if w.Tag != "" {
		ref += ":" + w.Tag
	}
	if w.Digest != "" {
		ref += "@" + w.Digest
	}
	return ref
}

type wireCheck struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

// ParseMachines reads a list of Machines as the Machines API sends it and `fly
// machine list --json` prints it. It leaves out those that are destroyed or being
// destroyed, and sorts by id.
func ParseMachines(body []byte) ([]Machine, error) {
	var wire []wireMachine
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, err
	}
	if wire == nil { // null is not "no Machines"
		return nil, errors.New("the list of Machines is missing")
	}
	machines := make([]Machine, 0, len(wire))
	for _, w := range wire {
		if w.State == "destroyed" || w.State == "destroying" {
			continue
		}
		m, err := w.machine()
		if err != nil {
			return nil, err
		}
		machines = append(machines, m)
	}
	slices.SortFunc(machines, func(a, b Machine) int { return cmp.Compare(a.ID, b.ID) })
	return machines, nil
}

// machineWithID returns a function that decodes the Machine with that id.
func machineWithID(id string) func([]byte) (Machine, error) {
	return func(body []byte) (Machine, error) {
		var wire wireMachine
		if err := json.Unmarshal(body, &wire); err != nil {
			return Machine{}, err
		}
		if wire.ID != id {
			return Machine{}, errors.New("the answer is about another Machine")
		}
		return wire.machine()
	}
}

func (w wireMachine) machine() (Machine, error) {
	if !machineID.MatchString(w.ID) {
		return Machine{}, errors.New("a Machine without a valid id: " + quote(w.ID))
	}
	m := Machine{
		ID:         w.ID,
		Name:       plain(w.Name, 63),
		State:      plain(w.State, 32),
		Region:     validOrEmpty(w.Region, regionWord),
		InstanceID: validOrEmpty(w.InstanceID, instanceID),
		HostStatus: plain(w.HostStatus, 32),
		Cordoned:   w.Cordoned,
		Incomplete: w.Config == nil || w.IncompleteConfig != nil,
		ImageRef:   validOrEmpty(w.ImageRef.String(), imageWord),
		Events:     history(w.Events),
		CreatedAt:  parseTime(w.CreatedAt),
		UpdatedAt:  parseTime(w.UpdatedAt),
	}
	m.Started, m.Exit = lastStart(m.Events), lastExit(m.Events)
	for _, config := range []*machine.Config{w.IncompleteConfig, w.Config} {
		if config != nil {
			m.Config = *config
		}
	}
	m.Unreadable = w.Config == nil || m.Config.Validate() != nil
	if ip, err := netip.ParseAddr(w.PrivateIP); err == nil {
		m.PrivateIP = ip
	}
	for _, check := range w.Checks {
		// Copies that Fly adds for old versions of flyctl (fly-go, RemoveCompatChecks).
		if !strings.HasPrefix(check.Name, "bg_deployments_compat") {
			m.Checks = append(m.Checks, CheckStatus{plain(check.Name, 128), plain(check.Status, 32)})
		}
	}
	return m, nil
}
