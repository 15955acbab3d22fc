package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// exports returns the lines that point a shell at the platform. A configuration
// folder of its own keeps flyctl away from ~/.fly. What is not served has none.
func (e *emulator) exports() string {
	var b strings.Builder
	b.WriteString("export FLY_CONFIG_DIR=\"$(mktemp -d)\"\n")
	for _, v := range []struct{ name, url string }{
		{"FLYCAST_SANDBOX_PAGE", e.pageURL},
		{"FLYCAST_SANDBOX_INSIDE", e.links.Flycast},
		{"FLYCAST_SANDBOX_PUBLIC", e.links.Public},
		{"FLYCAST_SANDBOX_CONTROL", e.links.Control},
	} {
		if v.url != "" {
			fmt.Fprintf(&b, "export %s='%s'\n", v.name, v.url)
		}
	}
	return b.String() + e.api.Exports(e.platform.Token())
}

// dnsNote is printed, as flyctl has no variable for it.
const dnsNote = "Use fly deploy --dns-checks=false: otherwise flyctl asks 8.8.8.8 for <app>.fly.dev after a deploy"

func (e *emulator) writeExports(context.Context) error {
	exports := e.exports()
	if e.settings.envFile != "" {
		if err := writePrivate(e.settings.envFile, exports); err != nil {
			return fmt.Errorf("--env-file: %w", err)
		}
	}
	_, _ = io.WriteString(e.stderr, dnsNote+"\n") // an error could not be reported anywhere
	_, err := io.WriteString(e.stdout, exports)
	return err
}

// writePrivate replaces a file as a whole by one that only its owner can read.
func writePrivate(name, text string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".flysim-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
