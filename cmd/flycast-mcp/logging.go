package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/lmittmann/tint"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// logger logs to w, which ends up at stderr: for a person if that is a
// terminal, as JSON otherwise. Much of what is logged is text from outside: what
// a terminal would obey is escaped, in JSON too, as that is read in one as well.
func logger(p program, w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q must be one of debug, info, warn, error", level)
	}
	if _, ok := cli.Terminal(p.stderr); ok {
		return slog.New(personLog(w, l, p.colors())), nil
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l, ReplaceAttr: visibleAttr(outside.Block)})), nil
}

// colors reports whether a terminal may be written to in colors.
func (p program) colors() bool { return p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb" }

// personLog is the log as a person reads it in a terminal, an entry a line.
func personLog(w io.Writer, level slog.Level, colors bool) slog.Handler {
	return tint.NewTextHandler(w, &tint.Options{Level: level, NoColor: !colors, ReplaceAttr: visibleAttr(func(text string) string {
		return outside.Line(text, math.MaxInt)
	})})
}

// visibleAttr has the texts in an attribute pass through a function.
func visibleAttr(visible func(string) string) func([]string, slog.Attr) slog.Attr {
	return func(_ []string, a slog.Attr) slog.Attr {
		a.Key = visible(a.Key)
		switch value := a.Value.Resolve(); value.Kind() {
		case slog.KindString:
			a.Value = slog.StringValue(visible(value.String()))
		case slog.KindAny:
			switch held := value.Any().(type) {
			case slog.Level, time.Time, time.Duration:
			case error:
				a.Value = slog.StringValue(visible(held.Error()))
			default:
				a.Value = slog.StringValue(visible(fmt.Sprint(held)))
			}
		}
		return a
	}
}
