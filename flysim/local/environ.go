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

// commandEnvironment is the environment of a command: what Fly sets, PORT, of
// this computer's PATH alone, with a home of its own, and those variables that
// the operator's file names. Their values may be those of the Machine's
// configuration, so that a deploy changes them; but anybody with a token of the
// emulated platform may set that, so another name does not get in, as too many
// make a program run other code (GUNICORN_CMD_ARGS, FLASK_APP, MAKEFLAGS), and
// those that are known to keep the operator's value.
//
// It returns the names that do not get in too, sorted.
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

// secretOfFly reports whether a variable is one in which Fly's clients look for a
// token.
func secretOfFly(name string) bool {
	name = strings.ToUpper(name)
	return name == "FLY_API_TOKEN" || name == "FLY_ACCESS_TOKEN"
}

// runsCode reports whether a variable makes loaders, shells or interpreters run
// code from elsewhere.
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
