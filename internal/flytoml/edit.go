package flytoml

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// Edit says what the services of a fly.toml, fly.json or fly.yaml are to be:
// http_service and all of services. What is nil or zero is left as it is.
type Edit struct {
	// Groups limits the edit to services of these process groups; empty means
	// all services. A service without `processes` is the default group's. A
	// service that several groups share is edited if one of them is named.
	Groups []string

	// ForceHTTPS false turns force_https off where it is on; it is not written
	// where it is absent, which means off. True turns it on for http_service
	// and for ports that answer plain HTTP (handler http without tls).
	ForceHTTPS *bool

	Autostop    *machine.Autostop // auto_stop_machines
	Autostart   *bool             // auto_start_machines
	MinMachines *int              // min_machines_running, from 0

	// SoftLimit is concurrency's soft_limit, from 1. A service without limits
	// gets a concurrency table that counts requests if it speaks HTTP, and
	// connections otherwise. A hard_limit below it is an error.
	SoftLimit *int

	// ConcurrencyType is what the limits of HTTP services count, "requests" or
	// "connections". Other services are left alone: they have connections only.
	ConcurrencyType string

	// PlainPort, from 1 to 65535, is added with the handler http to every
	// service whose ports all speak TLS with HTTP inside, so that callers over
	// Flycast reach it without a certificate. A port that another service of
	// the file has is an error.
	PlainPort *int

	// Create adds an http_service at the end of a file that has no service at
	// all, with the values above, for Groups. It does nothing to others.
	Create *Create
}

// Create describes a new http_service.
type Create struct {
	InternalPort int // that the app listens on, 1 to 65535
}

// ErrEdit means that an edit would have changed more, or less, than it was to.
// It is a bug of this package, and nothing is lost by it: no bytes are returned.
var ErrEdit = errors.New("the edit does not do what it should, which is a bug; nothing was changed")

// Edited is what became of a file.
type Edited struct {
	Before, After []byte
	Changes       []EditChange // in the order of services; empty if there was nothing to do
	Left          []Finding    // of Fix: those whose edit would have made the file worse
	splices       []splice
}

// EditChange is one value that differs.
type EditChange struct {
	Path   string   // as the file spells it: services[1].ports[0].force_https
	Before string   // the value as it stood in the file; empty if it was added; "a table" or "a list" where that stood in place of a value
	After  string   // as it stands there now
	Row    int      // of Edited.After, from 1
	Groups []string // process groups whose service this is
}

// Edit applies an edit to the file's bytes and returns the new ones; the file
// itself does not change. TOML stays TOML, JSON JSON and YAML YAML. Nothing but
// the bytes of values that differ, and whole lines (or members of tables in
// braces) that must be added, is touched: comments, order, indentation, line
// endings and unknown keys stay. A value that already means the same (true for
// "stop") stays as it is written, so the same edit twice equals once.
//
// What cannot be edited safely is refused whole, as a [*SyntaxError] with the
// place: keys that differ in case alone, services or values of a shape that
// flyctl does not take, a hard limit below the soft limit. In JSON that is a
// key that is there twice; in YAML what an anchor, alias or merge key (<<)
// ties to another place, a value with a tag or over several lines, a key that
// is no plain text, a second document. Other errors are of the edit itself: a
// value out of range, an unknown process group.
//
// The result is decoded and compared with the original before it is returned:
// exactly the changes listed may differ, else the error is [ErrEdit].
func (f *File) Edit(e Edit) (*Edited, error) {
	groups, standard := f.editGroups()
	if err := e.check(groups); err != nil {
		return nil, err
	}
	l, err := scan(f.format, f.name, f.data)
	if err != nil {
		return nil, err
	}
	services, err := l.services(standard)
	if err != nil {
		return nil, err
	}
	s := &splices{layout: l}
	ed := &editor{splices: s, writer: newWriter(f.format, s), services: services}
	for _, service := range services {
		if !service.of(e.Groups) {
			continue
		}
		if err := ed.edit(service, e); err != nil {
			return nil, err
		}
	}
	if len(services) == 0 && e.Create != nil {
		if err := ed.newService(e, f.processes()); err != nil {
			return nil, err
		}
	}
	ed.finish()
	after := ed.apply(func(change, line int) { ed.changes[change].Row = line })
	if err := ed.verify(f.format, f.doc, after); err != nil {
		return nil, fmt.Errorf("%s: %w: %v", f.name, ErrEdit, err)
	}
	return &Edited{Before: f.Bytes(), After: after, Changes: ed.changes, splices: ed.list}, nil
}

// check tells what is wrong with an edit of a file with these process groups.
func (e Edit) check(groups []string) error {
	for _, group := range e.Groups {
		if !slices.Contains(groups, group) {
			return fmt.Errorf("no process group %q; the file has %s", group, oneLine(strings.Join(groups, ", ")))
		}
	}
	switch {
	case e.MinMachines != nil && *e.MinMachines < 0:
		return fmt.Errorf("min_machines_running cannot be %d", *e.MinMachines)
	case e.SoftLimit != nil && *e.SoftLimit < 1:
		return fmt.Errorf("soft_limit cannot be %d", *e.SoftLimit)
	case e.ConcurrencyType != "" && e.ConcurrencyType != requests && e.ConcurrencyType != connections:
		return fmt.Errorf("concurrency counts requests or connections, not %q", e.ConcurrencyType)
	case e.PlainPort != nil && (*e.PlainPort < 1 || *e.PlainPort > 65535):
		return fmt.Errorf("a port cannot be %d", *e.PlainPort)
	case e.Create != nil && e.Create.InternalPort == 0:
		return errors.New("a new http_service needs an internal_port")
	case e.Create != nil && (e.Create.InternalPort < 1 || e.Create.InternalPort > 65535):
		return fmt.Errorf("internal_port cannot be %d", e.Create.InternalPort)
	}
	return nil
}
