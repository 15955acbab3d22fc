package flysim

import (
	"net/http"
	"strconv"
	"time"
)

func inSeconds(n int) time.Duration { return time.Duration(n) * time.Second }

// defaultLease is how long a lease lasts without a ttl, in seconds.
const defaultLease = 30

type leaseRecord struct {
	Status string    `json:"status"`
	Data   leaseData `json:"data"`
}

type leaseData struct {
	Nonce       string `json:"nonce"`
	ExpiresAt   int64  `json:"expires_at"` // seconds
	Owner       string `json:"owner"`
	Description string `json:"description"`
	Version     string `json:"version"`
}

func recordLease(m *vm, l *machineLease) leaseRecord {
	return leaseRecord{"success", leaseData{l.nonce, l.expires.Unix(), l.owner, l.description, m.instance}}
}

func getLease(req *apiRequest) apiAnswer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	l := m.activeLease(req.now)
	if l == nil {
		return refuse(notFound("lease"))
	}
	return reply(http.StatusOK, recordLease(m, l))
}

// acquireLease takes the ttl from the query, as fly-go sends it, or from the body.
func acquireLease(req *apiRequest) apiAnswer {
	in := struct {
		TTL         int    `json:"ttl"`
		Description string `json:"description"`
	}{TTL: defaultLease}
	if err := req.decode(&in); err != nil {
		return refuse(err)
	}
	if text := req.URL.Query().Get("ttl"); text != "" {
		ttl, err := strconv.Atoi(text)
		if err != nil {
			return refuse(invalid("invalid_argument: ttl must be a number of seconds"))
		}
		in.TTL = ttl
	}
	if in.TTL < 1 {
		return refuse(invalid("invalid_argument: ttl must be positive"))
	}
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	l, err := m.acquire(req.platform.state, req.Header.Get(nonceHeader), userEmail, in.Description,
		inSeconds(in.TTL), req.now)
	if err != nil {
		return refuse(err)
	}
	return reply(http.StatusCreated, recordLease(m, l))
}

func releaseLease(req *apiRequest) apiAnswer {
	_, m, err := req.machine()
	if err != nil {
		return refuse(err)
	}
	if m.activeLease(req.now) == nil {
		return refuse(notFound("lease"))
	}
	if err := m.permit(req.Header.Get(nonceHeader), req.now); err != nil {
		return refuse(err)
	}
	m.lease = nil
	return reply(http.StatusOK, okRecord{true})
}
