package terminal

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

// Lines writes a line for each change to w until the context ends.
func (v View) Lines(ctx context.Context, w io.Writer) {
	var mu sync.Mutex
	printLine := func(line string) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(w, line+"\n") // an error could not be reported anywhere
	}
	pageNote := ""
	if v.PageURL != "" {
		pageNote = "; page at " + v.PageURL
	}
	platform := v.Source.Platform
	before := v.Source.Scene(allSites) // changes after the first line are reported
	printLine(fmt.Sprintf("emulated Fly platform at %s with the apps %v%s; Ctrl-C ends it",
		v.Links.API, platform.AppNames(), pageNote))
	printNote := func(text string) { printLine(timeOfDay(platform.Clock().Now()) + " " + oneLine(text)) }
	v.startNotes(printNote)
	wasTooMany := false
	for scene := range v.Source.Scenes(ctx, allSites) {
		if (len(before.Sites) == 0) == (len(scene.Sites) == 0) {
			for _, event := range watch.Events(before, scene) {
				printLine(eventLine(event))
			}
		}
		isTooMany := len(scene.Sites) == 0 && len(scene.Apps) > 0
		if isTooMany && !wasTooMany {
			printNote(fmt.Sprintf("more than %d Machines: from now on only requests are reported", maxWatched))
		}
		before, wasTooMany = scene, isTooMany
	}
}

// eventLine returns one change, such as
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
			words = []string{timeOfDay(e.At), "no app"}
		}
		words = append(words, string(e.Visit.Door), requestText(*e.Visit), answerText(*e.Visit))
		if e.Visit.Held >= time.Millisecond { // otherwise it was not held
			words = append(words, "held "+watch.Span(e.Visit.Held))
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

func requestText(v flysim.Visit) string {
	if v.Method == "" {
		return "raw connection"
	}
	return v.Method + " " + v.Path
}

// answerText returns the status and Fly Proxy's error code.
func answerText(v flysim.Visit) string {
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
