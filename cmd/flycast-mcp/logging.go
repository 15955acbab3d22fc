package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/lmittmann/tint"
)

// logger logs to w, which ends up at stderr: for a person if that is a
// terminal, as JSON otherwise.
func logger(stderr, w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %q is none of debug, info, warn, error", level)
	}
	if _, ok := asTerminal(stderr); ok {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: l})), nil
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})), nil
}
