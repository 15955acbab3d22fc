package gate

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// ApprovalRequest is a plan that waits for a person in a terminal, as a readable
// file in the state folder. Plan is the plan's own JSON: the terminal shows it
// and computes the digest from what it shows. When an answer comes back, the
// server trusts nothing in the file.
type ApprovalRequest struct {
	Ticket       string          `json:"ticket"`
	Installation string          `json:"installation"`
	Tool         string          `json:"tool"`
	App          string          `json:"app"`
	Caller       string          `json:"caller"`
	Call         string          `json:"call,omitempty"` // see Request.Call
	Asker        string          `json:"asker"`          // the caller's name, as shown
	From         string          `json:"from"`           // the server's name, as shown
	Nonce        string          `json:"nonce"`
	Digest       string          `json:"digest"`
	Created      time.Time       `json:"created"`
	Expires      time.Time       `json:"expires"`
	Facts        []factSum       `json:"facts,omitempty"`
	Plan         json.RawMessage `json:"plan"`
}

// Statement returns what a signature of this request covers, with the digest that
// the signer computed.
func (r ApprovalRequest) Statement(digest string) Statement {
	return Statement{
		Installation: r.Installation, Digest: digest, Tool: r.Tool, App: r.App, Caller: r.Caller,
		Nonce: r.Nonce, Expires: r.Expires,
	}
}

// ErrExpired means that a request is too old to be answered.
var ErrExpired = errors.New("the request has expired")

// Check returns an error for a request that has expired ([ErrExpired]), and for
// one that no server wrote: its ticket or nonce is malformed, or it would expire
// later than requests can.
func (r ApprovalRequest) Check(now time.Time) error {
	nonce, err := hex.DecodeString(r.Nonce)
	switch {
	case !ticketPattern.MatchString(r.Ticket) || err != nil || len(nonce) != nonceLen:
		return errors.New("not an approval request: the ticket or the nonce is malformed")
	case !r.Expires.After(now):
		return ErrExpired
	case r.Expires.After(now.Add(RequestLife + clockSkew)):
		return fmt.Errorf("not an approval request: it would be valid for longer than %s", RequestLife)
	}
	return nil
}

// ReadRequest reads a request from a file that was copied from another server's
// folder. It does not check it: see [ApprovalRequest.Check].
func ReadRequest(path string) (ApprovalRequest, error) {
	var req ApprovalRequest
	return req, readSmall(path, &req)
}

// ApprovalAnswer is the answer that the terminal writes beside a request.
type ApprovalAnswer struct {
	Approved bool      `json:"approved"`
	Reason   string    `json:"reason,omitempty"` // of a rejection; untrusted text
	Code     string    `json:"code,omitempty"`   // of an approval: [Signature.Code]
	At       time.Time `json:"at"`
}

// Requests is the folder of approval requests, with mode 0700 and a limited number
// of files.
type Requests struct {
	dir string
	now func() time.Time
}

const (
	maxRequests    = 200
	maxRequestSize = 8 << 20 // more than the plan for a thousand Machines
	// readableSize is the size up to which a request is written with line breaks.
	readableSize = 64 << 10
	// clockSkew is how far the clocks of server and terminal may differ.
	clockSkew = 10 * time.Minute
)

// RequestLife is how long a request can be approved in a terminal, and how long
// the approval counts. Its use checks the plan's digest again.
const RequestLife = 4 * time.Hour

// NewRequests opens the folder, which it creates if necessary.
func NewRequests(dir string, now func() time.Time) (*Requests, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("approval requests: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("approval requests: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return nil, fmt.Errorf("approval requests: others can read %s: %w", dir, err)
		}
	}
	s := &Requests{dir, now}
	s.removeLeftovers()
	return s, nil
}

var ticketPattern = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)

// crockford is the alphabet of tickets: no I, L, O, U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

func newTicket() string {
	var raw [8]byte
	rand.Read(raw[:])
	for i, b := range raw {
		raw[i] = crockford[b%32]
	}
	return string(raw[:4]) + "-" + string(raw[4:])
}

// ParseTicket returns the ticket that a person typed: in any case, with or without
// the dash, with O for 0, and I or L for 1.
func ParseTicket(typed string) (string, error) {
	s := strings.ToUpper(strings.TrimSpace(typed))
	s = strings.NewReplacer("O", "0", "I", "1", "L", "1", "-", "", " ", "").Replace(s)
	if len(s) == 8 {
		s = s[:4] + "-" + s[4:]
	}
	if !ticketPattern.MatchString(s) {
		return "", errors.New("a ticket looks like RK4M-7Q2P")
	}
	return s, nil
}

