package flysim

import (
	"net/http"
	"strconv"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// defaultEvents is how many events are listed if the request has no limit.
const defaultEvents = 20

// limit returns the query parameter limit, reduced to most, or usual if it is absent.
func (req *apiRequest) limit(usual, most int) (int, error) {
	text := req.URL.Query().Get("limit")
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, invalid("invalid_argument: limit must be a positive number")
	}
	return min(n, most), nil
}

func listEvents(req *apiRequest) apiAnswer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	limit, err := req.limit(defaultEvents, maxEvents)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, recordEvents(m.events[:min(limit, len(m.events))]))
}

func listVersions(req *apiRequest) apiAnswer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	limit, err := req.limit(maxVersions, maxVersions)
	if err != nil {
		return refuse(err)
	}
	type record struct {
		Version string      `json:"version"`
		Config  spec.Config `json:"user_config"`
	}
	records := make([]record, 0, len(m.versions))
	for _, v := range m.versions[:min(limit, len(m.versions))] {
		records = append(records, record{v.instance, v.config})
	}
	return reply(http.StatusOK, records)
}
