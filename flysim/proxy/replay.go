package proxy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxReplays is how often an app may send one request on. Fly has a limit too, but does not
// document it.
const maxReplays = 5

// replay is the parsed fly-replay header of an app.
type replay struct {
	app, instance, preferInstance, state string
	regions                              []string
	elsewhere                            bool
}

// parseReplay parses a header of fields such as region="iad,any";app=name. An unknown field is an
// error (PA03). The fields timeout and fallback are accepted but ignored.
func parseReplay(header string) (replay, bool) {
	var r replay
	for field := range strings.SplitSeq(header, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		value = strings.Trim(value, `"`)
		if !ok || value == "" {
			return replay{}, false
		}
		switch key {
		case "region":
			for region := range strings.SplitSeq(value, ",") {
				r.regions = append(r.regions, strings.TrimSpace(region))
			}
		case "instance":
			r.instance = value
		case "prefer_instance":
			r.preferInstance = value
		case "app":
			r.app = value
		case "state":
			r.state = value
		case "elsewhere":
			r.elsewhere = value == "true"
		case "timeout", "fallback":
		default:
			return replay{}, false
		}
	}
	return r, true
}

// follow directs the exchange to the target of the header.
func (e *exchange) follow(header string, from *reservedSeat) error {
	r, ok := parseReplay(header)
	switch e.replays++; {
	case !ok:
		return fail("PA03", http.StatusBadGateway, "could not parse 'fly-replay' response header returned by app")
	case e.replays > maxReplays:
		return fail("PA02", http.StatusBadGateway, "'fly-replay' response header was returned too many times, stopping there")
	case e.body != nil && e.body.size() > flyReplayLimit:
		return failTooLarge()
	}
	app := e.search.app
	if r.app != "" && r.app != app {
		if err := e.mayReplay(app, r.app); err != nil {
			return err
		}
		app = r.app
	}
	next := e.newSearch(app, e.search.port)
	next.wish = machineWish{machine: r.instance, preferMachine: r.preferInstance, regions: r.regions}
	if r.elsewhere {
		next.wish.not = from.ID
	}
	e.search = next
	source := fmt.Sprintf("instance=%s;region=%s;t=%d", from.ID, from.Region, e.proxy.clock.Now().UnixMicro())
	if r.state != "" {
		source += ";state=" + r.state
	}
	e.extra = http.Header{"Fly-Replay-Src": {source}}
	return nil
}

// mayReplay checks that one app may send requests to another: both must be on one network of one
// organization (Fly docs, "Dynamic request routing").
func (e *exchange) mayReplay(from, to string) error {
	source, err := e.proxy.table(from)
	if err != nil {
		return failNoApp(from)
	}
	target, err := e.proxy.table(to)
	switch {
	case err != nil:
		return fail("PA04", http.StatusBadGateway,
			"app '%s' used 'fly-replay' response header to target app '%.63s', which we cannot find", from, to)
	case source.site.Org != target.site.Org, source.site.Network != target.site.Network:
		return fail("PA05", http.StatusBadGateway,
			"app '%s' used 'fly-replay' response header to target app '%s', but it doesn't have permission to do so", from, to)
	}
	return nil
}

// parseWish parses the routing headers of a request.
func parseWish(h http.Header) machineWish {
	list := func(key string) []string {
		var found []string
		for part := range strings.SplitSeq(h.Get(key), ",") {
			if part = strings.ToLower(strings.TrimSpace(part)); part != "" {
				found = append(found, part)
			}
		}
		return slices.Clip(found[:min(len(found), 16)])
	}
	w := machineWish{machine: h.Get("Fly-Force-Instance-Id"), preferMachine: h.Get("Fly-Prefer-Instance-Id"),
		preferRegions: list("Fly-Prefer-Region")}
	if regions := list("Fly-Force-Region"); len(regions) > 0 {
		w.regions = regions
	}
	return w
}

// newSearch starts a search for a Machine of an app.
func (v *visit) newSearch(app string, port int) *search {
	return &search{proxy: v.proxy, app: app, port: port, began: v.proxy.clock.Now()}
}
