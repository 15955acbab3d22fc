package terminal

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

// View draws the table for a window of any size: lines are cut, not wrapped.
func (m table) View() tea.View {
	top := []string{m.title()}
	if m.height >= 12 {
		top = append(top, m.addresses())
	}
	bottom := []string{m.footer()}
	if n := m.height / 4; m.height >= 14 && !m.help {
		bottom = append(m.requests(min(n, 10)), bottom...)
	}
	room := max(m.height-len(top)-len(bottom), 1)
	middle := m.list(room)
	if m.help {
		middle = m.keys()[:min(room, len(m.keys()))]
	}
	lines := append(append(top, middle...), bottom...)
	return tea.NewView(strings.Join(lines[:min(len(lines), max(m.height, 1))], "\n"))
}

// look is the style of a text. The zero value is plain.
type look struct {
	color       string // an ANSI color; empty: the terminal's own
	bold, faint bool
}

func (l look) render(text string) string {
	style := lipgloss.NewStyle().Bold(l.bold).Faint(l.faint)
	if l.color != "" {
		style = style.Foreground(lipgloss.Color(l.color))
	}
	return style.Render(text)
}

// The terminal's own 16 colors, which suit light and dark themes.
const (
	green   = "2"
	yellow  = "3"
	blue    = "4"
	red     = "1"
	magenta = "5"
)

// stateLook returns the sign and the style of a state.
func stateLook(state string) (sign string, l look) {
	switch state {
	case "started":
		return "●", look{color: green}
	case "stopped":
		return "○", look{faint: true}
	case "suspended":
		return "◑", look{color: blue}
	case "created":
		return "·", look{faint: true}
	case "failed":
		return "✕", look{color: red, bold: true}
	}
	return "◐", look{color: yellow}
}

// fit returns text exactly width columns wide, cut with … or filled with spaces,
// and without control characters.
func fit(text string, width int) string {
	text = oneLine(text)
	if lipgloss.Width(text) <= width {
		return text + strings.Repeat(" ", width-lipgloss.Width(text))
	}
	if width < 2 {
		return strings.Repeat("…", max(width, 0))
	}
	text = lipgloss.NewStyle().MaxWidth(width - 1).Render(text)
	return text + "…" + strings.Repeat(" ", width-1-lipgloss.Width(text))
}

// fullLine returns a line that is cut to the window's width.
func (m table) fullLine(text string, l look) string {
	return l.render(strings.TrimRight(fit(text, m.width), " "))
}

func (m table) title() string {
	speed := ""
	switch m.scene.Speed {
	case 0:
		speed = " stopped"
	case 1:
	default:
		speed = fmt.Sprintf(" ×%.4g", m.scene.Speed)
	}
	return m.fullLine(fmt.Sprintf("%s UTC%s  %s  emulated Fly platform, %d apps",
		m.scene.Now.UTC().Format("2006-01-02 15:04:05"), speed, m.startedText(), len(m.scene.Apps)), look{bold: true})
}

func (m table) addresses() string {
	var parts []string
	links := m.view.Links
	for _, a := range []struct{ name, url string }{
		{"page", m.view.PageURL}, {".flycast", links.Flycast}, {".fly.dev", links.Public}, {"API", links.API},
	} {
		if a.url != "" {
			parts = append(parts, a.name+" "+a.url)
		}
	}
	return m.fullLine(strings.Join(parts, "  "), look{faint: true})
}

func (m table) footer() string {
	if m.message != "" {
		return m.fullLine(m.message, look{bold: true})
	}
	const keys = "↑↓ select  s stop  w wake  +/- speed  a skip a minute  ? help  q quit"
	return m.fullLine(keys, look{faint: true})
}

func (m table) keys() []string {
	return []string{
		m.fullLine("Keys", look{bold: true}),
		m.fullLine("  ↑ ↓ PgUp PgDn Home End   select an app or a Machine", look{}),
		m.fullLine("  s   stop the selected Machine        w   wake it, as a request does", look{}),
		m.fullLine("  + - clock faster, slower (0 stops it)  a skip a minute", look{}),
		m.fullLine("  ?   this help                        q   quit", look{}),
		m.fullLine("Signs", look{bold: true}),
		m.fullLine("  ● started  ◐ changing  ○ stopped  ◑ suspended  ✕ failed", look{}),
		m.fullLine("  !   host down, cordoned, or checks not passing", look{}),
		m.fullLine("  LOAD: requests or connections under way, and the soft limit", look{}),
	}
}

// column is a column of the list of Machines, with its width.
type column struct {
	title string
	width int
	cell  func(watch.Machine) (string, look)
}

