package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// page is what the demo prints, at most 100 columns wide. Progress comes from
// another goroutine than results do.
type page struct {
	now   func() time.Time
	width int
	bold  string
	dim   string
	plain string

	mu    sync.Mutex
	w     io.Writer
	last  string // line of progress
	blank bool   // the last line was one
}

const pageWidth = 100

func newPage(p program) *page {
	out := &page{now: p.clock.Now, width: pageWidth, w: p.stdout}
	if f, ok := cli.Terminal(p.stdout); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns >= 40 {
			out.width = min(pageWidth, columns)
		}
		if p.colors() {
			out.bold, out.dim, out.plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"
		}
	}
	return out
}

func (p *page) intro(app, protocol string, a *asker) {
	p.print(p.bold + "flycast-mcp demo: a public Fly.io app becomes private." + p.plain)
	p.text("All of it on this machine: an emulated Fly platform in this process, the real server beside it, " +
		"and an MCP client (" + protocol + ") that does what your agent would do to the example app " + app + ".")
	if a.inPlace {
		p.text("The demo answers in the person's place, as it only ever touches its own sandbox.")
	}
}

func (p *page) heading(number int, tool, arguments, why string) {
	p.mu.Lock()
	p.last = ""
	p.mu.Unlock()
	call := fmt.Sprintf("%d  %s", number, tool)
	if room := p.width - utf8.RuneCountInString(call) - 2; utf8.RuneCountInString(arguments) > room {
		arguments = string([]rune(arguments)[:max(room-1, 0)]) + "…"
	}
	p.print("")
	p.print(p.bold + call + p.plain + "  " + p.dim + arguments + p.plain)
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
			p.text("In the way of Flycast:")
		}
		p.item(blocker.What)
	}
}

func (p *page) table(l listing) {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "ADDRESS\tKIND\tAGE\tPRICE\tREACHED FROM")
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
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", a.IP, plan.KindName(a.Kind), p.age(a.CreatedAt), price, from)
	}
	_ = t.Flush() // into memory
	for line := range strings.Lines(b.String()) {
		p.print("   " + strings.TrimRight(line, " \n"))
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

// progress is a line of a call that is under way; repeated ones are left out.
func (p *page) progress(message string) {
	p.mu.Lock()
	repeated := p.last == message
	p.last = message
	p.mu.Unlock()
	if !repeated {
		p.hang("   · ", "     ", message, "")
	}
}

// question is what a person is asked, behind a bar; columns of the text stay.
func (p *page) question(message string) {
	p.print("")
	for i, line := range strings.Split(message, "\n") {
		style := ""
		if i == 0 {
			style = p.bold
		}
		const column = 12 // where the text of a question begins
		hang := 0
		if len(line) > column && strings.TrimSpace(line[column-1:column]) == "" {
			hang = column
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

// hang prints a text in lines of the page's width: the first one after first,
// the others after rest. Blanks within a line stay.
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

// print prints a line. Of several blank ones in a row, one.
func (p *page) print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if line != "" || !p.blank {
		fmt.Fprintln(p.w, line)
	}
	p.blank = line == ""
}

// prompt leaves the cursor behind the text.
func (p *page) prompt(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprint(p.w, "   "+text)
	p.blank = false
}
