package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

const (
	answerWithin = 5 * time.Minute // of a form
	ticketLife   = 4 * time.Hour   // of an approval in a terminal
	tooFast      = 2 * time.Second // a quicker answer came from a program
	maxPublic    = 4               // public addresses of an app: as many as a question shows by value
)

// approval is something that a person approved and that was not used yet.
type approval struct {
	in     *installation
	caller string
	tool   string
	app    string
	covers []string // effects
	until  time.Time
	way    string // form or terminal, for the counts
	nonce  string // of the request that a terminal answered
	plan   string // what [driver.plan] was; empty if that is not known
}

// made is a call that was made.
type madeCall struct {
	client *client
	tool   string
	app    string
	args   arguments
	ticket string // what it was told
	plan   string // what [driver.plan] was then
}

// code is what a person gave out in a terminal, used or not.
type approvalCode struct {
	code string
	made madeCall // the call that it is for
}

// driver makes random moves and compares what the platform did with what a
// person approved.
type driver struct {
	*twoServers
	t   *testing.T
	rng *rand.Rand
	key gate.SigningKey

	open      []*openQuestion // put to a client and not answered
	past      []*openQuestion // answered, or too old: what replays are made of
	approvals []approval
	ticketed  []madeCall // calls that were told a ticket
	codes     []approvalCode
	byPolicy  map[*installation][]time.Time
	public    map[string]map[string]bool // public addresses that an app has or had: one that was released can come back

	log    []string // the latest moves, for a failure
	counts map[string]int
}

// run makes the moves. It stops at the first write that nobody approved.
func run(ctx context.Context, t *testing.T, seed uint64, steps int) map[string]int {
	t.Helper()
	key, err := gate.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{
		twoServers: newTwoServers(ctx, t, key.Public()), t: t, rng: rand.New(rand.NewPCG(seed, 0)), key: key,
		byPolicy: make(map[*installation][]time.Time), public: make(map[string]map[string]bool), counts: make(map[string]int),
	}
	defer d.close()
	moves := d.moves()
	for step := range steps {
		if d.t.Failed() {
			t.Fatalf("seed %d, step %d; the latest moves:\n%s", seed, step, strings.Join(d.log, "\n"))
		}
		d.tend()
		name := d.draw(moves)
		d.counts["move "+name]++
		moves[name].make()
	}
	return d.counts
}

// move is something that the model, a client, a person or somebody else does.
type move struct {
	weight int
	make   func()
}

func (d *driver) moves() map[string]move {
	return map[string]move{
		"call":           {30, d.callRandom},
		"call again":     {14, d.callAgain},
		"call with code": {10, d.callWithCode},
		"approve":        {14, d.approveForm},
		"answer wrong":   {3, func() { d.answerOpen("accept", false, d.readingTime()) }},
		"decline":        {3, func() { d.answerOpen("decline", false, d.readingTime()) }},
		"cancel":         {3, func() { d.answerOpen("cancel", false, d.readingTime()) }},
		"answer at once": {5, d.answerAtOnce},
		"answer late":    {2, func() { d.answerOpen("accept", true, answerWithin+time.Second) }},
		"replay":         {12, d.replay},
		"misdirect":      {6, d.misdirect},
		"use twice":      {4, d.useTwice},
		"change of mind": {4, d.changeOfMind},
		"past the cap":   {2, d.pastTheCap},
		"sign":           {8, d.sign},
		"reject":         {2, d.reject},
		"platform":       {14, d.changePlatform},
		"wait":           {6, d.wait},
	}
}

func (d *driver) draw(moves map[string]move) string {
	names := slices.Sorted(maps.Keys(moves))
	total := 0
	for _, name := range names {
		total += moves[name].weight
	}
	n := d.rng.IntN(total)
	for _, name := range names {
		if n -= moves[name].weight; n < 0 {
			return name
		}
	}
	return names[0]
}

