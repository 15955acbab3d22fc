package server

import (
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

// message is any JSON-RPC message.
type rpcMessage struct {
	ID     json.RawMessage `json:"id"`
	Method *string         `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// refusal is the answer to a message that goes no further.
type refusal struct {
	id   json.RawMessage // nil if it could not be read
	code int
	text string
}

// readMessage reads one message of a client, the same on every transport: a
// request with a valid id, a notification, or an answer. The refusal is nil if
// it is one of them.
func readMessage(raw []byte) (m rpcMessage, refused *refusal) {
	if !utf8.Valid(raw) {
		return m, &refusal{requestID(raw), mcp.PARSE_ERROR, "the message is not valid UTF-8"}
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		if !json.Valid(raw) {
			return m, &refusal{nil, mcp.PARSE_ERROR, "the message is not valid JSON"}
		}
		return m, &refusal{requestID(raw), mcp.INVALID_REQUEST, "the message is not a JSON-RPC object; batches are not supported"}
	}
	if string(m.Error) == "null" {
		m.Error = nil // some clients send both, one of them null
	}
	switch {
	case m.Method == nil && (m.ID == nil || m.Result == nil && m.Error == nil):
		refused = &refusal{m.ID, mcp.INVALID_REQUEST, "the message has no method"}
	case m.Method != nil && m.ID != nil && !validID(m.ID):
		refused = &refusal{nil, mcp.INVALID_REQUEST, "a request's id is a string or a number"}
	}
	if refused != nil && !validID(refused.id) {
		refused.id = nil
	}
	return m, refused
}

// checkMessage answers what is posted and is no message. It stands behind the
// check that reads the body.
func checkMessage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if _, refused := readMessage(postedBodyFrom(r.Context()).body); refused != nil {
				writeRPCError(w, http.StatusBadRequest, refused.id, refused.code, refused.text)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