// columns returns the columns that fit. The least important ones are dropped first.
func (m table) columns() []column {
	since := func(w watch.Machine) (string, look) { return watch.Age(m.scene.Now.Sub(w.Since)), look{} }
	all := []struct {
		rank int
		column
	}{
		{1, column{"MACHINE", 14, func(w watch.Machine) (string, look) { return w.ID, look{} }}},
		{4, column{"REGION", 6, func(w watch.Machine) (string, look) { return w.Region, look{} }}},
		{6, column{"GROUP", 8, func(w watch.Machine) (string, look) { return w.Group, look{} }}},
		{2, column{"STATE", 12, stateCell}},
		{7, column{"FOR", 6, since}},
		{3, column{"LOAD", 7, loadCell}},
		{5, column{"LAST WAKE", 10, func(w watch.Machine) (string, look) {
			if w.Woken.IsZero() {
				return "–", look{faint: true}
			}
			return watch.Age(m.scene.Now.Sub(w.Woken)) + " ago", look{}
		}}},
		{8, column{"LAST REQUEST", 20, func(w watch.Machine) (string, look) {
			if w.Last.Number == 0 {
				return "–", look{faint: true}
			}
			age := watch.Age(m.scene.Now.Sub(w.Last.At))
			return fmt.Sprintf("%s ago  %s  %s", age, requestText(w.Last), answerText(w.Last)), look{}
		}}},
	}
	used, last := 3, 1 // the mark and the indent
	for rank := 1; rank <= len(all); rank++ {
		for _, c := range all {
			if c.rank == rank && used+c.width < m.width+1 {
				used += c.width + 1
				last = rank + 1
			}
		}
		if last <= rank {
			break
		}
	}
	var fitting []column
	for _, c := range all {
		if c.rank < last {
			fitting = append(fitting, c.column)
		}
	}
	if rest := m.width - used; rest > 0 && len(fitting) == len(all) {
		fitting[len(fitting)-1].width += rest
	}
	return fitting
}

func stateCell(w watch.Machine) (string, look) {
	sign, l := stateLook(w.State)
	text := sign + " " + w.State
	if w.Host != "ok" || w.Cordoned || w.State == "started" && !w.Passing {
		text += "!"
	}
	return text, l
}

func loadCell(w watch.Machine) (string, look) {
	if w.Limit == 0 {
		return "–", look{faint: true}
	}
	l := look{}
	switch {
	case w.Load > w.Limit:
		l = look{color: yellow, bold: true}
	case w.Load > 0:
		l = look{bold: true}
	}
	return fmt.Sprintf("%d/%d", w.Load, w.Limit), l
}

// list returns the lines of the apps and Machines around the cursor, at most room of them.
func (m table) list(room int) []string {
	columns := m.columns()
	var head strings.Builder
	head.WriteString("   ")
	for _, c := range columns {
		head.WriteString(fit(c.title, c.width) + " ")
	}
	lines := []string{m.fullLine(strings.TrimRight(head.String(), " "), look{faint: true})}
	if len(m.rows) == 0 {
		return append(lines, m.fullLine("   no apps yet", look{faint: true}))[:min(room, 2)]
	}
	room--
	at := slices.Index(m.rows, m.cursor)
	first := min(max(at-room/2, 0), max(len(m.rows)-room, 0))
	for _, r := range m.rows[first:min(first+max(room, 0), len(m.rows))] {
		lines = append(lines, m.line(r, columns))
	}
	return lines
}

func (m table) line(r row, columns []column) string {
	mark := " "
	if r == m.cursor {
		mark = "›"
	}
	if r.machine == "" {
		i := slices.IndexFunc(m.scene.Apps, func(g flysim.AppOverview) bool { return g.App == r.app })
		return m.fullLine(mark+appText(m.scene.Apps[i]), look{bold: true, color: magenta})
	}
	machines := m.site(r.app).Machines
	machine := machines[slices.IndexFunc(machines, func(w watch.Machine) bool { return w.ID == r.machine })]
	line := mark + "  "
	for i, c := range columns {
		if i > 0 {
			line += " "
		}
		text, l := c.cell(machine)
		if text = fit(text, c.width); i == len(columns)-1 {
			text = strings.TrimRight(text, " ")
		}
		l.bold = l.bold || r == m.cursor
		line += l.render(text)
	}
	return line
}

func appText(g flysim.AppOverview) string {
	door := "no address"
	switch {
	case g.Public && g.Flycast:
		door = "public and private"
	case g.Public:
		door = "public"
	case g.Flycast:
		door = "private"
	}
	addresses := ""
	switch g.Addresses {
	case 0:
	case 1:
		addresses = ", 1 address"
	default:
		addresses = fmt.Sprintf(", %d addresses", g.Addresses)
	}
	return fmt.Sprintf("%s  %s%s, %d/%d started", g.App, door, addresses, g.Started, g.Machines)
}

// requests returns a heading and the latest n requests.
func (m table) requests(n int) []string {
	lines := []string{m.fullLine("LATEST REQUESTS", look{faint: true})}
	visits := m.scene.Visits
	if len(visits) == 0 {
		return append(lines, m.fullLine("   none yet", look{faint: true}))
	}
	for i := len(visits) - 1; i >= max(len(visits)-n, 0); i-- {
		v := visits[i]
		l := look{}
		if v.Code != "" || v.Status >= 500 {
			l.color = red
		}
		app := v.App
		if app == "" {
			app = "no app"
		}
		before := fmt.Sprintf("   %s  %s  %s  ", timeOfDay(v.At), fit(string(v.Door), 8), fit(app, 14))
		after := "  " + answerText(v)
		if v.Held >= time.Millisecond { // otherwise it was not held
			after += "  held " + watch.Span(v.Held)
		}
		if v.Woke {
			after += "  woke"
		}
		// Only the path is cut.
		asked := strings.TrimRight(fit(requestText(v), max(m.width-lipgloss.Width(before+after), 8)), " ")
		lines = append(lines, m.fullLine(before+asked+after, l))
	}
	return lines
}
