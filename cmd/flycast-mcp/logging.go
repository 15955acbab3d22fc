package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// logger returns a log on w, which is written to stderr: lines for a person if that
// is a terminal, JSON otherwise. Control characters are escaped in both, as texts
// come from outside and JSON is read in terminals too.
func logger(p program, w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q must be one of debug, info, warn, error", level)
	}
	if _, ok := cli.Terminal(p.stderr); ok {
		return slog.New(personLog(w, l, p.colors())), nil
	}
	options := slog.HandlerOptions{Level: l, ReplaceAttr: visibleAttr(outside.Block)}
	return slog.New(slog.NewJSONHandler(w, &options)), nil
}

// colors reports whether terminal output may have colors.
func (p program) colors() bool { return p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb" }

// personLog writes an entry as a line for a person.
func personLog(w io.Writer, level slog.Level, colors bool) slog.Handler {
	return tint.NewTextHandler(w, &tint.Options{Level: level, NoColor: !colors, ReplaceAttr: visibleAttr(cli.Line)})
}

// visibleAttr applies a function to the texts of an attribute.
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
