package flysim

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The programs that exec can run. They are part of the platform and see what a program in the
// Machine would see: nothing on this computer is ever run or read.

// invocation is one run of a program in a Machine.
type invocation struct {
	machine *vm
	args    []string
	stdin   string
	now     time.Time

	stdout, stderr strings.Builder
	sleep          time.Duration // how long the program sleeps before it ends
}

// run runs the program and returns its exit code.
func (in *invocation) run() int {
	switch name := path.Base(in.args[0]); name {
	case "true":
		return 0
	case "false":
		return 1
	case "echo":
		return in.echo()
	case "cat":
		return in.cat()
	case "env":
		return in.env()
	case "printenv":
		return in.printenv()
	case "hostname":
		in.stdout.WriteString(in.machine.id + "\n")
		return 0
	case "uname":
		return in.uname()
	case "ps":
		return in.ps()
	case "ls":
		return in.ls()
	case "pwd":
		in.stdout.WriteString("/\n")
		return 0
	case "sleep":
		return in.pause()
	default:
		fmt.Fprintf(&in.stderr, "%s: not found\n", in.args[0])
		return 127
	}
}

func (in *invocation) fail(code int, format string, args ...any) int {
	fmt.Fprintf(&in.stderr, in.args[0]+": "+format+"\n", args...)
	return code
}

func (in *invocation) echo() int {
	words, end := in.args[1:], "\n"
	if len(words) > 0 && words[0] == "-n" {
		words, end = words[1:], ""
	}
	in.stdout.WriteString(strings.Join(words, " ") + end)
	return 0
}

// cat copies its input, or files that the Machine has, to its output.
func (in *invocation) cat() (code int) {
	names := in.args[1:]
	if len(names) == 0 {
		names = []string{"-"}
	}
	files := in.machine.files()
	for _, name := range names {
		content, ok := files[path.Clean(name)]
		switch {
		case name == "-":
			in.stdout.WriteString(in.stdin)
		case ok:
			in.stdout.WriteString(content)
		default:
			code = in.fail(1, "%s: No such file or directory", name)
		}
	}
	return code
}

// env prints the environment, one variable a line, sorted by name.
func (in *invocation) env() int {
	if len(in.args) > 1 {
		return in.fail(126, "only the environment is shown here")
	}
	environment := in.machine.environment()
	for _, name := range slices.Sorted(maps.Keys(environment)) {
		fmt.Fprintf(&in.stdout, "%s=%s\n", name, environment[name])
	}
	return 0
}

func (in *invocation) printenv() (code int) {
	if len(in.args) == 1 {
		return in.env()
	}
	environment := in.machine.environment()
	for _, name := range in.args[1:] {
		value, ok := environment[name]
		if !ok {
			code = 1
			continue
		}
		in.stdout.WriteString(value + "\n")
	}
	return code
}

func (in *invocation) uname() int {
	parts := map[rune]string{'s': "Linux", 'n': in.machine.id, 'r': "6.12.0-fly", 'v': "#1 SMP", 'm': "x86_64"}
	flags := "s"
	if len(in.args) > 1 {
		flags = strings.TrimLeft(in.args[1], "-")
	}
	var words []string
	for _, flag := range "snrvm" {
		if strings.ContainsRune(flags, flag) || strings.ContainsRune(flags, 'a') {
			words = append(words, parts[flag])
		}
	}
	if len(words) == 0 {
		return in.fail(1, "invalid option %q", flags)
	}
	in.stdout.WriteString(strings.Join(words, " ") + "\n")
	return 0
}

func (in *invocation) ps() int {
	in.stdout.WriteString("  PID COMMAND\n    1 /fly/init\n")
	for _, p := range in.machine.processes() {
		fmt.Fprintf(&in.stdout, "%5d %s\n", p.PID, p.Command)
	}
	return 0
}

