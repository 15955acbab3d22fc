package server

import (
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

// rpcMessage is a JSON-RPC message of any kind.
type rpcMessage struct {
	ID     json.RawMessage `json:"id"`
	Method *string         `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// refusal is the error response to a message that is not handled.
type refusal struct {
	id   json.RawMessage // nil if it could not be read
	code int
	text string
}

// readMessage reads a message of a client, for every transport: a request with a
// valid id, a notification, or an answer. For anything else it returns a refusal.
func readMessage(raw []byte) (m rpcMessage, refused *refusal) {
	if !utf8.Valid(raw) {
		return m, &refusal{requestID(raw), mcp.PARSE_ERROR, "the message is not valid UTF-8"}
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		if !json.Valid(raw) {
			return m, &refusal{nil, mcp.PARSE_ERROR, "the message is not valid JSON"}
		}
		const notObject = "the message is not a JSON-RPC object; batches are not supported"
		return m, &refusal{requestID(raw), mcp.INVALID_REQUEST, notObject}
	}
	if string(m.Error) == "null" {
		m.Error = nil // some clients send both result and error, one of them null
	}
	switch {
	case m.Method == nil && (m.ID == nil || m.Result == nil && m.Error == nil):
		refused = &refusal{m.ID, mcp.INVALID_REQUEST, "the message has no method"}
	case m.Method != nil && m.ID != nil && !validID(m.ID):
		refused = &refusal{nil, mcp.INVALID_REQUEST, "the request's id is not a string or a number"}
	}
	if refused != nil && !validID(refused.id) {
		refused.id = nil
	}
	return m, refused
}

// checkMessage is a middleware that refuses POSTs without a valid message. It comes
// after the one that reads the body.
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
