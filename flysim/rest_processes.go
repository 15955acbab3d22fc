package flysim

import (
	"encoding/json"
	"net/http"
	"slices"
)

type processRecord struct {
	PID       int            `json:"pid"`
	STime     int            `json:"stime"`
	RTime     int            `json:"rtime"`
	Command   string         `json:"command"`
	Directory string         `json:"directory"`
	CPU       int            `json:"cpu"`
	RSS       int            `json:"rss"`
	Sockets   []socketRecord `json:"listen_sockets"`
}

type socketRecord struct {
	Proto   string `json:"proto"`
	Address string `json:"address"`
}

// listProcesses shows the app's program and the SSH server that every Machine has.
func listProcesses(req *apiRequest) apiAnswer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	if m.state != "started" {
		return refuse(precondition("machine not in started state"))
	}
	return reply(http.StatusOK, m.processes())
}

// processes returns the processes of a started Machine.
func (m *vm) processes() []processRecord {
	app := processRecord{PID: 315, STime: 4, RTime: 86_400, Command: "/app/server", Directory: "/app", CPU: 12,
		RSS: 41_943_040, Sockets: []socketRecord{}}
	for _, s := range m.listen {
		app.Sockets = append(app.Sockets, socketRecord{s.proto, s.address})
	}
	ssh := processRecord{PID: 316, RTime: 86_400, Command: "/.fly/hallpass", Directory: "/", RSS: 8_388_608,
		Sockets: []socketRecord{{"tcp6", "[" + m.privateIP.String() + "]:22"}}}
	return []processRecord{app, ssh}
}

// hasContainer reports whether the configuration names the container.
func (m *vm) hasContainer(name string) bool {
	var containers []struct {
		Name string `json:"name"`
	}
	raw := m.config.Raw("containers")
	return raw != nil && json.Unmarshal(raw, &containers) == nil &&
		slices.ContainsFunc(containers, func(c struct {
			Name string `json:"name"`
		}) bool {
			return c.Name == name
		})
}
