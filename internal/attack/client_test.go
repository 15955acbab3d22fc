package attack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"time"
)

// era is a client's revision of the protocol.
type era int

// The eras: questions while a call is open, and questions as its answer.
const (
	handshake era = iota // 2025-06-18
	roundTrip            // 2026-07-28
)

// client is one caller's connection to one server.
type client struct {
	in      *installation
	caller  string
	era     era
	out     io.WriteCloser
	answers chan message
	asked   chan message
	nextID  int
}

// message is a JSON-RPC message of the server.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Message         string          `json:"message"`
		RequestedSchema json.RawMessage `json:"requestedSchema"`
	} `json:"params"`
	Result *callResult `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`

	raw json.RawMessage
}

// result is a tools/call result, or the question in the place of one.
type callResult struct {
	Structured struct {
		Status   string `json:"status"`
		Code     string `json:"code"`
		Summary  string `json:"summary"`
		Approval struct {
			Ticket  string `json:"ticket"`
			Channel string `json:"channel"`
		} `json:"approval"`
	} `json:"structuredContent"`
	RequestState  string `json:"requestState"`
	InputRequests map[string]struct {
		Params struct {
			Message         string          `json:"message"`
			RequestedSchema json.RawMessage `json:"requestedSchema"`
		} `json:"params"`
	} `json:"inputRequests"`
}

func newClient(t *testing.T, in *installation, caller string, e era, out io.WriteCloser, from io.Reader) *client {
	t.Helper()
	c := &client{in: in, caller: caller, era: e, out: out, answers: make(chan message, 100),
		asked: make(chan message, 100)}
	go func() {
		lines := bufio.NewScanner(from)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			var m message
			if json.Unmarshal(lines.Bytes(), &m) != nil {
				t.Errorf("the server sent a line that is not a message: %.200s", lines.Bytes())
				continue
			}
			m.raw = bytes.Clone(lines.Bytes())
			switch m.Method {
			case "":
				c.answers <- m
			case "elicitation/create":
				c.asked <- m
			}
		}
		close(c.answers)
	}()
	if e == handshake {
		c.send(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",` +
			`"capabilities":{"elicitation":{}},"clientInfo":{"name":"attack","version":"1"}}}`)
		<-c.answers
		c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
	return c
}

func (c *client) send(line string) { _, _ = io.WriteString(c.out, line+"\n") }

// arguments are those of a call.
type arguments map[string]any

func (a arguments) String() string {
	body, err := json.Marshal(a) // sorted by name
	if err != nil {
		return fmt.Sprint(map[string]any(a))
	}
	return string(body)
}

// call sends a tools/call. extra is what else its params hold.
func (c *client) call(tool string, args arguments, extra map[string]any) {
	c.nextID++
	params := map[string]any{"name": tool, "arguments": args}
	for k, v := range extra {
		params[k] = v
	}
	if c.era == roundTrip {
		params["_meta"] = map[string]any{
			"io.modelcontextprotocol/protocolVersion":    "2026-07-28",
			"io.modelcontextprotocol/clientCapabilities": map[string]any{"elicitation": map[string]any{}},
		}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.nextID, "method": "tools/call", "params": params})
	if err != nil {
		panic(err) // it is made of strings and booleans
	}
	c.send(string(body))
}

// question is one that the server put to a client.
type openQuestion struct {
	client *client
	tool   string
	app    string
	args   arguments
	text   string
	typed  bool // the answer is the app's name, not a tick
	at     time.Time
	covers []string // the effects that its text names
	plan   string   // what [driver.plan] was

	state string          // round trip
	id    json.RawMessage // handshake: of the question
	call  string          // handshake: the id of the call that waits
	over  bool            // answered, or its call has ended
}

// content is the form, filled in.
func (q *openQuestion) content(right bool) map[string]any {
	switch {
	case q.typed && right:
		return map[string]any{"app": q.app}
	case q.typed:
		return map[string]any{"app": q.app + "x"}
	}
	return map[string]any{"confirm": right}
}

// answer sends an answer to a question, as the client with the question would,
// or through another client.
func (c *client) answer(q *openQuestion, action string, content map[string]any) {
	reply := map[string]any{"action": action}
	if action == "accept" {
		reply["content"] = content
	}
	if q.state != "" {
		c.call(q.tool, q.args, map[string]any{"requestState": q.state, "inputResponses": map[string]any{"approval": reply}})
		return
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": q.id, "result": reply})
	if err != nil {
		panic(err) // it is made of strings and booleans
	}
	c.send(string(body))
}
