package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

// Mcp-go decodes ids and progress tokens and encodes them again, by which a
// number beyond 2^53 becomes another one and half a surrogate pair another
// string. A client would not recognize the answer. So mcp-go gets a stand-in
// for such an id, and the client gets its own back, as it wrote it.

// validID: MCP allows strings and numbers, and forbids null.
func validID(id json.RawMessage) bool {
	return len(id) > 0 && (id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9') && utf8.Valid(id)
}

// isExact reports whether an id or a token is the same after it was decoded
// and encoded again.
func isExact(id json.RawMessage) bool {
	if len(id) > 0 && id[0] == '"' {
		return !bytes.Contains(bytes.ToLower(id), []byte(`\ud`))
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	return err == nil && n >= -1<<53 && n <= 1<<53 && string(id) != "-0"
}

// standIn is the id that mcp-go gets in place of one that is not exact. It is
// the same for the same id: a cancellation names it, too.
func standIn(id json.RawMessage) json.RawMessage {
	hash := sha256.Sum256(id)
	return json.RawMessage(`"id-` + hex.EncodeToString(hash[:16]) + `"`)
}

// withStandIns is a message as mcp-go gets it. Ask the result
// for the era of the message: what it repeats is in there once.
func withStandIns(raw []byte, m rpcMessage) []byte {
	if validID(m.ID) && !isExact(m.ID) {
		raw = withField(raw, "id", standIn(m.ID))
	}
	if token := progressToken(m.Params); token != nil {
		var params struct {
			Meta json.RawMessage `json:"_meta"`
		}
		if json.Unmarshal(m.Params, &params) == nil {
			raw = withField(raw, "params", withField(m.Params, "_meta", withField(params.Meta, "progressToken", standIn(token))))
		}
	}
	if m.Method != nil && *m.Method == string(mcp.MethodNotificationCancelled) {
		if id := cancelledID(m.Params); validID(id) && !isExact(id) {
			raw = withField(raw, "params", withField(m.Params, "requestId", standIn(id)))
		}
	}
	return raw
}

// cancelledID is the request that a cancellation is about.
func cancelledID(params json.RawMessage) json.RawMessage {
	var p struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return nil
	}
	return p.RequestID
}

// withField is an object with another value for a field. Names are compared as
// encoding/json does it.
func withField(object []byte, name string, value json.RawMessage) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return object
	}
	maps.DeleteFunc(fields, func(key string, _ json.RawMessage) bool { return strings.EqualFold(key, name) })
	fields[name] = value
	changed, err := json.Marshal(fields)
	if err != nil {
		return object
	}
	return changed
}

// withOwnID is what mcp-go wrote for a request, with the request's own id in
// place of the stand-in.
func restoreID(encoded []byte, id json.RawMessage) []byte {
	if !validID(id) || isExact(id) {
		return encoded
	}
	return bytes.ReplaceAll(encoded, standIn(id), id)
}

// requestID is the id of a message that cannot be read as a whole; nil if that
// cannot be read either.
func requestID(raw []byte) json.RawMessage {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &m) != nil || !validID(m.ID) {
		return nil
	}
	return m.ID
}

// progressToken is the token of a request, as the client wrote it; nil if there
// is none, or none that needs care.
func progressToken(params json.RawMessage) json.RawMessage {
	var p struct {
		Meta struct {
			ProgressToken json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	}
	if json.Unmarshal(params, &p) != nil || !validID(p.Meta.ProgressToken) || isExact(p.Meta.ProgressToken) {
		return nil
	}
	return p.Meta.ProgressToken
}

// withToken is a notification of progress with the client's own token.
func restoreToken(n mcp.JSONRPCNotification, token json.RawMessage) mcp.JSONRPCNotification {
	if token == nil || n.Method != "notifications/progress" {
		return n
	}
	fields := maps.Clone(n.Params.AdditionalFields)
	if fields == nil {
		fields = make(map[string]any, 1)
	}
	fields["progressToken"] = token
	n.Params.AdditionalFields = fields
	return n
}
