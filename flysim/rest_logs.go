package flysim

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// logRecord is one line of an app's logs.
type logRecord struct {
	ID         string        `json:"id"`
	Type       string        `json:"type"`
	Attributes logAttributes `json:"attributes"`
}

type logAttributes struct {
	Timestamp string  `json:"timestamp"`
	Message   string  `json:"message"`
	Level     string  `json:"level"`
	Instance  string  `json:"instance"`
	Region    string  `json:"region"`
	Meta      logMeta `json:"meta"`
}

type logMeta struct {
	Instance string   `json:"instance"`
	Region   string   `json:"region"`
	Event    logEvent `json:"event"`
}

type logEvent struct {
	Provider string `json:"provider"`
}

type logPage struct {
	Data []logRecord `json:"data"`
	Meta logPosition `json:"meta"`
}

type logPosition struct {
	NextToken string `json:"next_token"`
}

// logLine is a line and its sort key.
type logLine struct {
	cursor string
	record logRecord
}

func newLogLine(at time.Time, id, instance, region, provider, message string) logLine {
	stamp := at.UTC().Format(time.RFC3339Nano)
	return logLine{fmt.Sprintf("%020d-%s", at.UnixNano(), id), logRecord{id, "log", logAttributes{
		Timestamp: stamp, Message: message, Level: "info", Instance: instance, Region: region,
		Meta: logMeta{instance, region, logEvent{provider}},
	}}}
}

// logMessage returns what the platform logs about an event of a Machine.
func (e event) logMessage() string {
	switch {
	case e.kind == "launch" && e.status == "failed":
		return "Failed to launch machine"
	case e.kind == "launch":
		return "Configuring firecracker"
	case e.kind == "start":
		return "Machine started"
	case e.kind == "update":
		return "Pulling container image"
	case e.exit != nil && e.exit.oom:
		return "Out of memory: Killed process"
	case e.exit != nil && e.exit.requested:
		return "Sending signal SIGINT to main child process"
	case e.exit != nil:
		return fmt.Sprintf("Main child exited normally with code: %d", e.exit.code)
	}
	return "machine " + e.kind
}

// listLogs returns the lines after next_token, oldest first: what the platform logs about the
// Machines, after one line about the app, because flyctl polls until it gets a line.
func listLogs(req *apiRequest) apiAnswer {
	a, err := req.app()
	if err != nil {
		return refuse(err)
	}
	query := req.URL.Query()
	instance, place, after := query.Get("instance"), query.Get("region"), query.Get("next_token")
	lines := []logLine{newLogLine(a.created, a.id, "", DefaultRegion, "fly", "App "+a.name+" created")}
	for _, m := range a.machines {
		m.settle(req.platform.state, req.now)
		for _, e := range m.events {
			lines = append(lines, newLogLine(e.at, e.id, m.id, m.region, "runner", e.logMessage()))
		}
	}
	slices.SortFunc(lines, func(x, y logLine) int { return cmp.Compare(x.cursor, y.cursor) })
	records, next := []logRecord{}, after
	for _, line := range lines {
		of := line.record.Attributes
		if line.cursor <= after || instance != "" && of.Instance != instance || place != "" && of.Region != place {
			continue
		}
		records, next = append(records, line.record), line.cursor
	}
	return reply(http.StatusOK, logPage{records, logPosition{next}})
}
