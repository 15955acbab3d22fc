package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	webpage "github.com/flycast-mcp/flycast-mcp/flysim/page"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

// showTable draws the live table below what the terminal shows already, until
// q, Ctrl-C or the end of the context.
func (r *sandboxRun) showTable(ctx context.Context, source watch.Source, in, out *os.File) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	table := newSandboxTable(source, r.links, r.pageURL)
	program := tea.NewProgram(table, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out),
		tea.WithEnvironment(r.terminalEnvironment()), tea.WithFPS(10), tea.WithoutSignalHandler())
	// Sending waits for the program to run.
	r.running.Go(func() { r.notes.to(func(text string) { program.Send(noteMsg(text)) }) })
	r.running.Go(func() {
		for scene := range source.Scenes(ctx, table.focus.open) {
			program.Send(sceneMsg(scene))
		}
	})
	_, err := program.Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil // it was ended from outside, in order
	}
	return err
}

// terminalEnvironment are the variables that tell what the terminal can do.
func (r *sandboxRun) terminalEnvironment() []string {
	var environment []string
	for _, name := range []string{"TERM", "COLORTERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM_PROGRAM", "TMUX", "SSH_TTY", "WT_SESSION"} {
		if value, ok := r.lookup(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}

type (
	sceneMsg watch.Scene // the platform as it is now
	noteMsg  string      // something to tell the person
)

// focus is the app that the person looks at, for those who choose what to watch.
type focus struct{ app atomic.Value }

// open chooses all apps, or the one looked at if that were too many Machines.
func (f *focus) open(list []flysim.Glance) []string {
	if all := everySite(list); all != nil {
		return all
	}
	app, _ := f.app.Load().(string)
	return []string{app}
}

// row is a line of the list: an app, or one of its Machines.
type row struct{ app, machine string }

// sandboxTable is the model of the table.
type sandboxTable struct {
	source  watch.Source
	links   webpage.Links
	pageURL string
	focus   *focus

	scene         watch.Scene
	rows          []row
	cursor        row
	width, height int
	help          bool
	said          string
}

func newSandboxTable(source watch.Source, links webpage.Links, pageURL string) sandboxTable {
	m := sandboxTable{source: source, links: links, pageURL: pageURL, focus: new(focus), width: 80, height: 24}
	return m.look()
}

// Init does nothing: scenes are sent.
func (m sandboxTable) Init() tea.Cmd { return nil }

// Update takes a message.
func (m sandboxTable) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case sceneMsg:
		m = m.show(watch.Scene(msg))
	case noteMsg:
		m.said = string(msg)
	case tea.KeyPressMsg:
		return m.press(msg.String())
	}
	return m, nil
}

func (m sandboxTable) press(key string) (tea.Model, tea.Cmd) {
	m.said = ""
	clock := m.source.Platform.Clock()
	switch key {
	case "q", "ctrl+c":
		return m, tea.Quit
	case "?":
		m.help = !m.help
	case "esc":
		m.help = false
	case "up", "k":
		return m.move(-1), nil
	case "down", "j":
		return m.move(1), nil
	case "pgup":
		return m.move(-10), nil
	case "pgdown":
		return m.move(10), nil
	case "home", "g":
		return m.move(-len(m.rows)), nil
	case "end", "G":
		return m.move(len(m.rows)), nil
	case "s":
		return m.act("stopped", func(app, id string) error { return m.source.Platform.Park(app, id, false) }), nil
	case "w":
		return m.act("woken", m.source.Platform.Wake), nil
	case "+", "=":
		clock.SetSpeed(nextSpeed(clock.Speed(), 1))
	case "-":
		clock.SetSpeed(nextSpeed(clock.Speed(), -1))
	case "a":
		clock.Advance(time.Minute)
		m.said = "the clock went on by a minute"
	default:
		return m, nil
	}
	return m.look(), nil
}

// act does something to the Machine under the cursor.
func (m sandboxTable) act(done string, do func(app, id string) error) sandboxTable {
	switch {
	case m.cursor.machine == "":
		m.said = "choose a Machine first: ↑ ↓"
	default:
		m.said = m.cursor.machine + " " + done
		if err := do(m.cursor.app, m.cursor.machine); err != nil {
			m.said = err.Error()
		}
	}
	return m.look()
}

// speeds are those that + and - go through.
func speeds() []float64 { return []float64{0, 1, 2, 5, 10, 30, 60, 300, 600, 3600} }

// nextSpeed is the next of the speeds in a direction.
func nextSpeed(now float64, direction int) float64 {
	list := speeds()
	i, exact := slices.BinarySearch(list, now)
	switch {
	case direction < 0:
		i--
	case exact:
		i++
	}
	return list[min(max(i, 0), len(list)-1)]
}

// move moves the cursor, and looks again if it came to an app that is not open.
func (m sandboxTable) move(by int) sandboxTable {
	if len(m.rows) == 0 {
		return m
	}
	i := max(slices.Index(m.rows, m.cursor), 0) + by
	before := m.cursor.app
	m.cursor = m.rows[min(max(i, 0), len(m.rows)-1)]
	if m.cursor.app != before {
		return m.look()
	}
	return m
}

// look looks at the platform now.
func (m sandboxTable) look() sandboxTable {
	m.focus.app.Store(m.cursor.app)
	return m.show(m.source.Scene(m.focus.open))
}

// show takes a scene, and keeps the cursor on what it was on, or near it.
func (m sandboxTable) show(scene watch.Scene) sandboxTable {
	was := slices.Index(m.rows, m.cursor)
	m.scene, m.rows = scene, nil
	for _, g := range scene.Apps {
		m.rows = append(m.rows, row{app: g.App})
		if site := m.site(g.App); site != nil {
			for _, machine := range site.Machines {
				m.rows = append(m.rows, row{g.App, machine.ID})
			}
		}
	}
	if len(m.rows) > 0 && !slices.Contains(m.rows, m.cursor) {
		m.cursor = m.rows[min(max(was, 0), len(m.rows)-1)]
	}
	m.focus.app.Store(m.cursor.app)
	return m
}

// site is an app's, nil if it is not open.
func (m sandboxTable) site(app string) *watch.Site {
	i := slices.IndexFunc(m.scene.Sites, func(s watch.Site) bool { return s.App == app })
	if i < 0 {
		return nil
	}
	return &m.scene.Sites[i]
}

// started is how many Machines of all are.
func (m sandboxTable) started() string {
	started, all := 0, 0
	for _, g := range m.scene.Apps {
		started, all = started+g.Started, all+g.Machines
	}
	return fmt.Sprintf("%d of %d Machines started", started, all)
}
