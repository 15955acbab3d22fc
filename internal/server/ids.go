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

// mcp-go decodes ids and progress tokens and encodes them again. That changes numbers
// beyond 2^53 and unpaired surrogates, and the client would not recognize the
// response. So mcp-go gets a stand-in for such an id, and the client gets its own id
// back as it wrote it.

// validID reports whether an id is valid: MCP allows strings and numbers, not null.
func validID(id json.RawMessage) bool {
	return len(id) > 0 && (id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9') && utf8.Valid(id)
}

// isExact reports whether decoding and encoding leaves an id or a token unchanged.
func isExact(id json.RawMessage) bool {
	if len(id) > 0 && id[0] == '"' {
		return !bytes.Contains(bytes.ToLower(id), []byte(`\ud`))
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	return err == nil && n >= -1<<53 && n <= 1<<53 && string(id) != "-0"
}

// standIn returns the id that mcp-go gets in place of one that is not exact. It is
// always the same for the same id, because cancellations name it, too.
func standIn(id json.RawMessage) json.RawMessage {
	hash := sha256.Sum256(id)
	return json.RawMessage(`"id-` + hex.EncodeToString(hash[:16]) + `"`)
}

// withStandIns returns a message as mcp-go gets it. Determine the message's era from
// the result: repeated keys are in it once.
func withStandIns(raw []byte, m rpcMessage) []byte {
	if validID(m.ID) && !isExact(m.ID) {
		raw = withField(raw, "id", standIn(m.ID))
	}
	if token := progressToken(m.Params); token != nil {
		var params struct {
			Meta json.RawMessage `json:"_meta"`
		}
		if json.Unmarshal(m.Params, &params) == nil {
			meta := withField(params.Meta, "progressToken", standIn(token))
			raw = withField(raw, "params", withField(m.Params, "_meta", meta))
		}
	}
	if m.Method != nil && *m.Method == string(mcp.MethodNotificationCancelled) {
		if id := cancelledID(m.Params); validID(id) && !isExact(id) {
			raw = withField(raw, "params", withField(m.Params, "requestId", standIn(id)))
		}
	}
	return raw
}

// cancelledID returns the id of the request that a cancellation names.
func cancelledID(params json.RawMessage) json.RawMessage {
	var p struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return nil
	}
	return p.RequestID
}

// withField returns an object with a new value for a field. Names are compared as in
// encoding/json.
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

// restoreID returns what mcp-go wrote for a request, with the request's own id in
// place of the stand-in.
func restoreID(encoded []byte, id json.RawMessage) []byte {
	if !validID(id) || isExact(id) {
		return encoded
	}
	return bytes.ReplaceAll(encoded, standIn(id), id)
}

// requestID returns the id of a message that is not valid; nil if the id cannot be
// read either.
func requestID(raw []byte) json.RawMessage {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &m) != nil || !validID(m.ID) {
		return nil
	}
	return m.ID
}

// progressToken returns the token of a request, as the client wrote it; nil if there
// is none or it needs no stand-in.
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

// restoreToken returns a progress notification with the client's own token.
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
