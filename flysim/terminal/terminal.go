// Package terminal shows what happens on an emulated platform: as a live table in a terminal, or
// else as one line for each change.
//
//	view := terminal.View{Source: watch.Source{Platform: platform, Traffic: traffic}}
//	err := view.Table(ctx, os.Stdin, os.Stderr, os.Environ())
package terminal

import (
	"math"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/page"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// View says what is shown.
type View struct {
	Source  watch.Source
	Links   page.Links // the addresses of the listeners
	PageURL string     // empty: no page

	// Notes, if not nil, is called once with the function that shows a one-line message.
	Notes func(show func(string))
}

// startNotes calls Notes, if there is one.
func (v View) startNotes(show func(string)) {
	if v.Notes != nil {
		v.Notes(show)
	}
}

// maxWatched is how many Machines are read ten times a second.
const maxWatched = 500

// allSites opens all apps, or none if they have too many Machines.
func allSites(list []flysim.AppOverview) []string {
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

// oneLine returns text on one line, with all invisible characters escaped.
func oneLine(text string) string { return outside.Line(text, math.MaxInt) }