func newNonce() string {
	var raw [nonceLen]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

// errFull means that the folder is full of answers that still count: those are
// never removed to make room.
var errFull = fmt.Errorf("%d approvals and rejections wait until their calls are repeated; repeat one first",
	maxRequests)

// put stores a request for the plan, or returns the one that the same caller
// already has for the same digest.
func (s *Requests) put(r Request, installation string) (req ApprovalRequest, err error) {
	err = s.locked(func() error {
		all, err := s.sweep()
		if err != nil {
			return err
		}
		for _, stored := range all {
			if s.isLive(stored) && stored.Installation == installation && stored.Caller == r.Caller &&
				stored.isFor(r.planKey()) {
				req = stored
				return nil
			}
		}
		if err := s.makeRoom(all); err != nil {
			return err
		}
		now := s.now()
		req = ApprovalRequest{
			Ticket: newTicket(), Installation: installation, Tool: r.Tool, App: r.App, Caller: r.Caller, Call: r.Call,
			Asker: r.Asker, From: r.From, Nonce: newNonce(), Digest: r.Digest, Facts: sumFacts(r.Facts), Plan: r.Plan,
			Created: now, Expires: now.Add(RequestLife).Truncate(time.Second),
		}
		return s.write(req.Ticket+".json", req)
	})
	return req, err
}

// isFor reports whether the request is for a plan, of whatever caller.
func (r ApprovalRequest) isFor(plan planKey) bool {
	return planKey{r.Tool, r.App, r.Digest} == plan
}

// makeRoom removes the oldest requests that nobody has answered, if the folder is
// full.
func (s *Requests) makeRoom(all []ApprovalRequest) error {
	excess := len(all) - maxRequests + 1
	for _, req := range all {
		if excess <= 0 {
			return nil
		}
		if _, answered := s.answer(req.Ticket); answered {
			continue
		}
		s.remove(req.Ticket)
		excess--
	}
	if excess > 0 {
		return errFull
	}
	return nil
}

// locked calls do with the folder's lock, which all processes share.
func (s *Requests) locked(do func() error) error {
	unlock, err := disk.Lock(filepath.Clean(s.dir) + ".lock")
	if err != nil {
		return fmt.Errorf("approval requests: %w", err)
	}
	defer unlock()
	return do()
}

// withdraw removes all requests for a plan, of every caller, approved ones too. A
// rejection stays until its caller was told.
func (s *Requests) withdraw(tool, app, digest string) {
	_ = s.locked(func() error { // best effort: every use of an approval looks for a no
		return s.removeUnrejected(planKey{tool, app, digest}, "")
	})
}

// removeUnrejected removes the requests for a plan that were not rejected, except
// one.
func (s *Requests) removeUnrejected(plan planKey, except string) error {
	all, err := s.list()
	for _, req := range all {
		if req.Ticket == except || !req.isFor(plan) {
			continue
		}
		if answer, ok := s.answer(req.Ticket); !ok || answer.Approved {
			s.remove(req.Ticket)
		}
	}
	return err
}

// lastRejection returns the last no in the folder to a plan, no matter who asked.
func (s *Requests) lastRejection(r Request) (last Denial, ok bool) {
	all, err := s.sweep()
	if err != nil {
		return Denial{}, false
	}
	for _, req := range all {
		answer, answered := s.answer(req.Ticket)
		if !req.isFor(r.planKey()) || !answered || answer.Approved || ok && !answer.At.After(last.At) {
			continue
		}
		last, ok = req.denial(answer), true
		last.At = answer.At
	}
	return last, ok
}

// denial returns the no that an answer to the request is.
func (r ApprovalRequest) denial(answer ApprovalAnswer) Denial {
	return Denial{Tool: r.Tool, App: r.App, Digest: r.Digest, Caller: r.Caller, Reason: answer.Reason}
}

// Load reads a request by its ticket. If it is missing or has expired, the error
// wraps [fs.ErrNotExist].
func (s *Requests) Load(ticket string) (ApprovalRequest, error) {
	if !ticketPattern.MatchString(ticket) {
		return ApprovalRequest{}, fmt.Errorf("approval request %q: %w", ticket, fs.ErrNotExist)
	}
	var req ApprovalRequest
	if err := s.read(ticket+".json", &req); err != nil {
		return ApprovalRequest{}, err
	}
	if req.Ticket != ticket || !req.Expires.After(s.now()) {
		return ApprovalRequest{}, fmt.Errorf("approval request %s: %w", ticket, fs.ErrNotExist)
	}
	return req, nil
}

// ListWaiting returns the requests that nobody has answered yet, oldest first.
func (s *Requests) ListWaiting() ([]ApprovalRequest, error) {
	all, err := s.list()
	return slices.DeleteFunc(all, func(r ApprovalRequest) bool {
		_, answered := s.answer(r.Ticket)
		return answered
	}), err
}

// ErrRejected means that a person said no to the plan of a request.
var ErrRejected = errors.New("the plan was rejected")

// Answer writes a person's answer beside the request. A no is final, and removes
// the other requests for the same plan; a yes after it is [ErrRejected].
func (s *Requests) Answer(ticket string, answer ApprovalAnswer) error {
	return s.locked(func() error {
		req, err := s.Load(ticket)
		if err != nil {
			return err
		}
		if answer.Approved {
			rejection, found := s.lastRejection(Request{Tool: req.Tool, App: req.App, Digest: req.Digest})
			if found && !req.Created.After(rejection.At) {
				return ErrRejected
			}
			return s.write(ticket+".answer.json", answer)
		}
		if err := s.write(ticket+".answer.json", answer); err != nil {
			return err
		}
		return s.removeUnrejected(planKey{req.Tool, req.App, req.Digest}, ticket)
	})
}

// answer reads the answer to a request, if there is one.
func (s *Requests) answer(ticket string) (ApprovalAnswer, bool) {
	var a ApprovalAnswer
	return a, s.read(ticket+".answer.json", &a) == nil
}

// list returns the requests that can still be approved or used, oldest first.
func (s *Requests) list() ([]ApprovalRequest, error) {
	all, err := s.sweep()
	return slices.DeleteFunc(all, func(r ApprovalRequest) bool { return !s.isLive(r) }), err
}

func (s *Requests) isLive(r ApprovalRequest) bool { return r.Expires.After(s.now()) }

// sweep removes expired and malformed requests, and returns the others, oldest
// first. A rejected request stays for as long as the no counts, even if it has
// expired. A file that cannot be read now is left alone.
func (s *Requests) sweep() ([]ApprovalRequest, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("approval requests: %w", err)
	}
	var all []ApprovalRequest
	for _, e := range entries {
		ticket, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || !ticketPattern.MatchString(ticket) {
			continue
		}
		var req ApprovalRequest
		err := s.read(e.Name(), &req)
		switch {
		case err == nil && req.Ticket == ticket && (s.isLive(req) || s.hasLiveRejection(ticket)):
			all = append(all, req)
		case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, errMalformed):
			s.remove(ticket)
		}
	}
	slices.SortFunc(all, func(a, b ApprovalRequest) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Ticket, b.Ticket))
	})
	return all, nil
}

