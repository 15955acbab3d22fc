package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// rpcClient is an MCP client in its barest form: lines of JSON-RPC over a
// process's pipes. It keeps nothing from the server that a real client would
// smooth over, and speaks both eras.
type rpcClient struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	lines  chan string
	stderr *lockedBuffer
	all    strings.Builder // everything the server wrote to stdout
	era    string
	elicit bool
	nextID int
	asked  json.RawMessage               // id of the last question of a handshake era
	output map[string]*jsonschema.Schema // what tools/list promises of each tool's results
	ask    func(message string) (action string, content map[string]any, ok bool)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type rpcReply struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// toolAnswer is a tools/call result.
type toolAnswer struct {
	Text       string
	Structured json.RawMessage
	IsError    bool
}

func startClient(ts *testscript.TestScript, era string, elicit bool, args []string) (*rpcClient, error) {
	path, err := exec.LookPath("flycast-mcp")
	if p := ts.Getenv("PATH"); p != "" {
		for dir := range strings.SplitSeq(p, ":") {
			if found, lookErr := exec.LookPath(dir + "/flycast-mcp"); lookErr == nil {
				path, err = found, nil
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	c := &rpcClient{
		cmd:    exec.Command(path, args...),
		era:    era,
		elicit: elicit,
		stderr: &lockedBuffer{},
		lines:  make(chan string, 1000),
	}
	c.cmd.Dir = ts.MkAbs(".")
	c.cmd.Env = []string{"GORACE=atexit_sleep_ms=0"} // or each server takes a second to end
	for _, name := range []string{
		"PATH", "HOME", "TEST_CLOCK", "TMPDIR", "GOCOVERDIR", "FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL",
		"FLY_ACCESS_TOKEN", "FLY_API_TOKEN", "FLY_APP",
	} {
		if v := ts.Getenv(name); v != "" {
			c.cmd.Env = append(c.cmd.Env, name+"="+v)
		}
	}
	c.cmd.Stderr = c.stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(c.lines)
		r := bufio.NewReader(out)
		for {
			line, err := r.ReadString('\n')
			if line != "" {
				c.lines <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return c, nil
}

func (c *rpcClient) modern() bool { return c.era >= "2026" }

func (c *rpcClient) capabilities() map[string]any {
	if c.elicit {
		return map[string]any{"elicitation": map[string]any{}}
	}
	return map[string]any{}
}

// open makes the handshake of the era, if it has one.
func (c *rpcClient) open() error {
	if c.modern() {
		if _, err := c.request("server/discover", json.RawMessage("{}")); err != nil {
			return err
		}
		return c.schemas()
	}
	params, err := json.Marshal(map[string]any{
		"protocolVersion": c.era, "capabilities": c.capabilities(),
		"clientInfo": map[string]string{"name": "script", "version": "1"},
	})
	if err != nil {
		return err
	}
	reply, err := c.request("initialize", params)
	if err != nil {
		return fmt.Errorf("initialize: %w\n%s", err, c.stderr)
	}
	if reply.Error != nil {
		return fmt.Errorf("initialize: %s", reply.Error)
	}
	if err := c.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`); err != nil {
		return err
	}
	return c.schemas()
}

// schemas reads the output schemas, against which every structured result is
// checked from then on.
func (c *rpcClient) schemas() error {
	reply, err := c.request("tools/list", json.RawMessage("{}"))
	if err != nil {
		return err
	}
	var list struct {
		Tools []struct {
			Name         string          `json:"name"`
			OutputSchema json.RawMessage `json:"outputSchema"`
		} `json:"tools"`
	}
	if err := json.Unmarshal(reply.Result, &list); err != nil {
		return err
	}
	c.output = make(map[string]*jsonschema.Schema)
	for _, t := range list.Tools {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(t.OutputSchema))
		if err != nil {
			return err
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(t.Name, doc); err != nil {
			return err
		}
		if c.output[t.Name], err = compiler.Compile(t.Name); err != nil {
			return err
		}
	}
	return nil
}

// conforms checks a structured result: its schema, and that nothing is null.
func (c *rpcClient) conforms(tool string, structured json.RawMessage) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(structured))
	if err != nil {
		return fmt.Errorf("%s: structured content: %w", tool, err)
	}
	if err := c.output[tool].Validate(value); err != nil {
		return fmt.Errorf("%s: structured content: %w", tool, err)
	}
	if bytes.Contains(structured, []byte(":null")) {
		return fmt.Errorf("%s: structured content has a null: %s", tool, structured)
	}
	return nil
}

func (c *rpcClient) write(line string) error {
	_, err := io.WriteString(c.in, line+"\n")
	return err
}

func (c *rpcClient) read() (rpcReply, string, error) {
	line, ok := <-c.lines
	if !ok {
		return rpcReply{}, "", fmt.Errorf("the server ended: %s", c.stderr)
	}
	c.all.WriteString(line)
	var reply rpcReply
	if err := json.Unmarshal([]byte(line), &reply); err != nil {
		return rpcReply{}, line, fmt.Errorf("stdout is not the protocol: %q", line)
	}
	return reply, line, nil
}

// request sends a request and answers elicitations until its response comes.
func (c *rpcClient) request(method string, params json.RawMessage) (rpcReply, error) {
	c.nextID++
	id := c.nextID
	var properties map[string]any
	if err := json.Unmarshal(params, &properties); err != nil {
		return rpcReply{}, err
	}
	if c.modern() {
		properties["_meta"] = map[string]any{
			"io.modelcontextprotocol/protocolVersion":    c.era,
			"io.modelcontextprotocol/clientCapabilities": c.capabilities(),
			"io.modelcontextprotocol/clientInfo":         map[string]string{"name": "script", "version": "1"},
			"progressToken":                              id,
		}
	} else if method == "tools/call" {
		properties["_meta"] = map[string]any{"progressToken": id}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": properties})
	if err != nil {
		return rpcReply{}, err
	}
	if err := c.write(string(body)); err != nil {
		return rpcReply{}, err
	}
	for {
		reply, _, err := c.read()
		if err != nil {
			return rpcReply{}, err
		}
		switch {
		case reply.Method == "elicitation/create":
			if err := c.answer(reply); err != nil {
				return rpcReply{}, err
			}
		case reply.Method != "":
			continue // a notification
		case string(reply.ID) == fmt.Sprint(id):
			return reply, nil
		default:
			return rpcReply{}, fmt.Errorf("an answer for %s, want one for %d", reply.ID, id)
		}
	}
}

// answer is the handshake eras' way: the server's own request.
func (c *rpcClient) answer(asked rpcReply) error {
	if !c.elicit {
		return errors.New("the server asked a client that did not declare elicitation")
	}
	var params struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(asked.Params, &params); err != nil {
		return err
	}
	c.asked = asked.ID
	action, content, ok := c.ask(params.Message)
	if !ok {
		return nil
	}
	return c.respond(action, content)
}

// respond answers the last question.
func (c *rpcClient) respond(action string, content map[string]any) error {
	result := map[string]any{"action": action}
	if action == "accept" {
		result["content"] = content
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.asked, "result": result})
	if err != nil {
		return err
	}
	return c.write(string(body))
}

// callTool calls a tool; in the modern era it answers input_required by calling
// again. state and reply are what such a second call carried.
func (c *rpcClient) callTool(
	name string,
	args json.RawMessage,
	state *string,
	given *json.RawMessage,
) (toolAnswer, error) {
	for {
		params := map[string]any{"name": name, "arguments": args}
		if *state != "" {
			params["requestState"] = *state
			params["inputResponses"] = json.RawMessage(*given)
		}
		body, err := json.Marshal(params)
		if err != nil {
			return toolAnswer{}, err
		}
		reply, err := c.request("tools/call", body)
		if err != nil {
			return toolAnswer{}, err
		}
		if reply.Error != nil {
			return toolAnswer{}, fmt.Errorf("protocol error: %s", reply.Error)
		}
		var result struct {
			ResultType    string `json:"resultType"`
			RequestState  string `json:"requestState"`
			InputRequests map[string]struct {
				Params struct {
					Message string `json:"message"`
				} `json:"params"`
			} `json:"inputRequests"`
			Content []struct {
				Text string `json:"text"`
			} `json:"content"`
			StructuredContent json.RawMessage `json:"structuredContent"`
			IsError           bool            `json:"isError"`
		}
		if err := json.Unmarshal(reply.Result, &result); err != nil {
			return toolAnswer{}, err
		}
		if result.ResultType != "input_required" {
			out := toolAnswer{Structured: result.StructuredContent, IsError: result.IsError}
			for _, c := range result.Content {
				out.Text += c.Text
			}
			return out, c.conforms(name, out.Structured)
		}
		responses := map[string]any{}
		for id, q := range result.InputRequests {
			action, content, ok := c.ask(q.Params.Message)
			if !ok {
				return toolAnswer{Text: "input_required, and nobody answered"}, nil
			}
			responses[id] = map[string]any{"action": action}
			if action == "accept" {
				responses[id] = map[string]any{"action": action, "content": content}
			}
		}
		*state = result.RequestState
		if *given, err = json.Marshal(responses); err != nil {
			return toolAnswer{}, err
		}
	}
}

// raw sends a line as it is and gives the next line that comes.
func (c *rpcClient) raw(line string) (string, error) {
	if err := c.write(line); err != nil {
		return "", err
	}
	_, got, err := c.read()
	return strings.TrimSpace(got), err
}

// close ends the server as a client does, by closing its stdin.
func (c *rpcClient) close() error {
	_ = c.in.Close()
	for line := range c.lines {
		c.all.WriteString(line)
	}
	return c.cmd.Wait()
}
