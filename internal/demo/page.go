package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/columns"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// page is what the demo prints, at most 100 columns wide. It is safe for
// concurrent use: progress comes from another goroutine than results.
type page struct {
	now   func() time.Time
	width int
	bold  string
	dim   string
	plain string

	mu    sync.Mutex
	w     io.Writer
	last  string // line of progress
	blank bool   // the last line was blank
}

// PageWidth is the most columns that the demo prints.
const PageWidth = 100

func (d *Demo) newPage() *page {
	out := &page{now: d.Clock.Now, width: PageWidth, w: d.Stdout}
	if f, ok := cli.Terminal(d.Stdout); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns >= 40 {
			out.width = min(PageWidth, columns)
		}
		if d.Colors {
			out.bold, out.dim, out.plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"
		}
	}
	return out
}

func (p *page) intro(app, protocol string, isDemo bool) {
	p.print(p.bold + "flycast-mcp demo: a public Fly.io app becomes private." + p.plain)
	p.text("Everything runs on this machine: an emulated Fly platform in this process, " +
		"the real server in another, and an MCP client (" + protocol + ") " +
		"that makes the calls your agent would make for the example app " + app + ".")
	if isDemo {
		p.text("The demo answers the questions itself, as it changes only its own emulated platform.")
	}
}

func (p *page) heading(number int, tool, arguments, why string) {
	p.mu.Lock()
	p.last = ""
	p.mu.Unlock()
	title := fmt.Sprintf("%d  %s", number, tool)
	if room := p.width - utf8.RuneCountInString(title) - 2; utf8.RuneCountInString(arguments) > room {
		arguments = string([]rune(arguments)[:max(room-1, 0)]) + "…"
	}
	p.print("")
	p.print(p.bold + title + p.plain + "  " + p.dim + arguments + p.plain)
	p.faint(why)
}

func (p *page) section(title string) {
	p.print("")
	p.print(p.bold + title + p.plain)
}

func (p *page) listing(l listing) {
	p.text(l.Summary)
	if len(l.Addresses) > 0 {
		p.print("")
		p.table(l)
	}
	for i, blocker := range l.Blockers {
		if i == 0 {
			p.print("")
			p.text("Why Flycast does not work yet:")
		}
		p.item(blocker.What)
	}
}

func (p *page) table(l listing) {
	t := columns.New("ADDRESS", "KIND", "AGE", "PRICE", "REACHED FROM")
	for _, a := range l.Addresses {
		price, from := "free", "the internet"
		if a.MonthlyUSD > 0 {
			price = fmt.Sprintf("$%g/month", a.MonthlyUSD)
		}
		switch {
		case a.NetworkID != "":
			from = strings.TrimSpace("network "+a.Network) + " (" + a.NetworkID + ")"
			if a.OwnNetwork == "yes" {
				from += ", its own"
			}
		case a.Kind == "egress":
			from, price = "nowhere: outbound only", ""
		}
		t.Append(a.IP, plan.KindName(a.Kind), p.age(a.CreatedAt), price, from)
	}
	for line := range strings.Lines(t.String()) {
		p.print("  " + strings.TrimRight(line, " \n"))
	}
}

func (p *page) age(created string) string {
	at, err := time.Parse(time.RFC3339, created)
	days := int(p.now().Sub(at).Hours() / 24)
	switch {
	case err != nil || days < 0:
		return ""
	case days == 0:
		return "new"
	}
	return fmt.Sprintf("%dd", days)
}

func (p *page) outcome(o outcome) {
	p.text(o.Summary)
	for _, b := range o.Blockers {
		p.item(b.What)
	}
	if o.Status != plan.Applied || o.Diff == "" {
		return
	}
	p.print("")
	for line := range strings.Lines(o.Diff) {
		line = strings.TrimRight(line, "\r\n")
		style := p.dim
		if strings.HasPrefix(line, "+") || strings.HasPrefix(line, "-") {
			style = p.bold
		}
		p.print(strings.TrimRight("   "+style+line+p.plain, " "))
	}
}

// progress prints a line about a running call, once if it is repeated.
func (p *page) progress(message string) {
	p.mu.Lock()
	isRepeated := p.last == message
	p.last = message
	p.mu.Unlock()
	if !isRepeated {
		p.hang("   · ", "     ", message, "")
	}
}

// question prints a question behind a bar, and keeps its columns.
func (p *page) question(message string) {
	p.print("")
	for i, line := range strings.Split(message, "\n") {
		style := ""
		if i == 0 {
			style = p.bold
		}
		const indent = 12 // where the text of a question begins
		hang := 0
		if len(line) > indent && strings.TrimSpace(line[indent-1:indent]) == "" {
			hang = indent
		}
		p.hang("   │ ", "   │ "+strings.Repeat(" ", hang), line, style)
	}
	p.print("")
}

func (p *page) text(s string) { p.hang("   ", "   ", s, "") }

func (p *page) faint(s string) { p.hang("   ", "   ", s, p.dim) }

func (p *page) item(s string) { p.hang("   - ", "     ", s, "") }

func (p *page) items(title string, list []string) {
	if len(list) == 0 {
		return
	}
	p.section(title)
	for _, s := range list {
		p.item(s)
	}
}

func (p *page) lines(text string) {
	for line := range strings.Lines(text) {
		p.print(strings.TrimRight("   "+line, " \n"))
	}
}

// hang prints text wrapped to the page's width: the first line after first, the
// others after rest. Spaces within a line stay.
func (p *page) hang(first, rest, s, style string) {
	lead, line := first, ""
	flush := func() {
		if style != "" {
			line = style + line + p.plain
		}
		p.print(lead + line)
		lead, line = rest, ""
	}
	for i, word := range strings.SplitAfter(s, " ") {
		used := utf8.RuneCountInString(lead + line + strings.TrimRight(word, " "))
		if i > 0 && used > p.width && strings.TrimSpace(line) != "" {
			line = strings.TrimRight(line, " ")
			flush()
		}
		line += word
	}
	flush()
}

// print prints a line, and only one of several blank lines in a row.
func (p *page) print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if line != "" || !p.blank {
		fmt.Fprintln(p.w, line)
	}
	p.blank = line == ""
}

// prompt prints text and leaves the cursor after it.
func (p *page) prompt(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprint(p.w, "   "+text)
	p.blank = false
}
