package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

func newStore(t *testing.T) (*Requests, *flytest.Clock) {
	t.Helper()
	c := newClock()
	s, err := NewRequests(filepath.Join(t.TempDir(), "state", "requests"), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func put(t *testing.T, s *Requests, r Request) ApprovalRequest {
	t.Helper()
	req, err := s.put(r, "here")
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestPut(t *testing.T) {
	s, c := newStore(t)
	req := put(t, s, release())
	got, err := s.Load(req.Ticket)
	if err != nil {
		t.Fatal(err)
	}
	r := release()
	if got.Tool != r.Tool || got.App != r.App || got.Caller != r.Caller || got.Asker != r.Asker ||
		got.From != r.From || got.Digest != r.Digest {
		t.Errorf("got %+v", got)
	}
	if want := c.Now().Add(RequestLife).Truncate(time.Second); !got.Expires.Equal(want) || !got.Created.Equal(c.Now()) {
		t.Errorf("from %v to %v, want to %v", got.Created, got.Expires, want)
	}
	if err := got.Check(c.Now()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if marshal(t, got.Plan) != string(r.Plan) {
		t.Errorf("plan %s, want %s", got.Plan, r.Plan)
	}

	for name, change := range map[string]func(*Request){
		"caller": func(r *Request) { r.Caller = "other" },
		"digest": func(r *Request) { r.Digest = "other" },
		"tool":   func(r *Request) { r.Tool = "deploy" },
		"app":    func(r *Request) { r.App = "shop2" },
	} {
		other := release()
		change(&other)
		if have := put(t, s, other); have.Ticket == req.Ticket || have.Nonce == req.Nonce {
			t.Errorf("another %s got the same ticket or nonce", name)
		}
	}
	c.Advance(time.Hour)
	if again := put(t, s, release()); again.Ticket != req.Ticket || again.Nonce != req.Nonce ||
		!again.Expires.Equal(req.Expires) {
		t.Errorf("the same plan of the same caller got %+v, want %+v", again, req)
	}
	c.Advance(3 * time.Hour) // the old one is over
	if again := put(t, s, release()); again.Ticket == req.Ticket || again.Nonce == req.Nonce {
		t.Error("an expired ticket was given out again")
	}
}

func TestRequestsAreCapped(t *testing.T) {
	s, c := newStore(t)
	first := put(t, s, release())
	var second ApprovalRequest
	for i := range maxRequests - 1 {
		req := first
		req.Ticket, req.Digest, req.Created = newTicket(), fmt.Sprint(i), first.Created.Add(time.Duration(i+1)*time.Second)
		if i == 0 {
			second = req
		}
		writeFile(t, filepath.Join(s.dir, req.Ticket+".json"), []byte(marshal(t, req)), 0o600)
	}
	c.Advance(time.Hour)
	put(t, s, deploy())
	all, err := s.list()
	if err != nil || len(all) != maxRequests {
		t.Fatalf("%d requests, %v, want %d", len(all), err, maxRequests)
	}
	if all[0].Ticket != second.Ticket {
		t.Errorf("the oldest left is %s, want %s", all[0].Ticket, second.Ticket)
	}
	if names := files(t, s.dir); len(names) != maxRequests {
		t.Errorf("%d files, want %d", len(names), maxRequests)
	}
}

// TestNoIsNotPushedOut: an agent cannot make the folder forget a no that it has
// not heard yet by asking for other plans, nor by waiting until the request ends.
func TestNoIsNotPushedOut(t *testing.T) {
	for name, forget := range map[string]func(f *testGate, req ApprovalRequest){
		"other requests": func(f *testGate, req ApprovalRequest) {
			for i := range maxRequests {
				req.Ticket, req.Digest, req.Call = newTicket(), fmt.Sprint(i), fmt.Sprint(i)
				req.Created, req.Expires = f.clock.Now(), f.clock.Now().Add(RequestLife)
				writeFile(f.t, filepath.Join(f.Requests.dir, req.Ticket+".json"), []byte(marshal(f.t, req)), 0o600)
			}
			wants(f.t, f.decide(deploy(), nil), NeedsTerminal, "")
		},
		"its end": func(f *testGate, req ApprovalRequest) { f.clock.Advance(req.Expires.Sub(f.clock.Now())) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newTerminal(t)
			req, err := f.Requests.Load(f.atTerminal(release()))
			if err != nil {
				t.Fatal(err)
			}
			f.clock.Advance(req.Expires.Sub(f.clock.Now()) - 5*time.Minute)
			if err := f.Requests.Answer(req.Ticket, ApprovalAnswer{Reason: "not today", At: f.clock.Now()}); err != nil {
				t.Fatal(err)
			}
			forget(f, req)
			other := release()
			other.Caller = "somebody else"
			wants(t, f.decide(other, nil), Refuse, Declined)
			out := f.decide(release(), nil)
			wants(t, out, Refuse, Declined)
			if out.Reason != "not today" {
				t.Errorf("reason %q", out.Reason)
			}
			if _, answered := f.Requests.answer(req.Ticket); answered {
				t.Error("the no is still in the folder after it was told")
			}
			f.clock.Advance(declineLife)
			wants(t, f.decide(release(), nil), NeedsTerminal, "")
		})
	}
}

// What a person signed is never pushed out: not by any number of other plans.
func TestFullStoreKeepsWhatIsSigned(t *testing.T) {
	f := newTerminal(t)
	plan := func(n int) Request {
		r := deploy()
		r.Digest, r.Call = fmt.Sprint(n), fmt.Sprint(n)
		return r
	}
	first := put(t, f.Requests, plan(0))
	for n := 1; n < maxRequests; n++ { // as they are left by other processes
		req := first
		req.Ticket, req.Nonce, req.Digest, req.Call, req.Created = newTicket(), newNonce(), fmt.Sprint(n),
			fmt.Sprint(n), first.Created.Add(time.Duration(n)*time.Second)
		writeFile(t, filepath.Join(f.Requests.dir, req.Ticket+".json"), []byte(marshal(t, req)), 0o600)
	}
	signed, err := f.Requests.list()
	if err != nil || len(signed) != maxRequests {
		t.Fatalf("%d requests, %v", len(signed), err)
	}
	signed = signed[:5]
	for _, req := range signed {
		f.sign(req.Ticket, req.Digest)
	}
	for n := range 5 {
		f.atTerminal(plan(1000 + n))
	}
	for _, req := range signed {
		if _, err := f.Requests.Load(req.Ticket); err != nil {
			t.Fatalf("a signed request was pushed out: %v", err)
		}
	}
	all, err := f.Requests.list()
	if err != nil || len(all) != maxRequests {
		t.Fatalf("%d requests, %v", len(all), err)
	}
	for _, req := range all { // and now every one
		answer := ApprovalAnswer{Approved: true, Code: f.code(req.Ticket, req.Digest), At: f.clock.Now()}
		writeFile(t, filepath.Join(f.Requests.dir, req.Ticket+".answer.json"), []byte(marshal(t, answer)), 0o600)
	}
	r := plan(2000)
	out := f.decide(r, nil)
	wants(t, out, Refuse, Unavailable)
	if !strings.Contains(out.Reason, "200 approvals and rejections wait") {
		t.Errorf("reason %q", out.Reason)
	}
	f.commit(f.decide(plan(0), nil))
	wants(t, f.decide(r, nil), NeedsTerminal, "") // there is room again
}

// The same plan of the same caller has one ticket, however many ask at once from
// however many processes.
func TestOneTicketAtOnce(t *testing.T) {
	s, c := newStore(t)
	other, err := NewRequests(s.dir, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	tickets := make(chan string, 32)
	var all sync.WaitGroup
	for i := range cap(tickets) {
		all.Go(func() {
			req, err := []*Requests{s, other}[i%2].put(release(), "here")
			if err != nil {
				t.Error(err)
			}
			tickets <- req.Ticket
		})
	}
	all.Wait()
	first := <-tickets
	for len(tickets) > 0 {
		if ticket := <-tickets; ticket != first {
			t.Fatalf("tickets %s and %s for one plan", first, ticket)
		}
	}
}

// A request that cannot be read just now is left where it is.
func TestListLeavesWhatItCannotRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	s, _ := newStore(t)
	req := put(t, s, release())
	file := filepath.Join(s.dir, req.Ticket+".json")
	if err := os.Chmod(file, 0); err != nil {
		t.Fatal(err)
	}
	if all, err := s.list(); err != nil || len(all) != 0 {
		t.Errorf("got %d, %v", len(all), err)
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := s.list(); err != nil || len(all) != 1 {
		t.Errorf("got %d, %v, want the request", len(all), err)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestRequestsExpire(t *testing.T) {
	s, c := newStore(t)
	req := put(t, s, release())
	if err := s.Answer(req.Ticket, ApprovalAnswer{Approved: true}); err != nil {
		t.Fatal(err)
	}
	c.Advance(req.Expires.Sub(c.Now()) - 1)
	if _, err := s.Load(req.Ticket); err != nil {
		t.Errorf("a moment before: %v", err)
	}
	c.Advance(1)
	if _, err := s.Load(req.Ticket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("at its end: got %v, want ErrNotExist", err)
	}
	if err := s.Answer(req.Ticket, ApprovalAnswer{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("answering: got %v, want ErrNotExist", err)
	}
	if err := req.Check(c.Now()); !errors.Is(err, ErrExpired) {
		t.Errorf("Check: got %v, want ErrExpired", err)
	}
	if all, err := s.list(); err != nil || len(all) != 0 {
		t.Errorf("got %d requests, %v", len(all), err)
	}
	if left := files(t, s.dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestRequestCheck(t *testing.T) {
	s, c := newStore(t)
	for name, change := range map[string]func(*ApprovalRequest){
		"ticket":    func(r *ApprovalRequest) { r.Ticket = "../../etc" },
		"no ticket": func(r *ApprovalRequest) { r.Ticket = "" },
		"nonce":     func(r *ApprovalRequest) { r.Nonce = "ab" },
		"no nonce":  func(r *ApprovalRequest) { r.Nonce = "" },
		"no hex":    func(r *ApprovalRequest) { r.Nonce = strings.Repeat("zz", nonceLen) },
		"no expiry": func(r *ApprovalRequest) { r.Expires = time.Time{} },
		"for years": func(r *ApprovalRequest) { r.Expires = r.Expires.AddDate(10, 0, 0) },
	} {
		req := put(t, s, release())
		change(&req)
		if err := req.Check(c.Now()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRequestsFolder(t *testing.T) {
	s, _ := newStore(t)
	req := put(t, s, release())
	if err := s.Answer(req.Ticket, ApprovalAnswer{}); err != nil {
		t.Fatal(err)
	}
	permissions(t, s.dir, 0o700)
	for _, name := range files(t, s.dir) {
		permissions(t, filepath.Join(s.dir, name), 0o600)
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := NewRequests(s.dir, s.now); err != nil {
		t.Fatal(err)
	}
	permissions(t, s.dir, 0o700)

	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, nil, 0o600)
	if _, err := NewRequests(file, s.now); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func permissions(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s: mode %v, want %v", filepath.Base(path), got, want)
	}
}

// What somebody else left in the folder is passed over, and swept where it
// takes a ticket's name.
func TestForeignFiles(t *testing.T) {
	s, _ := newStore(t)
	good := put(t, s, release())
	elsewhere := filepath.Join(t.TempDir(), "AAAA-AAA1.json")
	copied := good
	copied.Ticket = "AAAA-AAA1"
	writeFile(t, elsewhere, []byte(marshal(t, copied)), 0o600)

	at := func(name string) string { return filepath.Join(s.dir, name) }
	if err := os.Symlink(elsewhere, at("AAAA-AAA1.json")); err != nil {
		t.Fatal(err)
	}
	huge := copied
	huge.Ticket, huge.From = "AAAA-AAA2", strings.Repeat("x", maxRequestSize)
	writeFile(t, at("AAAA-AAA2.json"), []byte(marshal(t, huge)), 0o600)
	writeFile(t, at("AAAA-AAA3.json"), []byte("not JSON"), 0o600)
	writeFile(t, at("AAAA-AAA4.json"), []byte(marshal(t, good)), 0o600) // another's ticket inside
	writeFile(t, at("AAAA-AAA5.json"), []byte("null"), 0o600)
	writeFile(t, at("AAAA-AAAU.json"), []byte(marshal(t, good)), 0o600) // no ticket at all
	writeFile(t, at("README.json"), []byte(marshal(t, good)), 0o600)
	if err := os.Mkdir(at("AAAA-AAA6.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 6; i++ {
		if req, err := s.Load(fmt.Sprintf("AAAA-AAA%d", i)); err == nil {
			t.Errorf("%d was loaded: %+v", i, req)
		}
	}
	for _, ticket := range []string{"", "..", "../requests/" + good.Ticket, "README", "AAAA-AAAU",
		good.Ticket + ".json", strings.ToLower(good.Ticket)} {
		if _, err := s.Load(ticket); !errors.Is(err, fs.ErrNotExist) && ticket != good.Ticket {
			t.Errorf("%q: got %v, want ErrNotExist", ticket, err)
		}
	}
	all, err := s.list()
	if err != nil || len(all) != 1 || all[0].Ticket != good.Ticket {
		t.Errorf("got %d requests, %v, want the good one", len(all), err)
	}
	if _, err := os.Stat(elsewhere); err != nil {
		t.Errorf("what a symbolic link pointed to is gone: %v", err)
	}
	if left := strings.Join(files(t, s.dir), " "); strings.Contains(left, "AAA3") ||
		!strings.Contains(left, "README.json") {
		t.Errorf("left: %s", left)
	}
}

// A request that no terminal could read is not given out.
func TestRequestTooLarge(t *testing.T) {
	s, _ := newStore(t)
	r := release()
	r.Plan = json.RawMessage(`"` + strings.Repeat("x", maxRequestSize) + `"`)
	if req, err := s.put(r, "here"); err == nil {
		t.Errorf("got ticket %s", req.Ticket)
	}
	if left := files(t, s.dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	f := newTestGate(t, withMode(ModeTerminal))
	wants(t, f.decide(r, nil), Refuse, Internal)
}

// A copied request reads as it was left, and from a small regular file only.
func TestReadRequest(t *testing.T) {
	s, c := newStore(t)
	want := put(t, s, release())
	file := filepath.Join(s.dir, want.Ticket+".json")
	got, err := ReadRequest(file)
	if err != nil || got.Check(c.Now()) != nil || marshal(t, got.Statement("d")) != marshal(t, want.Statement("d")) {
		t.Errorf("got %+v, %v", got, err)
	}
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{link, s.dir, filepath.Join(s.dir, "none.json")} {
		if _, err := ReadRequest(bad); err == nil {
			t.Errorf("%s was read", filepath.Base(bad))
		}
	}
}

func TestWaiting(t *testing.T) {
	s, c := newStore(t)
	one := put(t, s, release())
	c.Advance(time.Second)
	two := put(t, s, deploy())
	if all, err := s.ListWaiting(); err != nil || len(all) != 2 || all[0].Ticket != one.Ticket {
		t.Fatalf("got %d, %v, want both, oldest first", len(all), err)
	}
	if err := s.Answer(one.Ticket, ApprovalAnswer{}); err != nil {
		t.Fatal(err)
	}
	if all, err := s.ListWaiting(); err != nil || len(all) != 1 || all[0].Ticket != two.Ticket {
		t.Errorf("got %d, %v, want the one without an answer", len(all), err)
	}
}

func TestParseTicket(t *testing.T) {
	for typed, want := range map[string]string{
		"RK4M-7Q2P": "RK4M-7Q2P", " rk4m7q2p\n": "RK4M-7Q2P", "rk4m 7q2p": "RK4M-7Q2P", "OIL0-oil1": "0110-0111",
		"": "", "RK4M-7Q2": "", "RK4M-7Q2PX": "", "RK4M-7Q2U": "", "../etc/pa": "", "RK4M/7Q2P": "", "ſk4m-7q2pk": "",
	} {
		got, err := ParseTicket(typed)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", typed, got, err, want)
		}
	}
	for range 100 {
		ticket := newTicket()
		if got, err := ParseTicket(ticket); err != nil || got != ticket {
			t.Fatalf("%s: got %q, %v", ticket, got, err)
		}
	}
}

func FuzzTicket(f *testing.F) {
	for _, s := range []string{"RK4M-7Q2P", "rk4m7q2p", "oil-", "", "----", "ı1234567", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		ticket, err := ParseTicket(typed)
		if err != nil {
			if ticket != "" {
				t.Fatalf("got %q with an error", ticket)
			}
			return
		}
		if !ticketPattern.MatchString(ticket) || filepath.Base(ticket) != ticket {
			t.Fatalf("%q gave %q", typed, ticket)
		}
		if again, err := ParseTicket(ticket); err != nil || again != ticket {
			t.Fatalf("%q gave %q, %v", ticket, again, err)
		}
	})
}

func FuzzRequestFile(f *testing.F) {
	c := newClock()
	s, err := NewRequests(f.TempDir(), c.Now)
	if err != nil {
		f.Fatal(err)
	}
	const ticket = "RK4M-7Q2P"
	f.Add([]byte(
		`{"ticket":"RK4M-7Q2P","tool":"deploy","nonce":"abababababababababababababababab",` +
			`"expires":"2026-08-03T12:00:00Z","facts":[{"k":"a","s":"b"}],"plan":{"tool":1}}`))
	f.Add([]byte(`{"ticket":"RK4M-7Q2P","expires":"9999-12-31T23:59:59.999999999+23:59"}`))
	f.Add([]byte(`[]`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(s.dir, ticket+".json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		req, err := s.Load(ticket)
		if err != nil {
			return
		}
		if req.Ticket != ticket || !req.Expires.After(c.Now()) {
			t.Fatalf("loaded %+v", req)
		}
		if req.Check(c.Now()) == nil && req.Expires.After(c.Now().Add(RequestLife+clockSkew)) {
			t.Fatalf("%v was found right", req.Expires)
		}
		_ = req.Statement("digest").bytes()
		if _, err := json.Marshal(req); err != nil {
			return // a time zone of 24 hours is read by encoding/json, and not written
		}
		if err := s.write(ticket+".json", req); err != nil {
			if len(data) < maxRequestSize/16 { // indentation and escapes make it longer
				t.Fatal(err)
			}
			return
		}
		again, err := s.Load(ticket)
		if err != nil || marshal(t, again) != marshal(t, req) {
			t.Fatalf("got %+v, %v\nwant %+v", again, err, req)
		}
	})
}
