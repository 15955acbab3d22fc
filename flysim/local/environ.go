package local

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flysim/program"
)

// commandEnvironment returns the environment of a command: the variables that Fly sets, PORT, this
// computer's PATH, HOME, and the variables that the operator's file names. Their values come from
// the Machine's configuration if it has them, so that a deploy can change them. But anyone with a
// token of the emulated platform can write that configuration. So variables that the file does not
// name are left out, because too many of them make a program run other code (GUNICORN_CMD_ARGS,
// FLASK_APP, MAKEFLAGS), and those known to do that keep the operator's value.
//
// It also returns the names that were left out, sorted.
func commandEnvironment(me program.Identity, operator map[string]string, port int, home string) (environ,
	leftOut []string) {
	all := make(map[string]string)
	deployed, err := me.Config.Env()
	if err != nil {
		deployed = nil
	}
	for name, value := range operator {
		if other, ok := deployed[name]; ok && !runsCode(name) {
			value = other
		}
		if !secretOfFly(name) && name != "" && !strings.ContainsAny(name, "=\x00") && !strings.Contains(value, "\x00") {
			all[name] = value
		}
	}
	for name, value := range me.Variables() {
		if !strings.Contains(value, "\x00") {
			all[name] = value
		}
	}
	own := []string{"PATH"}
	if runtime.GOOS == "windows" {
		own = append(own, "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "PATHEXT")
	}
	for _, name := range own {
		if value, ok := os.LookupEnv(name); ok && all[name] == "" {
			all[name] = value
		}
	}
	all["HOME"], all["TMPDIR"] = home, home
	if runtime.GOOS == "windows" {
		all["USERPROFILE"], all["TEMP"], all["TMP"] = home, home, home
	}
	all["PORT"] = strconv.Itoa(port)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		environ = append(environ, name+"="+all[name])
	}
	for _, name := range slices.Sorted(maps.Keys(deployed)) {
		if _, ok := all[name]; !ok {
			leftOut = append(leftOut, name)
		}
	}
	return environ, leftOut
}

// secretOfFly reports whether Fly's clients look for a token in a variable.
func secretOfFly(name string) bool {
	name = strings.ToUpper(name)
	return name == "FLY_API_TOKEN" || name == "FLY_ACCESS_TOKEN"
}

// runsCode reports whether a variable can make loaders, shells or interpreters run other code.
func runsCode(name string) bool {
	name = strings.ToUpper(name)
	if name == "NODE_ENV" || name == "PYTHONUNBUFFERED" {
		return false
	}
	for _, prefix := range []string{"LD_", "DYLD_", "PYTHON", "PERL", "RUBY", "GEM_", "BUNDLE_", "NODE_",
		"NPM_", "JAVA_", "JDK_", "_JAVA", "PHP", "LUA_", "GIT_", "BASH_", "GCONV_", "GLIBC_", "DOTNET_",
		"COMPLUS_", "CORECLR_", "ERL_", "MALLOC_", "OPENSSL_", "GUNICORN_", "FLASK_", "MAKE", "RUSTC", "CARGO_",
		"DENO_", "BUN_", "R_", "JULIA_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"PATH", "HOME", "SHELL", "SHELLOPTS", "IFS", "ENV", "CDPATH", "PS4", "PROMPT_COMMAND", "EDITOR", "PAGER",
		"VISUAL", "BROWSER",
		"CLASSPATH", "GODEBUG", "GOFLAGS", "SYSTEMROOT", "COMSPEC", "PATHEXT", "LOCPATH", "NLSPATH", "TERMINFO",
		"TMPDIR", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "ZDOTDIR",
	}, name)
}
