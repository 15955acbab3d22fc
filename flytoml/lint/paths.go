package lint

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// volumeName matches the name of a volume.
var volumeName = regexp.MustCompile(`^[a-z0-9_]{1,30}$`)

// checkVolumes checks the names of volumes, and where they are mounted.
func (l *linter) checkVolumes(root spot) {
	spots := l.list(root, "mount", "mounts")
	taken := map[[2]string]bool{} // group and directory
	for i, mount := range l.def.Mounts {
		at := nth(spots, i)
		if name := mount.Source; name != "" && !volumeName.MatchString(name) {
			l.error(FindingVolumeName, l.under(at, "source"), message{
				fmt.Sprintf("%s cannot be a volume name", excerpt.Quote(name)),
				"a volume name has at most 30 lowercase letters, digits and underscores; flyctl does not check it, and " +
					"a deploy can neither find nor create the volume",
				"use another name, with underscores instead of dashes"})
		}
		if mount.Destination == "" {
			continue
		}
		place := l.under(at, "destination")
		directory := path.Clean(mount.Destination)
		switch {
		case !path.IsAbs(mount.Destination):
			l.error(FindingMountDestination, place, message{
				fmt.Sprintf("the mount's destination %s does not begin with a slash", excerpt.Quote(mount.Destination)),
				"the destination must be an absolute path; flyctl does not check it",
				"write an absolute path, for example /data"})
			continue
		case directory == "/":
			l.error(FindingMountDestination, place, message{
				"the volume would replace the root directory",
				"the image's files are there, so Fly refuses the mount; flyctl does not check it",
				"use a directory below it, for example /data"})
			continue
		}
		for _, group := range l.members(mount.Processes) {
			if taken[[2]string{group, directory}] {
				l.error(FindingMountDestination, place, message{
					fmt.Sprintf("another volume of the group %s is already mounted at %s", excerpt.Quote(group),
						excerpt.Quote(mount.Destination)),
					"only one volume can be mounted at a directory", "use another directory"})
				break
			}
			taken[[2]string{group, directory}] = true
		}
	}
}

// checkSlash reports a URL path that does not begin with a slash.
func (l *linter) checkSlash(s spot, value, what string) {
	if value == "" || strings.HasPrefix(value, "/") {
		return
	}
	fix := "add a slash at the start"
	if strings.Contains(value, "://") {
		fix = "write only the path, from the slash after the host"
	}
	l.warn(FindingPathForm, s, message{
		fmt.Sprintf("the path %s of %s does not begin with a slash", excerpt.Quote(value), what),
		"Fly uses it unchanged, and it is not the path of a URL, so requests fail; flyctl does not check it", fix})
}

// checkURLPaths looks at the paths of top-level checks and of metrics.
func (l *linter) checkURLPaths(root spot) {
	checks := l.checks(root)
	for name, check := range l.def.Checks {
		if check != nil && check.HTTPPath != nil && check.Type != nil && *check.Type == "http" {
			l.checkSlash(l.under(checks[name], "path"), *check.HTTPPath, "the check")
		}
	}
	spots := l.list(root, "metric", "metrics")
	for i, metrics := range l.def.Metrics {
		if metrics != nil && metrics.MachineMetrics != nil {
			l.checkSlash(l.under(nth(spots, i), "path"), metrics.Path, "the metrics")
		}
	}
}

// checkStatics looks for [[statics]] that serve nothing.
func (l *linter) checkStatics(root spot) {
	spots := l.list(root, "statics")
	prefixes := map[string]bool{}
	for i, static := range l.def.Statics {
		at := nth(spots, i)
		const why = "Fly Proxy serves the files in guest_path under url_prefix; the documentation requires both, " +
			"but flyctl does not check"
		switch {
		case static.GuestPath == "" && static.TigrisBucket == "":
			l.warn(FindingStaticIncomplete, at, message{
				"the section has no guest_path",
				why,
				"set guest_path to the directory with the files",
			})
		case static.URLPrefix == "":
			l.warn(FindingStaticIncomplete, at, message{
				"the section has no url_prefix",
				why,
				`set url_prefix, for example "/public"`,
			})
		case prefixes[static.URLPrefix]:
			l.warn(FindingStaticIncomplete, l.under(at, "url_prefix"), message{
				fmt.Sprintf("another section already has the url_prefix %s", excerpt.Quote(static.URLPrefix)),
				"Fly Proxy uses only one section for each prefix",
				"keep one of them",
			})
		}
		prefixes[static.URLPrefix] = true
		l.checkSlash(l.under(at, "url_prefix"), static.URLPrefix, "the section")
	}
}

