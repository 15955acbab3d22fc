package flysim

import (
	"fmt"
	"maps"
	"net/netip"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// storedMachine is a Machine. Its configuration is that of its newest version.
type storedMachine struct {
	ID             string            `json:"id"`
	App            string            `json:"app"`   // id
	Order          int               `json:"order"` // among all Machines
	Name           string            `json:"name"`
	Region         string            `json:"region"`
	PrivateIP      netip.Addr        `json:"private_ip"`
	Created        time.Time         `json:"created,omitzero"`
	Updated        time.Time         `json:"updated,omitzero"`
	Instance       string            `json:"instance"`
	Versions       []storedVersion   `json:"versions"` // newest first
	State          string            `json:"state"`
	Events         []storedEvent     `json:"events,omitempty"` // newest first
	Started        time.Time         `json:"started,omitzero"`
	Failing        bool              `json:"sick,omitempty"`
	CheckOverrides map[string]string `json:"said,omitempty"`
	Listen         []storedSocket    `json:"listen,omitempty"`
	Lease          *storedLease      `json:"lease,omitempty"`
	Cordoned       bool              `json:"cordoned,omitempty"`
	Host           string            `json:"host"`
	Memory         int               `json:"memory_limit,omitempty"`
	Steps          []storedStep      `json:"steps,omitempty"`
	Ending         *storedEnding     `json:"ending,omitempty"`
	Failures       []Failure         `json:"failures,omitempty"` // by number, so the numbers of failures must not change
}

type storedVersion struct {
	Instance string      `json:"instance"`
	Config   spec.Config `json:"config"`
}

type storedEvent struct {
	ID        string      `json:"id"`
	Kind      string      `json:"kind"`
	Status    string      `json:"status"`
	Source    string      `json:"source"`
	At        time.Time   `json:"at,omitzero"`
	Exit      *storedExit `json:"exit,omitempty"`
	Restarted int         `json:"restarted,omitempty"`
}

type storedExit struct {
	Code       int  `json:"code,omitempty"`
	Signal     int  `json:"signal,omitempty"`
	OOM        bool `json:"oom,omitempty"`
	Requested  bool `json:"requested,omitempty"`
	Restarting bool `json:"restarting,omitempty"`
}

type storedSocket struct {
	Proto   string `json:"proto"`
	Address string `json:"address"`
}

type storedLease struct {
	Nonce       string    `json:"nonce"`
	Owner       string    `json:"owner"`
	Description string    `json:"description,omitempty"`
	Expires     time.Time `json:"expires"`
}

type storedStep struct {
	At       time.Time     `json:"at"`
	State    string        `json:"state"`
	Events   []storedEvent `json:"events,omitempty"` // created by the step; they have no id yet
	Failure  Failure       `json:"failure,omitempty"`
	Restarts int           `json:"restarts,omitempty"`
}

type storedEnding struct {
	At       time.Time  `json:"at"`
	Exit     storedExit `json:"exit"`
	Next     Failure    `json:"next,omitempty"`
	Restarts int        `json:"restarts,omitempty"`
}

func storeMachine(m *vm) storedMachine {
	stored := storedMachine{
		ID: m.id, App: m.app.id, Order: m.order, Name: m.name, Region: m.region, PrivateIP: m.privateIP,
		Created: m.created, Updated: m.updated, Instance: m.instance, State: m.state, Started: m.started,
		Failing: m.failing, CheckOverrides: maps.Clone(m.checkOverrides), Cordoned: m.cordoned, Host: m.host,
		Memory:   m.memoryLimit,
		Versions: make([]storedVersion, 0, len(m.versions)), Events: make([]storedEvent, 0, len(m.events)),
	}
	for _, v := range m.versions {
		stored.Versions = append(stored.Versions, storedVersion{v.instance, v.config})
	}
	for _, e := range m.events {
		stored.Events = append(stored.Events, storeEvent(e))
	}
	for _, s := range m.listen {
		stored.Listen = append(stored.Listen, storedSocket{s.proto, s.address})
	}
	if l := m.lease; l != nil {
		stored.Lease = &storedLease{l.nonce, l.owner, l.description, l.expires}
	}
	for _, next := range m.pending {
		step := storedStep{At: next.at, State: next.state, Failure: next.failure, Restarts: next.restarts}
		for _, e := range next.events {
			step.Events = append(step.Events, storeEvent(e))
		}
		stored.Steps = append(stored.Steps, step)
	}
	if e := m.ending; e != nil {
		stored.Ending = &storedEnding{e.at, storeExit(e.exit), e.next, e.restarts}
	}
	stored.Failures = append(stored.Failures, m.failures...)
	return stored
}

func storeEvent(e event) storedEvent {
	stored := storedEvent{ID: e.id, Kind: e.kind, Status: e.status, Source: e.source, At: e.at, Restarted: e.restarted}
	if e.exit != nil {
		stored.Exit = new(storeExit(*e.exit))
	}
	return stored
}

func restoreEvent(e storedEvent) event {
	restored := event{id: e.ID, kind: e.Kind, status: e.Status, source: e.Source, at: e.At, restarted: e.Restarted}
	if e.Exit != nil {
		restored.exit = new(restoreExit(*e.Exit))
	}
	return restored
}

func storeExit(e programExit) storedExit {
	return storedExit{e.code, e.signal, e.oom, e.requested, e.restarting}
}

func restoreExit(e storedExit) programExit {
	return programExit{e.Code, e.Signal, e.OOM, e.Requested, e.Restarting}
}

// restoreMachines adds the Machines of the records to the apps, which are given by id. An error
// says which records do not fit together.
func (s *platformState) restoreMachines(stored []storedMachine, apps map[string]*appState) error {
	for _, record := range stored {
		a := apps[record.App]
		switch {
		case a == nil:
			return fmt.Errorf("Machine %.20q is of no app", record.ID)
		case len(record.Versions) == 0:
			return fmt.Errorf("Machine %.20q has no configuration", record.ID)
		}
		a.machines = append(a.machines, restoreMachine(a, record))
	}
	return nil
}

func restoreMachine(a *appState, record storedMachine) *vm {
	m := &vm{
		app: a, id: record.ID, order: record.Order, name: record.Name, region: record.Region, privateIP: record.PrivateIP,
		created: record.Created, updated: record.Updated, instance: record.Instance, state: record.State,
		started: record.Started, failing: record.Failing, checkOverrides: record.CheckOverrides, cordoned: record.Cordoned,
		host: record.Host, memoryLimit: record.Memory,
		config: record.Versions[0].Config, failures: record.Failures,
	}
	for _, v := range record.Versions {
		m.versions = append(m.versions, machineVersion{v.Instance, v.Config})
	}
	for _, e := range record.Events {
		m.events = append(m.events, restoreEvent(e))
	}
	for _, s := range record.Listen {
		m.listen = append(m.listen, socket{s.Proto, s.Address})
	}
	if l := record.Lease; l != nil {
		m.lease = &machineLease{l.Nonce, l.Owner, l.Description, l.Expires}
	}
	for _, next := range record.Steps {
		step := transition{at: next.At, state: next.State, failure: next.Failure, restarts: next.Restarts}
		for _, e := range next.Events {
			step.events = append(step.events, restoreEvent(e))
		}
		m.pending = append(m.pending, step)
	}
	if e := record.Ending; e != nil {
		m.ending = &programEnd{e.At, restoreExit(e.Exit), e.Next, e.Restarts}
	}
	return m
}
