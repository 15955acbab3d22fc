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

// ApprovalRequest is a plan that waits for a person in a terminal, as a
// readable file in the state folder. Plan is the plan's own JSON: the terminal
// shows it and computes the digest from what it shows. Nothing in the file is
// trusted by the server when an answer comes back.
type ApprovalRequest struct {
	Ticket       string          `json:"ticket"`
	Installation string          `json:"installation"`
	Tool         string          `json:"tool"`
	App          string          `json:"app"`
	Caller       string          `json:"caller"`
	Call         string          `json:"call,omitempty"` // see Request.Call
	Asker        string          `json:"asker"`          // the caller's name, for the person
	From         string          `json:"from"`           // which server, for the person
	Nonce        string          `json:"nonce"`
	Digest       string          `json:"digest"`
	Created      time.Time       `json:"created"`
	Expires      time.Time       `json:"expires"`
	Facts        []factSum       `json:"facts,omitempty"`
	Plan         json.RawMessage `json:"plan"`
}

// Statement is what a signature of this request covers, with the digest that
// the signer computed.
func (r ApprovalRequest) Statement(digest string) Statement {
	return Statement{Installation: r.Installation, Digest: digest, Tool: r.Tool, App: r.App, Caller: r.Caller, Nonce: r.Nonce, Expires: r.Expires}
}

// ErrExpired means that a request is too old to be answered.
var ErrExpired = errors.New("the request has expired")

// Check refuses a request that cannot be answered, or that no server can have
// left: one that expired ([ErrExpired]), one that ends later than requests live,
// one whose ticket or nonce is malformed.
func (r ApprovalRequest) Check(now time.Time) error {
	nonce, err := hex.DecodeString(r.Nonce)
	switch {
	case !ticketPattern.MatchString(r.Ticket) || err != nil || len(nonce) != nonceLen:
		return errors.New("not an approval request: its ticket or its nonce is malformed")
	case !r.Expires.After(now):
		return ErrExpired
	case r.Expires.After(now.Add(requestLife + clockSkew)):
		return fmt.Errorf("not an approval request: it would last longer than %s", requestLife)
	}
	return nil
}

// ReadRequest reads a request from a file, as it was copied from the folder of
// a server elsewhere. It is not checked yet: see [ApprovalRequest.Check].
func ReadRequest(path string) (ApprovalRequest, error) {
	var req ApprovalRequest
	return req, readSmall(path, &req)
}

// ApprovalAnswer is what the terminal leaves beside a request.
type ApprovalAnswer struct {
	Approved bool      `json:"approved"`
	Reason   string    `json:"reason,omitempty"` // of a rejection; text from outside
	Code     string    `json:"code,omitempty"`   // of an approval: [Signature.Code]
	At       time.Time `json:"at"`
}

// Requests is the folder of approval requests: created with mode 0700, capped
// in number and age.
type Requests struct {
	dir string
	now func() time.Time
}

const (
	maxRequests    = 200
	maxRequestSize = 8 << 20 // a plan for a thousand Machines, and some more
	// readableSize is up to where a request is written for a person to read.
	readableSize = 64 << 10
	// requestLife is how long a terminal approval counts. The digest is checked
	// again anyway when it is used.
	requestLife = 4 * time.Hour
	// clockSkew is how far the clocks of server and terminal may be apart.
	clockSkew = 10 * time.Minute
)

// NewRequests uses (and makes) the folder.
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
			return nil, fmt.Errorf("approval requests: %s can be read by others: %w", dir, err)
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

// ParseTicket brings what a person typed into a ticket's form: any case, with
// or without the dash, O for 0 and I or L for 1.
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

// errFull means that every place in the folder is taken by a person's answer that
// still counts: those are never pushed out.
var errFull = fmt.Errorf("%d approvals and rejections wait for their calls to be repeated, and no more can be asked for until one of them is", maxRequests)

// put stores a request for the plan, or finds the one that the same caller
// already has for the same digest.
func (s *Requests) put(r Request, installation string) (req ApprovalRequest, err error) {
	err = s.locked(func() error {
		all, err := s.sweep()
		if err != nil {
			return err
		}
		for _, have := range all {
			if s.isLive(have) && have.Installation == installation && have.Caller == r.Caller && have.Tool == r.Tool && have.App == r.App && have.Digest == r.Digest {
				req = have
				return nil
			}
		}
		if err := s.makeRoom(all); err != nil {
			return err
		}
		now := s.now()
		req = ApprovalRequest{
			Ticket: newTicket(), Installation: installation, Tool: r.Tool, App: r.App, Caller: r.Caller, Call: r.Call, Asker: r.Asker, From: r.From,
			Nonce: newNonce(), Digest: r.Digest, Created: now, Expires: now.Add(requestLife).Truncate(time.Second),
			Facts: sumFacts(r.Facts), Plan: r.Plan,
		}
		return s.write(req.Ticket+".json", req)
	})
	return req, err
}