// checkGuestFiles looks for [[files]] that do not make a file.
func (l *linter) checkGuestFiles(root spot) {
	spots := l.list(root, "files")
	for i, file := range l.def.Files {
		at := nth(spots, i)
		var sources []string
		for _, source := range []struct{ key, value string }{{"local_path", file.LocalPath},
			{"secret_name", file.SecretName}, {"raw_value", file.RawValue}} {
			if source.value != "" {
				sources = append(sources, source.key)
			}
		}
		switch {
		case file.GuestPath == "" || !path.IsAbs(file.GuestPath):
			l.warn(FindingFileIncomplete, l.under(at, "guest_path"), message{
				"the file has no guest_path that begins with a slash",
				"guest_path says where the file goes on the Machine; flyctl does not check it, and a deploy may fail",
				"set guest_path to an absolute path, for example /etc/app.conf"})
		case len(sources) == 0 && !l.under(at, "raw_value").read:
			l.warn(FindingFileIncomplete, at, message{
				"the file has no content",
				"the content comes from local_path, secret_name or raw_value; flyctl does not check for one, and a deploy may fail",
				"set one of them"})
		case len(sources) > 1:
			l.warn(FindingFileIncomplete, at, message{
				"the file has several sources: " + strings.Join(sources, ", "),
				"flyctl uses the first of local_path, secret_name and raw_value, and ignores the others", "keep one of them"})
		}
	}
}

// checkPortVariable looks for a PORT variable that is no service's internal_port.
// Many programs listen on PORT.
func (l *linter) checkPortVariable(root spot) {
	port, err := strconv.Atoi(l.def.Env["PORT"])
	if err != nil || l.def.MachineConfig != "" || l.def.Build != nil && l.def.Build.Compose != nil || l.hasProxy() {
		return
	}
	var ports []string
	for _, s := range l.def.AllServices() {
		if s.InternalPort == port {
			return
		}
		if s.InternalPort != 0 && s.Protocol != "udp" {
			ports = append(ports, strconv.Itoa(s.InternalPort))
		}
	}
	if len(ports) == 0 {
		return
	}
	l.warn(FindingPortVariable, l.under(l.under(root, "env"), "PORT"), message{
		fmt.Sprintf("PORT is %d, but requests go to internal_port %s", port, excerpt.Line(strings.Join(ports, ", "))),
		"a program that listens on PORT gets no requests from Fly Proxy; flyctl does not compare the two",
		"use one port for both, unless another program on the Machine listens on internal_port and forwards requests"})
}

// hasProxy reports whether the file names a program that forwards requests to
// another one on the Machine.
func (l *linter) hasProxy() bool {
	texts := []string{}
	for _, command := range l.def.Processes {
		texts = append(texts, command)
	}
	if e := l.def.Experimental; e != nil {
		if e.MachineConfig != "" {
			return true
		}
		texts = append(append(append(texts, e.Cmd...), e.Entrypoint...), e.Exec...)
	}
	for _, mount := range l.def.Mounts {
		texts = append(texts, mount.Source, mount.Destination)
	}
	for _, text := range texts {
		for _, proxy := range []string{"litefs", "nginx", "caddy", "haproxy", "traefik", "envoy", "proxy",
			"supervisord", "overmind", "hivemind", "thrust", "tailscale", "cloudflared"} {
			if strings.Contains(strings.ToLower(text), proxy) {
				return true
			}
		}
	}
	return false
}
