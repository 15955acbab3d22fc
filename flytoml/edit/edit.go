package edit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Request says what the services of a fly.toml, fly.json or fly.yaml are to be:
// http_service and all of services. What is nil or zero is left as it is.
type Request struct {
	// Groups limits the edit to services of these process groups; empty means
	// all services. A service without `processes` is the default group's. A
	// service that several groups share is edited if one of them is named.
	Groups []string

	// ForceHTTPS false turns force_https off where it is on; it is not written
	// where it is absent, which means off. True turns it on for http_service
	// and for ports that answer plain HTTP (handler http without tls).
	ForceHTTPS *bool

	Autostop    *machine.Autostop // auto_stop_machines
	KeepSuspend bool              // where that is suspend, which stops idle Machines too, it stays
	Autostart   *bool             // auto_start_machines
	MinMachines *int              // min_machines_running, from 0

	// SoftLimit is concurrency's soft_limit, from 1. A service without limits
	// gets a concurrency table that counts requests if it speaks HTTP, and
	// connections otherwise. A hard_limit below it is an error.
	SoftLimit *int

	// ConcurrencyType is what the limits of HTTP services count, "requests" or
	// "connections". Other services are left alone: they have connections only.
	ConcurrencyType string

	// Engines lets the edit turn on autostop, and lower the minimum, of a group
	// that runs a database, a queue or a log shipper, as far as the file or Images
	// tell. Without it such a group keeps both. A group that nothing can wake (no
	// service has a port, or UDP alone) keeps them in any case.
	Engines bool

	// Images are those that the app's Machines run, if they are known: the file
	// may not name one.
	Images []string

	// PlainPorts, from 1 to 65535, are added to services whose ports all speak
	// TLS, so that callers over Flycast reach them without a certificate: one for
	// each program (internal port) of a group, in the order of the file. Such a
	// port has the other handlers of the service's first port: http where Fly
	// Proxy reads HTTP, none where it passes bytes through. Too few ports, and
	// ones that the file has already, are errors.
	PlainPorts []int

	// Create adds a service at the end of a file that has none that Fly Proxy
	// routes to, with the values above, for Groups. It does nothing to others.
	Create *Create
}

// Create describes a new service.
type Create struct {
	InternalPort int  // that the app listens on, 1 to 65535
	TCP          bool // [[services]] with the same external port and no handlers, in place of [http_service]
}

// UnnamedGroupsError means that a service was to be created in a file of several
// process groups, and none was named.
type UnnamedGroupsError struct{ Groups []string }

func (e *UnnamedGroupsError) Error() string {
	return "a new service needs its process groups named: the file has " + excerpt.Line(strings.Join(e.Groups, ", "))
}

// NotHTTPError means that an http_service was to be created for a program that
// does not speak HTTP.
type NotHTTPError struct {
	Engine string // what it is
	How    string // how it is known
	Port   int
}

func (e *NotHTTPError) Error() string {
	return fmt.Sprintf(
		"%s (known by %s) does not speak HTTP on port %d: an http_service would not work, a TCP service does",
		e.Engine, e.How, e.Port)
}

// ErrUnintended means that an edit would have changed more, or less, than it was to.
// It is a bug of this package, and nothing is lost by it: no bytes are returned.
var ErrUnintended = errors.New("the edit does not do what it should, which is a bug; nothing was changed")

// Result is what became of a file.
type Result struct {
	Before, After []byte
	Changes       []Change // in the order of services; empty if there was nothing to do
	Remarks       []Remark // what the edit left alone, and what follows from it
	splices       []splice
}

// Change is one value that differs.
type Change struct {
	Path string // as the file spells it: services[1].ports[0].force_https
	// Before is the value as the file had it: empty if the key was added, "a table" or "a list" if the file
	// had one of these in place of a value.
	Before string
	After  string   // as it stands there now
	Row    int      // of Edited.After, from 1
	Groups []string // process groups whose service this is

	// Comment is what the file says of the value that was replaced, behind it or
	// right above it; empty if there is none.
	Comment string
}