// hasLiveRejection reports whether a request was rejected and the no still counts:
// an older approval of the same plan could still be used.
func (s *Requests) hasLiveRejection(ticket string) bool {
	answer, ok := s.answer(ticket)
	return ok && !answer.Approved && s.now().Before(answer.At.Add(DenialLife))
}

// remove removes a request and its answer.
func (s *Requests) remove(ticket string) {
	// Best effort: a file that stays expires, and its nonce is used.
	_ = os.Remove(filepath.Join(s.dir, ticket+".json"))
	_ = os.Remove(filepath.Join(s.dir, ticket+".answer.json"))
}

func (s *Requests) write(name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if len(data) > readableSize {
		data, err = json.Marshal(v)
	}
	if err != nil {
		return fmt.Errorf("approval request: %w", err)
	}
	if len(data) >= maxRequestSize { // a terminal could not read it
		return fmt.Errorf("approval request: %d bytes, more than %d", len(data), maxRequestSize-1)
	}
	tmp, err := os.CreateTemp(s.dir, temporaryFile+"*") // mode 0600
	if err != nil {
		return fmt.Errorf("approval request: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(data, '\n'))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("approval request: %w", err)
	}
	if err := os.Rename(tmp.Name(), filepath.Join(s.dir, name)); err != nil {
		return fmt.Errorf("approval request: %w", err)
	}
	return nil
}

func (s *Requests) read(name string, v any) error {
	return readSmall(filepath.Join(s.dir, name), v)
}

func readSmall(path string, v any) error {
	name := filepath.Base(path)
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("approval request: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxRequestSize {
		return fmt.Errorf("approval request %s: %w: not a small regular file", name, errMalformed)
	}
	data, err := disk.Read(path, maxRequestSize)
	if err != nil {
		return fmt.Errorf("approval request: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("approval request %s: %w: %w", name, errMalformed, err)
	}
	return nil
}

// errMalformed means that a file can never be a request or an answer.
var errMalformed = errors.New("malformed")