// ls lists folders of a made-up root file system.
func (in *invocation) ls() (code int) {
	names := slices.DeleteFunc(slices.Clone(in.args[1:]), func(s string) bool { return strings.HasPrefix(s, "-") })
	if len(names) == 0 {
		names = []string{"/"}
	}
	files := in.machine.files()
	for _, name := range names {
		folder := strings.TrimSuffix(path.Clean("/"+name), "/") + "/"
		if _, ok := files[strings.TrimSuffix(folder, "/")]; ok {
			in.stdout.WriteString(name + "\n")
			continue
		}
		entries := make(map[string]bool)
		for file := range files {
			if rest, ok := strings.CutPrefix(file, folder); ok {
				entry, _, _ := strings.Cut(rest, "/")
				entries[entry] = true
			}
		}
		if len(entries) == 0 {
			code = in.fail(2, "%s: No such file or directory", name)
			continue
		}
		delete(entries, "")
		for _, entry := range slices.Sorted(maps.Keys(entries)) {
			in.stdout.WriteString(entry + "\n")
		}
	}
	return code
}

// pause implements sleep; the time passes on the platform's clock.
func (in *invocation) pause() int {
	if len(in.args) != 2 {
		return in.fail(1, "missing operand")
	}
	n, err := strconv.ParseFloat(in.args[1], 64)
	if err != nil || n < 0 || n > 1e6 {
		return in.fail(1, "invalid time interval %q", in.args[1])
	}
	in.sleep = time.Duration(n * float64(time.Second))
	return 0
}

// environment returns what Fly gives a program (Fly docs, "The Machine runtime environment") and
// the configuration's own variables. It has no secrets, because the platform does not store their
// values.
func (m *vm) environment() map[string]string {
	known := m.parse()
	environment := map[string]string{
		"HOME": "/root", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"FLY_APP_NAME": m.app.name, "FLY_MACHINE_ID": m.id, "FLY_ALLOC_ID": m.id, "FLY_REGION": m.region,
		"FLY_PRIVATE_IP": m.privateIP.String(), "FLY_MACHINE_VERSION": m.instance, "FLY_IMAGE_REF": m.config.Image(),
		"FLY_PROCESS_GROUP": m.config.ProcessGroup(), "FLY_VM_MEMORY_MB": strconv.Itoa(m.memoryMB()),
	}
	if version := known.metadata["fly_release_version"]; version != "" {
		environment["FLY_RELEASE_VERSION"] = version
	}
	if own, err := m.config.Env(); err == nil {
		maps.Copy(environment, own)
	}
	return environment
}

// defaultMemoryMB is the memory of a Machine without a guest: that of shared-cpu-1x.
const defaultMemoryMB = 256

func (m *vm) memoryMB() int {
	if guest, err := m.config.Guest(); err == nil && guest != nil && guest.MemoryMB > 0 {
		return guest.MemoryMB
	}
	return defaultMemoryMB
}

// files returns the files of the Machine by path: a few that every Machine has, and those of its
// configuration. A path that ends in a slash is a folder.
func (m *vm) files() map[string]string {
	files := map[string]string{
		"/etc/hostname":    m.id + "\n",
		"/etc/resolv.conf": "nameserver fdaa::3\n",
		"/etc/hosts":       "127.0.0.1\tlocalhost\n" + m.privateIP.String() + "\tfly-local-6pn\n",
		"/etc/os-release":  "ID=debian\nPRETTY_NAME=\"A Machine of the sandbox\"\n",
		"/app/server":      "", "/bin/": "", "/dev/": "", "/lib/": "", "/proc/": "", "/root/": "", "/sys/": "",
		"/tmp/": "", "/usr/": "", "/var/": "",
	}
	var own []struct {
		Path  string  `json:"guest_path"`
		Value *string `json:"raw_value"`
	}
	if raw := m.config.Raw("files"); raw != nil && json.Unmarshal(raw, &own) == nil {
		for _, file := range own {
			if file.Value == nil || !path.IsAbs(file.Path) {
				continue
			}
			if content, err := base64.StdEncoding.DecodeString(*file.Value); err == nil {
				files[path.Clean(file.Path)] = string(content)
			}
		}
	}
	return files
}

var errUnclosed = errors.New("a quote is not closed")

// splitWords splits a command line as a shell would, without expansion: blanks separate words,
// quotes and backslashes join them.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	open, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			if quote == '"' && !strings.ContainsRune(`"\$`+"`", r) {
				word.WriteByte('\\')
			}
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, open = true, true
		case quote != 0:
			if r == quote {
				quote = 0
				continue
			}
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 || escaped {
		return nil, errUnclosed
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}