// Apply applies an edit to the file's bytes and returns the new ones; the file
// itself does not change. TOML stays TOML, JSON JSON and YAML YAML. Nothing but
// the bytes of values that differ, and whole lines (or members of tables in
// braces) that must be added, is touched: comments, order, indentation, line
// endings and unknown keys stay. A value that already means the same (true for
// "stop") stays as it is written, so the same edit twice equals once.
//
// What cannot be edited safely is refused whole, as a [*syntax.Error] with the
// place: keys that differ in case alone, services or values of a shape that
// flyctl does not take, a hard limit below the soft limit. In JSON that is a
// key that is there twice; in YAML what an anchor, alias or merge key (<<)
// ties to another place, a value with a tag or over several lines, a key that
// is no plain text, a second document. Other errors are of the edit itself: a
// value out of range, an unknown process group.
//
// The result is decoded and compared with the original before it is returned:
// exactly the changes listed may differ, else the error is [ErrUnintended].
func Apply(f *flytoml.File, e Request) (*Result, error) {
	groups, standard := editGroups(f)
	if err := e.check(groups); err != nil {
		return nil, err
	}
	l, err := layout.Scan(f.Format(), f.Name(), f.Bytes())
	if err != nil {
		return nil, err
	}
	s := &splices{Layout: l}
	services, stray, err := s.services(standard)
	if err != nil {
		return nil, err
	}
	ed := &editor{splices: s, writer: newWriter(f.Format(), s), services: services, stray: stray}
	var added *service
	if e.Create != nil && !slices.ContainsFunc(services, func(s service) bool { return s.wire().IsRouted() }) {
		if added, err = ed.newService(f, e); err != nil {
			return nil, err
		}
	}
	ed.keep = ed.exemptions(f, e, added)
	for _, s := range services {
		if !s.of(e.Groups) {
			continue
		}
		if err := ed.edit(s, ed.withoutExempt(s, e)); err != nil {
			return nil, err
		}
	}
	unused, err := ed.plainPorts(e)
	if err != nil {
		return nil, err
	}
	if added != nil {
		if err := ed.create(*added, ed.withoutExempt(*added, e)); err != nil {
			return nil, err
		}
	}
	ed.finish()
	after := ed.apply(func(change, line int) { ed.changes[change].Row = line })
	if err := ed.verify(f.Format(), f.Document(), after); err != nil {
		return nil, fmt.Errorf("%s: %w: %v", f.Name(), ErrUnintended, err)
	}
	edited := &Result{Before: f.Bytes(), After: after, Changes: ed.changes, Remarks: ed.exemptRemarks(e), splices: ed.list}
	if unused != nil {
		edited.Remarks = append(edited.Remarks, *unused)
	}
	if e.Create != nil && added == nil {
		edited.Remarks = append(edited.Remarks, Remark{
			Code: RemarkCreate,
			What: "the file has a service that Fly Proxy routes to, so none was added",
			Fix:  "write another one into the file by hand",
		})
	}
	if slices.ContainsFunc(ed.paths, affectsSleep) {
		edited.Remarks = append(edited.Remarks, ed.sleepRemarks(f, e, added)...)
	}
	return edited, nil
}

// Replacement puts a text in the place of a piece of a file.
type Replacement struct {
	Path   string // of the value or key that stands there
	Offset int    // from 0, in bytes
	Length int    // in bytes; 0 inserts
	Text   string
}

// Replace makes replacements that do not overlap.
func Replace(f *flytoml.File, list []Replacement) *Result {
	edited := &Result{Before: f.Bytes()}
	s := splices{Layout: &layout.Layout{Source: edited.Before}}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Replacement) int { return cmp.Compare(a.Offset, b.Offset) })
	for i, r := range list {
		at := layout.Span{Start: r.Offset, End: r.Offset + r.Length}
		s.replace(at, r.Text, i)
		edited.Changes = append(edited.Changes, Change{
			Path: r.Path, Before: string(edited.Before[at.Start:at.End]), After: r.Text,
		})
	}
	edited.After = s.apply(func(change, line int) { edited.Changes[change].Row = line })
	edited.splices = s.list
	return edited
}

// check tells what is wrong with an edit of a file with these process groups.
func (e Request) check(groups []string) error {
	for _, group := range e.Groups {
		if !slices.Contains(groups, group) {
			return fmt.Errorf("no process group %q; the file has %s", group, excerpt.Line(strings.Join(groups, ", ")))
		}
	}
	switch {
	case e.MinMachines != nil && *e.MinMachines < 0:
		return fmt.Errorf("min_machines_running cannot be %d", *e.MinMachines)
	case e.SoftLimit != nil && *e.SoftLimit < 1:
		return fmt.Errorf("soft_limit cannot be %d", *e.SoftLimit)
	case e.ConcurrencyType != "" && e.ConcurrencyType != machine.CountRequests &&
		e.ConcurrencyType != machine.CountConnections:
		return fmt.Errorf("concurrency counts requests or connections, not %q", e.ConcurrencyType)
	case e.Create != nil && e.Create.InternalPort == 0:
		return errors.New("a new service needs an internal_port")
	case e.Create != nil && (e.Create.InternalPort < 1 || e.Create.InternalPort > 65535):
		return fmt.Errorf("internal_port cannot be %d", e.Create.InternalPort)
	}
	for _, port := range e.PlainPorts {
		if !machine.IsPort(port) {
			return fmt.Errorf("a port cannot be %d", port)
		}
	}
	return nil
}
