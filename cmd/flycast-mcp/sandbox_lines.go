package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

// maxWatched is how many Machines are looked at ten times a second.
const maxWatched = 500

// everySite opens all apps, unless they have too many Machines.
func everySite(list []flysim.Glance) []string {
	var names []string
	machines := 0
	for _, g := range list {
		names = append(names, g.App)
		machines += g.Machines
	}
	if machines > maxWatched {
		return nil
	}
	return names
}

// showLines prints a line for each change until the context ends.
func (r *sandboxRun) showLines(ctx context.Context, source watch.Source) {
	var mu sync.Mutex
	say := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(r.stderr, line+"\n") // there is nowhere to tell of an error
	}
	page := ""
	if r.pageURL != "" {
		page = "; page at " + r.pageURL
	}
	before := source.Scene(everySite) // what happens once the first line is out is told
	say(fmt.Sprintf("emulated Fly platform at %s with the apps %v%s; Ctrl-C ends it", r.api.URL, r.platform.AppNames(), page))
	r.notes.to(func(text string) { say(timeOfDay(r.platform.Clock().Now()) + " " + oneLine(text)) })
	many := func(s watch.Scene) bool { return len(s.Sites) == 0 && len(s.Apps) > 0 }
	told := false
	for scene := range source.Scenes(ctx, everySite) {
		if (len(before.Sites) == 0) == (len(scene.Sites) == 0) {
			for _, e := range watch.Events(before, scene) {
				say(eventLine(e))
			}
		}
		if many(scene) && !told {
			r.notes.say(fmt.Sprintf("more than %d Machines: only requests are told from here on", maxWatched))
		}
		before, told = scene, many(scene)
	}
}

// eventLine is one change, such as
//
//	12:00:01 shop-api 148e21ea7d9d89 iad stopped -> starting (request)
func eventLine(e watch.Event) string {
	words := []string{timeOfDay(e.At), e.App}
	switch {
	case e.Machine != nil:
		from := e.From
		if from == "" {
			from = "new"
		}
		words = append(words, e.Machine.ID, e.Machine.Region, from, "->", e.To)
		if e.Cause != "" {
			words = append(words, "("+e.Cause+")")
		}
	case e.Address != nil:
		words = append(words, "address", e.To, e.Address.Kind, e.Address.IP)
	case e.Visit != nil:
		if e.App == "" {
			words = []string{timeOfDay(e.At), "nobody's"}
		}
		words = append(words, string(e.Visit.Door), request(*e.Visit), answer(*e.Visit))
		if e.Visit.Held >= time.Millisecond { // else it was not
			words = append(words, "held "+span(e.Visit.Held))
		}
		if e.Visit.Woke {
			words = append(words, strings.TrimSpace("woke "+e.Visit.Machine))
		}
	default:
		words = append(words, "app", e.To)
	}
	return oneLine(strings.Join(words, " "))
}

func timeOfDay(at time.Time) string { return at.UTC().Format(time.TimeOnly) }

func request(v flysim.Visit) string {
	if v.Method == "" {
		return "raw connection"
	}
	return v.Method + " " + v.Path
}

// answer is the status, with Fly Proxy's code of what went wrong.
func answer(v flysim.Visit) string {
	text := "closed"
	switch {
	case v.Status != 0:
		text = fmt.Sprint(v.Status)
	case v.Method != "":
		text = "dropped"
	}
	if v.Code != "" {
		text += " " + v.Code
	}
	return text
}

// span is a duration in its largest unit.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	}
	return elapsed(d)
}

// elapsed is how long ago something was, in whole units.
func elapsed(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}