// makeRoom pushes out the oldest requests that nobody has answered.
func (s *Requests) makeRoom(all []ApprovalRequest) error {
	over := len(all) - maxRequests + 1
	for _, req := range all {
		if over <= 0 {
			return nil
		}
		if _, answered := s.answer(req.Ticket); answered {
			continue
		}
		s.remove(req.Ticket)
		over--
	}
	if over > 0 {
		return errFull
	}
	return nil
}

// locked runs do under the folder's lock, which all processes share.
func (s *Requests) locked(do func() error) error {
	unlock, err := disk.Lock(filepath.Clean(s.dir) + ".lock")
	if err != nil {
		return fmt.Errorf("approval requests: %w", err)
	}
	defer unlock()
	return do()
}

// withdraw removes what waits for the plan, or was approved and not used, of
// every caller. A rejection stays until its caller has heard of it.
func (s *Requests) withdraw(tool, app, digest string) {
	_ = s.locked(func() error { // best effort: every use of an approval looks for a no
		all, err := s.list()
		for _, req := range all {
			if req.Tool == tool && req.App == app && req.Digest == digest {
				if answer, ok := s.answer(req.Ticket); !ok || answer.Approved {
					s.remove(req.Ticket)
				}
			}
		}
		return err
	})
}

// rejected is the last no in the folder to a plan, no matter who asked for it.
func (s *Requests) lastRejection(r Request) (no Denial, ok bool) {
	all, err := s.sweep()
	if err != nil {
		return Denial{}, false
	}
	for _, req := range all {
		if req.Tool != r.Tool || req.App != r.App || req.Digest != r.Digest {
			continue
		}
		if answer, answered := s.answer(req.Ticket); answered && !answer.Approved && (!ok || answer.At.After(no.At)) {
			no, ok = Denial{Tool: req.Tool, App: req.App, Digest: req.Digest, Caller: req.Caller, Reason: answer.Reason, At: answer.At}, true
		}
	}
	return no, ok
}

// Load reads a request by its ticket. A missing or expired one is [fs.ErrNotExist].
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

// Waiting gives the requests that nobody has answered yet, oldest first.
func (s *Requests) Waiting() ([]ApprovalRequest, error) {
	all, err := s.list()
	return slices.DeleteFunc(all, func(r ApprovalRequest) bool {
		_, answered := s.answer(r.Ticket)
		return answered
	}), err
}

// ErrRejected means that a person has said no to the plan of a request.
var ErrRejected = errors.New("the plan was rejected")

// Answer leaves a person's answer beside the request. A no is final, and takes
// the other requests for the same plan along; after it a yes is [ErrRejected].
func (s *Requests) Answer(ticket string, answer ApprovalAnswer) error {
	return s.locked(func() error {
		req, err := s.Load(ticket)
		if err != nil {
			return err
		}
		if answer.Approved {
			no, said := s.lastRejection(Request{Tool: req.Tool, App: req.App, Digest: req.Digest})
			if said && !req.Created.After(no.At) {
				return ErrRejected
			}
			return s.write(ticket+".answer.json", answer)
		}
		if err := s.write(ticket+".answer.json", answer); err != nil {
			return err
		}
		all, err := s.list()
		for _, other := range all {
			if other.Ticket != ticket && other.Tool == req.Tool && other.App == req.App && other.Digest == req.Digest {
				if have, ok := s.answer(other.Ticket); !ok || have.Approved {
					s.remove(other.Ticket)
				}
			}
		}
		return err
	})
}

// answer reads the answer to a request, if there is one.
func (s *Requests) answer(ticket string) (ApprovalAnswer, bool) {
	var a ApprovalAnswer
	return a, s.read(ticket+".answer.json", &a) == nil
}

// list gives the requests that can still be approved or used, oldest first.
func (s *Requests) list() ([]ApprovalRequest, error) {
	all, err := s.sweep()
	return slices.DeleteFunc(all, func(r ApprovalRequest) bool { return !s.isLive(r) }), err
}

func (s *Requests) isLive(r ApprovalRequest) bool { return r.Expires.After(s.now()) }

// sweep removes requests that have expired or are none, and gives the others,
// oldest first. A request with a no stays for as long as the no counts, also
// beyond its own end. What cannot be read just now is left alone.
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

// hasNo reports whether a request was rejected, and the no still counts: an
// approval of the same plan that is older could be used until then.
func (s *Requests) hasLiveRejection(ticket string) bool {
	answer, ok := s.answer(ticket)
	return ok && !answer.Approved && s.now().Before(answer.At.Add(DenialLife))
}

// remove forgets a request and its answer.
func (s *Requests) remove(ticket string) {
	// Best effort: what is left behind expires, and its nonce is burnt.
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
	if len(data) >= maxRequestSize { // no terminal could read it back
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