func (d *driver) say(format string, args ...any) {
	d.log = append(d.log, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	if len(d.log) > 100 {
		d.log = d.log[1:]
	}
}

// pick returns one of a list; ok is false if it is empty.
func pick[T any](rng *rand.Rand, list []T) (one T, ok bool) {
	if len(list) == 0 {
		return one, false
	}
	return list[rng.IntN(len(list))], true
}

func (d *driver) client() *client {
	in, _ := pick(d.rng, d.installations)
	c, _ := pick(d.rng, in.clients)
	return c
}

// tend forgets what has become too old.
func (d *driver) tend() {
	now := time.Now()
	d.approvals = slices.DeleteFunc(d.approvals, func(a approval) bool { return !now.Before(a.until) })
	d.open = slices.DeleteFunc(d.open, func(q *openQuestion) bool {
		gone := q.over || now.Sub(q.at) > 2*answerWithin
		if gone {
			d.past = append(d.past, q)
		}
		return gone
	})
	const kept = 30
	if n := len(d.past) - kept; n > 0 {
		d.past = d.past[n:]
	}
	const recent = 12
	if n := len(d.ticketed) - recent; n > 0 {
		d.ticketed = d.ticketed[n:]
	}
	if n := len(d.codes) - kept; n > 0 {
		d.codes = d.codes[n:]
	}
}

// randomCall is one that a model could make.
func (d *driver) randomCall() (tool, app string, args arguments) {
	app, _ = pick(d.rng, appNames())
	args = arguments{"app": app}
	if d.rng.IntN(3) == 0 {
		args["network"], _ = pick(d.rng, foreignNetworks())
		return "allocate_flycast", app, args
	}
	if d.rng.IntN(3) == 0 {
		var ips []string
		for _, a := range d.Addresses(app) {
			if d.rng.IntN(2) == 0 {
				ips = append(ips, a.IP)
			}
		}
		if len(ips) > 0 {
			args["ips"] = ips
		}
	}
	if d.rng.IntN(4) == 0 {
		args["allow_unreachable"] = true
	}
	return "release_public_ips", app, args
}

func (d *driver) callRandom() {
	c := d.client()
	tool, app, args := d.randomCall()
	d.say("%s/%s/%d calls %s %s", c.in.name, c.caller, c.era, tool, args)
	d.observe(c, tool, app, func() {
		c.call(tool, args, nil)
		d.finish(c, tool, app, args)
	})
}

// callAgain repeats a call that was told a ticket: a person may have approved it
// meanwhile.
func (d *driver) callAgain() {
	m, ok := pick(d.rng, d.ticketed)
	if !ok {
		return
	}
	d.say("%s/%s/%d calls %s %s again", m.client.in.name, m.client.caller, m.client.era, m.tool, m.args)
	d.observe(m.client, m.tool, m.app, func() {
		m.client.call(m.tool, m.args, nil)
		d.finish(m.client, m.tool, m.app, m.args)
	})
}

// callWithCode sends a code that a person gave out: with the call that it is
// for, through another client, with another call, or with a character changed.
func (d *driver) callWithCode() {
	given, ok := pick(d.rng, d.codes)
	if !ok {
		return
	}
	if newest, ok := d.newestCode(); ok && d.rng.IntN(2) == 0 { // before the app has changed
		given = newest
	}
	m, code := given.made, given.code
	what, _ := pick(d.rng, []string{"call", "call", "client", "client", "other call", "code"})
	switch what {
	case "client":
		m.client = d.client()
	case "other call":
		m.tool, m.app, m.args = d.randomCall()
	case "code":
		code = d.turn(code)
	}
	m.args = maps.Clone(m.args)
	m.args["approval"] = code
	d.say("%s/%s/%d calls %s of %s with a code (%s)", m.client.in.name, m.client.caller, m.client.era, m.tool, m.app, what)
	d.observe(m.client, m.tool, m.app, func() {
		m.client.call(m.tool, m.args, nil)
		d.finish(m.client, m.tool, m.app, m.args)
	})
}

// newestCode is the last code that a person gave out; ok is false if there is
// none.
func (d *driver) newestCode() (newest approvalCode, ok bool) {
	if len(d.codes) == 0 {
		return approvalCode{}, false
	}
	return d.codes[len(d.codes)-1], true
}

// useCode makes the call that a code is for, with the code, and returns what the
// platform did.
func (d *driver) useCode(given approvalCode) []string {
	m := given.made
	m.args = maps.Clone(m.args)
	m.args["approval"] = given.code
	d.say("%s/%s/%d calls %s of %s with its code", m.client.in.name, m.client.caller, m.client.era, m.tool, m.app)
	return d.observe(m.client, m.tool, m.app, func() {
		m.client.call(m.tool, m.args, nil)
		d.finish(m.client, m.tool, m.app, m.args)
	})
}

// useTwice uses a code, has somebody undo on the platform what it did, so that
// the plan is the same again, and uses the code once more.
func (d *driver) useTwice() {
	given, ok := d.newestCode()
	if !ok {
		return
	}
	d.undo(given.made.app, d.useCode(given))
	d.useCode(given)
}

// undo has somebody remove the Flycast addresses that were allocated.
func (d *driver) undo(app string, did []string) {
	for _, a := range d.Addresses(app) {
		if a.Kind == "private_v6" && slices.Contains(did, "+"+app+"/"+a.Network) {
			d.RemoveAddress(app, a.IP)
			d.say("somebody removes the Flycast address of %s for %s", app, a.Network)
		}
	}
}

// pastTheCap makes one call more than the policy approves in an hour.
func (d *driver) pastTheCap() {
	c, args := d.client(), arguments{"app": policyApp, "network": foreignNetworks()[0]}
	for range policyCap + 1 {
		did := d.observe(c, "allocate_flycast", policyApp, func() {
			c.call("allocate_flycast", args, nil)
			d.finish(c, "allocate_flycast", policyApp, args)
		})
		d.undo(policyApp, did)
	}
}

// changeOfMind has a person approve a plan in a terminal, say no to the same plan
// in the client, and the model use the code all the same.
func (d *driver) changeOfMind() {
	given, ok := d.newestCode()
	if !ok {
		return
	}
	m := given.made
	before := len(d.open)
	d.observe(m.client, m.tool, m.app, func() {
		m.client.call(m.tool, m.args, nil)
		d.finish(m.client, m.tool, m.app, m.args)
	})
	if len(d.open) == before {
		return
	}
	d.reply(d.open[len(d.open)-1], "decline", false, d.readingTime())
	d.useCode(given)
}

// turn changes one character.
func (d *driver) turn(s string) string {
	if s == "" {
		return s
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := d.rng.IntN(len(s))
	return s[:i] + string(alphabet[d.rng.IntN(len(alphabet))]) + s[i+1:]
}

// finish waits for the end of a call or for its question, which it opens.
func (d *driver) finish(c *client, tool, app string, args arguments) {
	id := fmt.Sprint(c.nextID)
	for {
		select {
		case m, ok := <-c.answers:
			switch {
			case !ok:
				d.t.Errorf("%s: the server is gone", c.in.name)
				return
			case string(m.ID) != id: // of a call whose question nobody answered
				d.ended(c, m)
			case m.Result != nil && m.Result.RequestState != "":
				params := m.Result.InputRequests["approval"].Params
				d.put(&openQuestion{client: c, tool: tool, app: app, args: args, text: params.Message,
					state: m.Result.RequestState}, params.RequestedSchema)
				return
			default:
				d.note(m)
				if m.Result != nil && m.Result.Structured.Approval.Ticket != "" {
					d.ticketed = append(d.ticketed, madeCall{c, tool, app, args, m.Result.Structured.Approval.Ticket,
						d.plan(tool, app, args)})
				}
				return
			}
		case m := <-c.asked:
			d.put(&openQuestion{client: c, tool: tool, app: app, args: args, text: m.Params.Message, id: m.ID,
				call: id}, m.Params.RequestedSchema)
			return
		case <-time.After(2 * answerWithin):
			d.t.Errorf("%s: %s %s was not answered", c.in.name, tool, args)
			return
		}
	}
}

// put opens a question.
func (d *driver) put(q *openQuestion, schema json.RawMessage) {
	q.at = time.Now()
	q.typed = strings.Contains(string(schema), `"app"`)
	q.covers = d.effectsNamed(q.tool, q.app, q.text)
	q.plan = d.plan(q.tool, q.app, q.args)
	d.counts["question"]++
	d.say("question to %s/%s for %s", q.client.in.name, q.client.caller, strings.Join(q.covers, " "))
	d.open = append(d.open, q)
}

// ended notes a call that ended without an answer to its question.
func (d *driver) ended(c *client, m message) {
	d.note(m)
	for _, q := range d.open {
		if q.client == c && q.call == string(m.ID) {
			q.over = true
		}
	}
}

func (d *driver) note(m message) {
	switch {
	case m.Error != nil:
		d.counts["error"]++
		d.say("  error %d %.60s", m.Error.Code, m.Error.Message)
	case m.Result != nil:
		s := m.Result.Structured
		d.counts[strings.TrimSpace("result "+s.Status+" "+s.Code)]++
		d.say("  %s %s %s", s.Status, s.Code, s.Approval.Channel)
	}
}

// addressPattern finds what could be an address in a text.
var addressPattern = regexp.MustCompile(`[0-9a-f:.]{7,}`)

// effectsNamed returns the effects that a text names: what a person who reads it approves.
func (d *driver) effectsNamed(tool, app, text string) []string {
	var out []string
	if tool == "allocate_flycast" {
		for _, network := range foreignNetworks() {
			if strings.Contains(text, network) {
				out = append(out, "+"+app+"/"+network)
			}
		}
		return out
	}
	words := addressPattern.FindAllString(text, -1)
	for _, ip := range slices.Sorted(maps.Keys(d.public[app])) {
		if slices.Contains(words, ip) {
			out = append(out, "-"+app+"/"+ip)
		}
	}
	return out
}

// readingTime is how long a person reads.
func (d *driver) readingTime() time.Duration {
	times := []time.Duration{tooFast, 5 * time.Second, time.Minute}
	at, _ := pick(d.rng, times)
	return at
}

// approveForm answers a question with a yes, as a person would who read it.
func (d *driver) approveForm() { d.answerOpen("accept", true, d.readingTime()) }

// answerAtOnce answers before a person could have read the question, with calls
// beside it that take up the server's pace towards the platform.
func (d *driver) answerAtOnce() {
	q, ok := pick(d.rng, d.open)
	if !ok || time.Since(q.at) >= tooFast {
		c := d.client()
		tool, app, args := d.randomCall()
		d.observe(c, tool, app, func() {
			c.call(tool, args, nil)
			before := len(d.open)
			d.finish(c, tool, app, args)
			if len(d.open) > before {
				q, ok = d.open[len(d.open)-1], true
			} else {
				ok = false
			}
		})
		if !ok {
			return
		}
	}
	beside := d.rng.IntN(5)
	others := make(map[*client]int)
	for range beside {
		if c := d.client(); c != q.client {
			c.call("list_ips", arguments{"app": q.app}, nil)
			others[c]++
		}
	}
	action, _ := pick(d.rng, []string{"accept", "accept", "decline", "cancel"})
	d.reply(q, action, true, 0)
	for c, n := range others {
		d.drain(c, n)
	}
}

// drain takes the answers to calls that ask nothing.
func (d *driver) drain(c *client, n int) {
	for n > 0 {
		select {
		case m := <-c.answers:
			if m.Result != nil && m.Result.Structured.Status == "ok" || m.Error != nil {
				n--
			}
			d.note(m)
		case <-time.After(time.Minute):
			d.t.Errorf("%s: %d calls of list_ips were not answered", c.in.name, n)
			return
		}
	}
}

func (d *driver) answerOpen(action string, right bool, after time.Duration) {
	if q, ok := pick(d.rng, d.open); ok {
		d.reply(q, action, right, after)
	}
}

// reply answers an open question after a time. A person's yes in time is an
// approval of what the question names. One that found nothing to do is not used
// up, and counts as long as a form does.
func (d *driver) reply(q *openQuestion, action string, right bool, after time.Duration) {
	if wait := after - time.Since(q.at); wait > 0 {
		time.Sleep(wait)
	}
	age := time.Since(q.at)
	c := q.client
	person := age >= tooFast && age < answerWithin && !q.over
	d.say("%s/%s/%d answers %s %v after %v", c.in.name, c.caller, c.era, action, right, age)
	if person && action == "accept" && right {
		d.approvals = append(d.approvals, approval{in: c.in, caller: c.caller, tool: q.tool, app: q.app,
			covers: q.covers, until: time.Now().Add(answerWithin), way: "form"})
	}
	if person && action == "decline" { // withdraws what a terminal approved of this plan
		d.approvals = slices.DeleteFunc(d.approvals, func(a approval) bool { return a.in == c.in && a.plan == q.plan })
	}
	q.over = true
	d.observe(c, q.tool, q.app, func() {
		c.answer(q, action, q.content(right))
		d.settle(q)
	})
}

// settle waits for the end of the call of an answered question, or for the next
// question of it.
func (d *driver) settle(q *openQuestion) {
	c := q.client
	if q.state != "" {
		d.finish(c, q.tool, q.app, q.args)
		return
	}
	for {
		select {
		case m := <-c.answers:
			if string(m.ID) == q.call {
				d.note(m)
				return
			}
			d.ended(c, m)
		case m := <-c.asked:
			d.put(&openQuestion{client: c, tool: q.tool, app: q.app, args: q.args, text: m.Params.Message, id: m.ID,
				call: q.call}, m.Params.RequestedSchema)
			return
		case <-time.After(time.Minute): // longer than any hold: nothing else comes
			return
		}
	}
}

// replay sends an answer again: as it was, through another client, with other
// arguments, or with a changed state.
func (d *driver) replay() {
	q, ok := pick(d.rng, d.past)
	if !ok {
		return
	}
	again := *q
	what, _ := pick(d.rng, []string{"same", "same", "client", "arguments", "state", "other question"})
	switch what {
	case "client":
		for again.client = d.client(); again.client.era != q.client.era; {
			again.client = d.client()
		}
	case "arguments":
		_, app, args := d.randomCall()
		args["app"] = q.app
		if q.tool == "release_public_ips" {
			delete(args, "network")
		} else {
			delete(args, "ips")
			delete(args, "allow_unreachable")
		}
		again.args = args
		_ = app
	case "state":
		again.state = d.turn(q.state)
	case "other question":
		if other, ok := pick(d.rng, append(slices.Clone(d.past), d.open...)); ok && other.state != "" &&
			q.state != "" && other.over {
			again.state = other.state
		}
	}
	if d.isOpen(again.client, again.id) {
		return // it would be an answer to that question, and no replay
	}
	c := again.client
	d.say("%s/%s/%d replays an answer to %s (%s)", c.in.name, c.caller, c.era, q.tool, what)
	d.observe(c, again.tool, again.app, func() {
		c.answer(&again, "accept", again.content(true))
		d.settle(&again)
	})
}

// isOpen reports whether a question with this id is open at a client: in the
// handshake eras each connection numbers its own.
func (d *driver) isOpen(c *client, id json.RawMessage) bool {
	return slices.ContainsFunc(d.open, func(q *openQuestion) bool {
		return q.client == c && len(id) > 0 && string(q.id) == string(id)
	})
}

// misdirect sends a person's yes to a question through a client that it was not
// put to: another caller's, or another server's.
func (d *driver) misdirect() {
	q, ok := pick(d.rng, d.open)
	if !ok || q.state == "" {
		return
	}
	if wait := d.readingTime() - time.Since(q.at); wait > 0 {
		time.Sleep(wait)
	}
	again := *q
	again.client = d.client()
	if again.client.era != roundTrip || again.client == q.client {
		return
	}
	c := again.client
	d.say("%s/%s/%d answers a question to %s/%s", c.in.name, c.caller, c.era, q.client.in.name, q.client.caller)
	d.observe(c, again.tool, again.app, func() {
		c.answer(&again, "accept", again.content(true))
		d.settle(&again)
	})
}

// sign approves a waiting request in a terminal: the answer is left in the
// server's folder, or a code is given out.
func (d *driver) sign() {
	in, _ := pick(d.rng, d.installations)
	waiting, err := in.requests.ListWaiting()
	if err != nil {
		d.t.Errorf("requests of %s: %v", in.name, err)
		return
	}
	request, ok := pick(d.rng, waiting)
	if !ok || request.Check(time.Now()) != nil {
		return
	}
	signed, err := d.key.Sign(request.Statement(request.Digest)).Code()
	if err != nil {
		d.t.Errorf("sign: %v", err)
		return
	}
	i := slices.IndexFunc(d.ticketed, func(m madeCall) bool { return m.client.in == in && m.ticket == request.Ticket })
	if i >= 0 {
		d.codes = append(d.codes, approvalCode{signed, d.ticketed[i]})
	}
	if i < 0 || d.rng.IntN(2) == 0 {
		if err := in.requests.Answer(request.Ticket, gate.ApprovalAnswer{Approved: true, Code: signed,
			At: time.Now()}); err != nil {
			d.t.Errorf("answer %s: %v", request.Ticket, err)
			return
		}
	}
	covers, plan := d.effectsNamed(request.Tool, request.App, string(request.Plan)), ""
	if i >= 0 {
		plan = d.ticketed[i].plan
	}
	d.say("terminal of %s approves %s for %s: %s", in.name, request.Ticket, request.Caller, strings.Join(covers, " "))
	d.approvals = slices.DeleteFunc(d.approvals, func(a approval) bool { return a.in == in && a.nonce == request.Nonce })
	d.approvals = append(d.approvals, approval{
		in: in, caller: request.Caller, tool: request.Tool, app: request.App, covers: covers,
		until: request.Expires, way: "terminal", nonce: request.Nonce, plan: plan,
	})
}

// reject says no to a request in a terminal, whether or not it was approved
// before.
func (d *driver) reject() {
	in, _ := pick(d.rng, d.installations)
	waiting, err := in.requests.ListWaiting()
	if err != nil {
		d.t.Errorf("requests of %s: %v", in.name, err)
		return
	}
	request, ok := pick(d.rng, waiting)
	if !ok {
		return
	}
	if err := in.requests.Answer(request.Ticket, gate.ApprovalAnswer{Reason: "no", At: time.Now()}); err != nil {
		d.t.Errorf("reject %s: %v", request.Ticket, err)
		return
	}
	d.say("terminal of %s rejects %s for %s", in.name, request.Ticket, request.Caller)
	d.approvals = slices.DeleteFunc(d.approvals, func(a approval) bool { return a.in == in && a.nonce == request.Nonce })
}

// changePlatform changes the apps as another user of the platform would.
func (d *driver) changePlatform() {
	app, _ := pick(d.rng, appNames())
	var public, guests []flysim.Address
	for _, a := range d.Addresses(app) {
		switch {
		case a.Kind == "private_v6" && !isDefaultNetwork(a.Network):
			guests = append(guests, a)
		case !strings.HasPrefix(a.Kind, "private") && !strings.HasPrefix(a.Kind, "egress"):
			public = append(public, a)
		}
	}
	if a, ok := pick(d.rng, guests); ok && d.rng.IntN(2) == 0 {
		d.RemoveAddress(app, a.IP)
		d.say("somebody removes the Flycast address of %s for %s", app, a.Network)
		return
	}
	kinds := []string{"v4", "v6"}
	if !slices.ContainsFunc(public, func(a flysim.Address) bool { return a.Kind == "shared_v4" }) {
		kinds = append(kinds, "shared_v4")
	}
	kind, _ := pick(d.rng, kinds)
	switch a, ok := pick(d.rng, public); {
	case ok && (len(public) >= maxPublic || d.rng.IntN(3) == 0):
		d.RemoveAddress(app, a.IP)
		d.say("somebody removes %s of %s", a.IP, app)
	default:
		ip := d.AddAddress(app, kind, "", "")
		if d.public[app] == nil {
			d.public[app] = make(map[string]bool)
		}
		d.public[app][ip] = true
		d.say("somebody adds %s to %s", ip, app)
	}
}

func (d *driver) wait() {
	span, _ := pick(d.rng, []time.Duration{time.Second, 3 * time.Second, time.Minute, 6 * time.Minute,
		11 * time.Minute, 70 * time.Minute, 5 * time.Hour})
	d.say("%v pass", span)
	time.Sleep(span)
}

// observe makes one move of a client, judges what the platform did in it, and
// returns that.
func (d *driver) observe(c *client, tool, app string, act func()) (did []string) {
	before := d.addresses()
	act()
	did = effects(before, d.addresses())
	if len(did) == 0 {
		return nil
	}
	d.say("  the platform did %s", strings.Join(did, " "))
	i := -1
	for _, way := range []string{"form", "terminal"} { // a form counts for less long
		i = slices.IndexFunc(d.approvals, func(a approval) bool {
			return a.way == way && a.in == c.in && a.caller == c.caller && a.tool == tool && a.app == app &&
				isSubset(did, a.covers)
		})
		if i >= 0 {
			break
		}
	}
	switch {
	case i >= 0:
		d.counts["approved by "+d.approvals[i].way]++
		d.approvals = slices.Delete(d.approvals, i, i+1)
	case d.coveredByPolicy(c.in, app, did):
		d.counts["approved by policy"]++
	default:
		d.t.Errorf("nobody approved %s by %s of %s for %s", strings.Join(did, " "), tool, c.in.name, c.caller)
	}
	return did
}

func isSubset(some, of []string) bool {
	return !slices.ContainsFunc(some, func(one string) bool { return !slices.Contains(of, one) })
}

// plan is what makes one plan differ from another: the call, and what the app
// has.
func (d *driver) plan(tool, app string, args arguments) string {
	args = maps.Clone(args)
	delete(args, "approval")
	return fmt.Sprint(tool, args, d.Addresses(app))
}

// coveredByPolicy reports whether the policy of a server approves effects, and
// counts it.
func (d *driver) coveredByPolicy(in *installation, app string, did []string) bool {
	if app != policyApp || len(did) != 1 || !strings.HasPrefix(did[0], "+") {
		return false
	}
	hourAgo := time.Now().Add(-time.Hour)
	recent := slices.DeleteFunc(d.byPolicy[in], func(at time.Time) bool { return at.Before(hourAgo) })
	d.byPolicy[in] = append(recent, time.Now())
	return len(recent) < policyCap
}
