package lint

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// volumeName is the form of a volume's name.
var volumeName = regexp.MustCompile(`^[a-z0-9_]{1,30}$`)

// volumes looks at the names of volumes, and at where they appear.
func (l *linter) volumes(root spot) {
	spots := l.list(root, "mount", "mounts")
	taken := map[[2]string]bool{} // group and directory
	for i, mount := range l.def.Mounts {
		at := nth(spots, i)
		if name := mount.Source; name != "" && !volumeName.MatchString(name) {
			l.error(FindingVolumeName, l.under(at, "source"), message{
				fmt.Sprintf("no volume can be called %s", excerpt.Quote(name)),
				"names of volumes have small letters, digits and underscores, 30 at most; flyctl does not look at it, and a deploy finds and creates no such volume",
				"use another name, with underscores in place of dashes"})
		}
		if mount.Destination == "" {
			continue
		}
		place := l.under(at, "destination")
		directory := path.Clean(mount.Destination)
		switch {
		case !path.IsAbs(mount.Destination):
			l.error(FindingMountDestination, place, message{
				fmt.Sprintf("the volume's directory %s does not begin with a slash", excerpt.Quote(mount.Destination)),
				"a Machine knows no working directory to take it from; flyctl does not look at it",
				"write the whole path, as in /data"})
			continue
		case directory == "/":
			l.error(FindingMountDestination, place, message{
				"the volume would take the place of the root directory", "the image's own files are there, and Fly refuses it; flyctl does not look at it",
				"use a directory below it, as in /data"})
			continue
		}
		for _, group := range l.members(mount.Processes) {
			if taken[[2]string{group, directory}] {
				l.error(FindingMountDestination, place, message{
					fmt.Sprintf("another volume of the group %s has the directory %s", excerpt.Quote(group), excerpt.Quote(mount.Destination)),
					"one directory shows one volume", "use another directory"})
				break
			}
			taken[[2]string{group, directory}] = true
		}
	}
}

// slash reports a path of a URL that does not begin with a slash.
func (l *linter) slash(s spot, value, what string) {
	if value == "" || strings.HasPrefix(value, "/") {
		return
	}
	fix := "write it with a slash in front"
	if strings.Contains(value, "://") {
		fix = "write the path alone, from the slash behind the host"
	}
	l.warn(FindingPathForm, s, message{
		fmt.Sprintf("the path %s of %s does not begin with a slash", excerpt.Quote(value), what),
		"it is asked for as it stands, and that is no path of a URL: the answer is an error; flyctl does not look at it", fix})
}

// urlPaths looks at the paths of top-level checks and of metrics.
func (l *linter) urlPaths(root spot) {
	checks := l.checks(root)
	for name, check := range l.def.Checks {
		if check != nil && check.HTTPPath != nil && check.Type != nil && *check.Type == "http" {
			l.slash(l.under(checks[name], "path"), *check.HTTPPath, "the check")
		}
	}
	spots := l.list(root, "metric", "metrics")
	for i, metrics := range l.def.Metrics {
		if metrics != nil && metrics.MachineMetrics != nil {
			l.slash(l.under(nth(spots, i), "path"), metrics.Path, "the metrics")
		}
	}
}

// statics looks for [[statics]] that serve nothing.
func (l *linter) statics(root spot) {
	spots := l.list(root, "statics")
	prefixes := map[string]bool{}
	for i, static := range l.def.Statics {
		at := nth(spots, i)
		const why = "Fly Proxy answers requests below url_prefix with the files in guest_path; flyctl asks for both in its documentation, and does not look"
		switch {
		case static.GuestPath == "" && static.TigrisBucket == "":
			l.warn(FindingStaticIncomplete, at, message{"the section has no guest_path", why, "set guest_path to the directory with the files"})
		case static.URLPrefix == "":
			l.warn(FindingStaticIncomplete, at, message{"the section has no url_prefix", why, `set url_prefix, as in "/public"`})
		case prefixes[static.URLPrefix]:
			l.warn(FindingStaticIncomplete, l.under(at, "url_prefix"), message{fmt.Sprintf("another section has the url_prefix %s", excerpt.Quote(static.URLPrefix)), "of several for one prefix, Fly Proxy honors one", "keep one"})
		}
		prefixes[static.URLPrefix] = true
		l.slash(l.under(at, "url_prefix"), static.URLPrefix, "the section")
	}
}

// guestFiles looks for [[files]] that make no file.
func (l *linter) guestFiles(root spot) {
	spots := l.list(root, "files")
	for i, file := range l.def.Files {
		at := nth(spots, i)
		var sources []string
		for _, source := range []struct{ key, value string }{{"local_path", file.LocalPath}, {"secret_name", file.SecretName}, {"raw_value", file.RawValue}} {
			if source.value != "" {
				sources = append(sources, source.key)
			}
		}
		switch {
		case file.GuestPath == "" || !path.IsAbs(file.GuestPath):
			l.warn(FindingFileIncomplete, l.under(at, "guest_path"), message{
				"the file has no guest_path that begins with a slash", "Fly needs to know where on the Machine the file goes; flyctl sends it as it stands, and a deploy may fail",
				"set guest_path to the whole path, as in /etc/app.conf"})
		case len(sources) == 0 && !l.under(at, "raw_value").read:
			l.warn(FindingFileIncomplete, at, message{
				"the file has no content", "it comes from local_path, secret_name or raw_value; flyctl sends it without, and a deploy may fail", "set one of them"})
		case len(sources) > 1:
			l.warn(FindingFileIncomplete, at, message{
				"the file has several sources: " + strings.Join(sources, ", "), "flyctl takes the first of local_path, secret_name and raw_value, and leaves out the others", "keep one"})
		}
	}
}

// portVariable looks for a PORT that no service sends requests to. Programs
// that look at PORT listen there.
func (l *linter) portVariable(root spot) {
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
		fmt.Sprintf("PORT is %d, and requests go to internal_port %s", port, excerpt.Line(strings.Join(ports, ", "))),
		"a program that takes its port from PORT does not listen where Fly Proxy sends requests; flyctl does not compare them",
		"use one port for both, unless another program on the Machine listens there and passes requests on"})
}

// hasProxy reports whether the file names a program that passes requests on to
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
		for _, proxy := range []string{"litefs", "nginx", "caddy", "haproxy", "traefik", "envoy", "proxy", "supervisord", "overmind", "hivemind", "thrust", "tailscale", "cloudflared"} {
			if strings.Contains(strings.ToLower(text), proxy) {
				return true
			}
		}
	}
	return false
}
