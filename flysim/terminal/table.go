package terminal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

// Table draws the live table below what the terminal already shows, until the user quits or the
// context ends. environ describes what the terminal can do.
func (v View) Table(ctx context.Context, in, out *os.File, environ []string) error {
	ctx, cancel := context.WithCancel(ctx)
	model := newTable(v)
	program := tea.NewProgram(model, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out),
		tea.WithEnvironment(environ), tea.WithFPS(10), tea.WithoutSignalHandler())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	// Send waits until the program runs.
	running.Go(func() { v.startNotes(func(text string) { program.Send(noteMsg(text)) }) })
	running.Go(func() {
		for scene := range v.Source.Scenes(ctx, model.focus.open) {
			program.Send(sceneMsg(scene))
		}
	})
	_, err := program.Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil // it ended because the context ended
	}
	return err
}

type (
	sceneMsg watch.Scene // the current state of the platform
	noteMsg  string      // a message for the user
)

// focus is the app under the cursor, for the goroutine that reads the platform.
type focus struct{ app atomic.Value }

// open opens all apps, or only the one under the cursor if all have too many Machines together.
func (f *focus) open(list []flysim.AppOverview) []string {
	if all := allSites(list); all != nil {
		return all
	}
	app, _ := f.app.Load().(string)
	return []string{app}
}

// row is a line of the list: an app, or one of its Machines.
type row struct{ app, machine string }

// table is the model of the table.
type table struct {
	view  View
	focus *focus

	scene         watch.Scene
	rows          []row
	cursor        row
	width, height int
	help          bool
	message       string
}

func newTable(v View) table {
	return table{view: v, focus: new(focus), width: 80, height: 24}.refresh()
}

// Init returns no command: scenes are sent from outside.
func (m table) Init() tea.Cmd { return nil }

// Update handles a message.
func (m table) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case sceneMsg:
		m = m.show(watch.Scene(msg))
	case noteMsg:
		m.message = string(msg)
	case tea.KeyPressMsg:
		return m.press(msg.String())
	}
	return m, nil
}

func (m table) press(key string) (tea.Model, tea.Cmd) {
	m.message = ""
	clock := m.view.Source.Platform.Clock()
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
		return m.act("stopped", func(app, id string) error {
			return m.view.Source.Platform.Park(app, id, false)
		}), nil
	case "w":
		return m.act("woken", m.view.Source.Platform.Wake), nil
	case "+", "=":
		clock.SetSpeed(nextSpeed(clock.Speed(), 1))
	case "-":
		clock.SetSpeed(nextSpeed(clock.Speed(), -1))
	case "a":
		clock.Advance(time.Minute)
		m.message = "the clock moved forward by a minute"
	default:
		return m, nil
	}
	return m.refresh(), nil
}

// act does something to the Machine under the cursor, and shows the result.
func (m table) act(done string, do func(app, id string) error) table {
	switch {
	case m.cursor.machine == "":
		m.message = "select a Machine first, with ↑ ↓"
	default:
		m.message = m.cursor.machine + " " + done
		if err := do(m.cursor.app, m.cursor.machine); err != nil {
			m.message = err.Error()
		}
	}
	return m.refresh()
}

// speeds returns the steps of + and -.
func speeds() []float64 { return []float64{0, 1, 2, 5, 10, 30, 60, 300, 600, 3600} }

// nextSpeed returns the next lower or higher of the speeds.
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

// move moves the cursor. If it reaches another app, move reads the platform.
func (m table) move(lines int) table {
	if len(m.rows) == 0 {
		return m
	}
	i := max(slices.Index(m.rows, m.cursor), 0) + lines
	before := m.cursor.app
	m.cursor = m.rows[min(max(i, 0), len(m.rows)-1)]
	if m.cursor.app != before {
		return m.refresh()
	}
	return m
}

// refresh shows the current state of the platform.
func (m table) refresh() table {
	m.focus.app.Store(m.cursor.app)
	return m.show(m.view.Source.Scene(m.focus.open))
}

// show shows a scene, and keeps the cursor on its row or near it.
func (m table) show(scene watch.Scene) table {
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

// site returns the app's part of the scene, or nil if the app is not open.
func (m table) site(app string) *watch.Site {
	i := slices.IndexFunc(m.scene.Sites, func(s watch.Site) bool { return s.App == app })
	if i < 0 {
		return nil
	}
	return &m.scene.Sites[i]
}

// startedText says how many of all Machines are started.
func (m table) startedText() string {
	started, all := 0, 0
	for _, g := range m.scene.Apps {
		started, all = started+g.Started, all+g.Machines
	}
	return fmt.Sprintf("%d of %d Machines started", started, all)
}
