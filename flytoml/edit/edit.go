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

// Request describes the wanted services of a fly.toml, fly.json or fly.yaml:
// http_service and all of services. Values that are nil or zero stay as they are
// in the file.
type Request struct {
	// Groups limits the edit to services of these process groups; empty means all
	// services. A service without `processes` belongs to the default group. A service
	// that several groups share is edited if one of them is listed.
	Groups []string

	// ForceHTTPS false turns force_https off where it is on, and does not write
	// it where it is absent, because absent means off. True turns it on for
	// http_service and for ports that answer plain HTTP (handler http without
	// tls).
	ForceHTTPS *bool

	Autostop    *machine.Autostop // auto_stop_machines
	KeepSuspend bool              // leave auto_stop_machines at suspend, which also stops idle Machines
	KeepOff     bool              // leave auto_stop_machines at off, and the minimum with it, where the file sets it
	Autostart   *bool             // auto_start_machines
	MinMachines *int              // min_machines_running, 0 or more
	KeepMinimum bool              // leave min_machines_running where the file sets it

	// SoftLimit is the soft_limit of concurrency, 1 or more. A service without
	// limits gets a concurrency table that counts requests if it speaks HTTP, and
	// connections otherwise. It is an error if the hard_limit is lower.
	SoftLimit *int

	// ConcurrencyType is what the limits of HTTP services count: "requests" or
	// "connections". Other services are not changed: they only have connections.
	ConcurrencyType string

	// Engines allows the edit to turn on autostop and lower the minimum of a
	// group that runs a database, a queue or a log shipper, as far as that is
	// visible from the file or from Images. Otherwise such a group keeps both. A
	// group that nothing can wake (none of its services has a port, or it serves
	// only UDP) keeps both in any case.
	Engines bool

	// Images are the images that the app's Machines run, if known. The file may not name one.
	Images []string

	// PlainPorts are ports, from 1 to 65535, to add to services whose ports all
	// use TLS, so that callers over Flycast reach them without a certificate.
	// Each program (internal port) of a group gets one, in the order of the file.
	// The new port has the other handlers of the service's first port: http where
	// Fly Proxy reads HTTP, none where it passes bytes through. It is an error if
	// there are too few ports, or if the file already has one of them.
	PlainPorts []int

	// Create adds a service for Groups, with the values above, at the end of the
	// file. It does nothing if the file already has a service that Fly Proxy
	// routes to.
	Create *Create
}

// Create describes a new service.
type Create struct {
	InternalPort int  // the port that the app listens on, 1 to 65535
	TCP          bool // add [[services]] with the same external port and no handlers, not [http_service]
}

// UnnamedGroupsError means that the request creates a service without naming its
// process groups, and the file has several.
type UnnamedGroupsError struct{ Groups []string }

func (e *UnnamedGroupsError) Error() string {
	return "name the process groups of the new service: the file has " + excerpt.Line(strings.Join(e.Groups, ", "))
}

// NotHTTPError means that the request creates an http_service for a program that does not speak
// HTTP.
type NotHTTPError struct {
	Engine string // the program
	How    string // how it was recognized
	Port   int
}

func (e *NotHTTPError) Error() string {
	return fmt.Sprintf(
		"%s (recognized by %s) does not speak HTTP on port %d: an http_service would not work, a TCP service does",
		e.Engine, e.How, e.Port)
}

// ErrUnintended means that an edit would have changed more, or less, than
// intended. It is a bug in this package. No bytes are returned, so nothing is
// damaged.
var ErrUnintended = errors.New("the edit would not do what it should, which is a bug; nothing was changed")

// Result is the edited file and what was changed in it.
type Result struct {
	Before, After []byte
	Changes       []Change // in the order of the services; empty if nothing had to change
	Remarks       []Remark // what the edit did not change, and consequences
	splices       []splice
}

// Change is one value that differs.
type Change struct {
	Path string // in the spelling of the file: services[1].ports[0].force_https
	// Before is the old value: empty if the key was added, "a table" or "a list" if the file
	// had one of these instead of a value.
	Before string
	After  string   // the value as written
	Row    int      // in Result.After, from 1
	Groups []string // the process groups of the service

	// Comment is the comment on the replaced value in the file, after it or
	// directly above it; empty if there is none.
	Comment string
}

// Apply applies an edit to the file's bytes and returns the new ones; f does not
// change. The format stays the same. Only the bytes of changed values, and whole
// lines (or members of tables in braces) that must be added, are touched:
// comments, order, indentation, line endings and unknown keys stay. A value that
// already means the same (such as true for "stop") keeps its spelling, so
// applying an edit twice is the same as applying it once.
//
// If something cannot be edited safely, the whole edit is refused with a
// [*syntax.Error] that has the position. In all formats these are keys that
// differ only in case, services or values of a type that flyctl does not accept,
// and a hard limit below the soft limit. In JSON it is a repeated key. In YAML it
// is a value tied to another place by an anchor, alias or merge key (<<), a value
// with a tag or on several lines, a key that is not plain text, and a second
// document. Other errors are about the request: a value out of range, or an
// unknown process group.
//
// The result is decoded and compared with the original before it is returned:
// exactly the listed changes may differ, otherwise the error is [ErrUnintended].
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
		if !s.belongsTo(e.Groups) {
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
	edited := &Result{Before: f.Bytes(), After: after, Changes: ed.changes, splices: ed.list,
		Remarks: append(ed.exemptRemarks(e), ed.intentRemarks(e)...)}
	if unused != nil {
		edited.Remarks = append(edited.Remarks, *unused)
	}
	if e.Create != nil && added == nil {
		edited.Remarks = append(edited.Remarks, Remark{
			Code: RemarkCreate,
			What: "the file has a service that Fly Proxy routes to, so none was added",
			Fix:  "add another service by hand",
		})
	}
	if slices.ContainsFunc(ed.paths, affectsSleep) {
		edited.Remarks = append(edited.Remarks, ed.sleepRemarks(f, e, added)...)
	}
	return edited, nil
}

// Replacement replaces a piece of a file with a text.
type Replacement struct {
	Path   string // of the value or key at this place
	Offset int    // from 0, in bytes
	Length int    // in bytes; 0 inserts
	Text   string
}

// Replace applies replacements, which must not overlap.
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

// check returns what is wrong with the request for a file with these process groups.
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
