package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/columns"
)

// none stands in a table for a value that a configuration does not set.
const none = "-"

// widest is the width at which a column of free text wraps.
const widest = 48

// summaryOf formats configurations as two tables: the process groups, and their
// services. It does not contain values of env and headers. It is empty if no group
// could be converted.
func summaryOf(c convertOutput) (string, error) {
	groups := columns.New("GROUP", "SIZE", "COMMAND", "MOUNTS", "CHECKS", "ENV")
	groups.Limit(widest, "COMMAND")
	services := columns.New("GROUP", "PORTS", "INTERNAL PORT", "AUTOSTOP", "AUTOSTART", "MIN", "CHECKS")
	services.Limit(widest, "PORTS")
	for _, group := range c.Groups {
		config, ok := c.Config[group]
		if !ok {
			continue
		}
		if err := config.Validate(); err != nil {
			return "", fmt.Errorf("process group %s: %w", group, err)
		}
		guest, _ := config.Guest()
		mounts, _ := config.Mounts()
		checks, _ := config.Checks()
		env, _ := config.Env()
		command, err := commandText(config)
		if err != nil {
			return "", fmt.Errorf("process group %s: %w", group, err)
		}
		groups.Append(cli.Line(group), sizeText(guest), command, mountsText(mounts), len(checks), len(env))
		list, _ := config.Services()
		for _, s := range list {
			services.Append(
				cli.Line(group), portsText(s), orNone(s.InternalPort != 0, s.InternalPort), autostopText(s.Autostop),
				boolText(s.Autostart), orNone(s.MinMachinesRunning != nil, pointed(s.MinMachinesRunning)), len(s.Checks),
			)
		}
	}
	if groups.Len() == 0 {
		return "", nil
	}
	if services.Len() == 0 {
		return groups.String() + "\n\nno services\n", nil
	}
	return groups.String() + "\n\n" + services.String() + "\n", nil
}

func orNone(there bool, n int) string {
	if !there {
		return none
	}
	return strconv.Itoa(n)
}

func pointed(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}

func boolText(enabled *bool) string {
	switch {
	case enabled == nil:
		return none
	case *enabled:
		return "yes"
	}
	return "no"
}

func autostopText(a *machine.Autostop) string {
	if a == nil {
		return none
	}
	return a.String()
}

// sizeText formats a size as Fly names it: shared-cpu-1x, 256 MB.
func sizeText(g *machine.Guest) string {
	if g == nil {
		return none
	}
	text := fmt.Sprintf("%s-cpu-%dx, %d MB", g.CPUKind, g.CPUs, g.MemoryMB)
	if g.GPUs > 0 || g.GPUKind != "" {
		text += fmt.Sprintf(", %d GPU %s", max(g.GPUs, 1), g.GPUKind)
	}
	return cli.Line(text)
}

// commandText formats the command that replaces the one of the image.
func commandText(config machine.Config) (string, error) {
	var init struct {
		Exec       []string `json:"exec"`
		Entrypoint []string `json:"entrypoint"`
		Cmd        []string `json:"cmd"`
	}
	if raw := config.Raw("init"); raw != nil {
		if err := json.Unmarshal(raw, &init); err != nil {
			return "", fmt.Errorf("machine configuration: field \"init\": %w", err)
		}
	}
	words := init.Exec
	if len(words) == 0 {
		words = slices.Concat(init.Entrypoint, init.Cmd)
	}
	if len(words) == 0 {
		return none, nil
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		if quoted[i] = word; word == "" || strings.ContainsAny(word, " \t\n\"'") {
			quoted[i] = strconv.Quote(word)
		}
	}
	return cli.Line(strings.Join(quoted, " ")), nil
}

func mountsText(mounts []machine.Mount) string {
	if len(mounts) == 0 {
		return none
	}
	texts := make([]string, len(mounts))
	for i, m := range mounts {
		name := m.Name
		if name == "" {
			name = m.Volume
		}
		texts[i] = cli.Line(name + ":" + m.Path)
	}
	return strings.Join(texts, "\n")
}

// portsText lists ports as 443 tls+http.
func portsText(s machine.Service) string {
	if len(s.Ports) == 0 {
		return none
	}
	texts := make([]string, len(s.Ports))
	for i, p := range s.Ports {
		texts[i] = p.String()
		if handlers := strings.Join(p.Handlers, "+"); handlers != "" {
			texts[i] += " " + handlers
		}
		if p.ForceHTTPS {
			texts[i] += " (force_https)"
		}
		if s.Protocol != "" && s.Protocol != "tcp" {
			texts[i] += "/" + s.Protocol
		}
		texts[i] = cli.Line(texts[i])
	}
	return strings.Join(texts, "\n")
}
