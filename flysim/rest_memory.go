package flysim

import "net/http"

// usedMB is the memory that the programs of a Machine use, as ps shows it.
const usedMB = 48

// memoryRecord is the memory of a Machine.
type memoryRecord struct {
	LimitMB     int `json:"limit_mb"`
	AvailableMB int `json:"available_mb"`
}

// startedMachine finds the Machine of the path, and fails unless it is started.
func (req *apiRequest) startedMachine() (*vm, error) {
	_, m, err := req.machine()
	if err == nil && m.state != "started" {
		err = precondition("machine not in started state")
	}
	return m, err
}

// limitMB returns how much memory the Machine may use now.
func (m *vm) limitMB() int {
	if m.memoryLimit > 0 {
		return min(m.memoryLimit, m.memoryMB())
	}
	return m.memoryMB()
}

func getMemory(req *apiRequest) apiAnswer {
	m, err := req.startedMachine()
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusOK, memoryRecord{m.limitMB(), m.memoryMB()})
}

// setMemory limits a Machine's memory until its next start.
func setMemory(req *apiRequest) apiAnswer {
	var in struct {
		LimitMB int `json:"limit_mb"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	m, err := req.startedMachine()
	switch {
	case err != nil:
		return refuse(err)
	case in.LimitMB < usedMB || in.LimitMB > m.memoryMB():
		return refuse(invalid("invalid_argument: limit_mb must be between %d and %d", usedMB, m.memoryMB()))
	}
	m.memoryLimit = in.LimitMB
	return reply(http.StatusOK, memoryRecord{m.limitMB(), m.memoryMB()})
}

// reclaimMemory takes back memory that the programs do not use.
func reclaimMemory(req *apiRequest) apiAnswer {
	var in struct {
		AmountMB int `json:"amount_mb"`
	}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	m, err := req.startedMachine()
	switch {
	case err != nil:
		return refuse(err)
	case in.AmountMB < 0:
		return refuse(invalid("invalid_argument: amount_mb must not be negative"))
	}
	free := max(m.limitMB()-usedMB, 0)
	if in.AmountMB > 0 {
		free = min(free, in.AmountMB)
	}
	return reply(http.StatusOK, map[string]int{"actual_mb": free})
}
