package plan

import (
	"regexp"
	"strings"
)

// autostopChange is the autostop of a service in a line of a configuration
// diff, with or without the group before it and a note behind it.
var autostopChange = regexp.MustCompile(`^((?:[^" :]+: )?services\[[0-9]+\]\.autostop(?: = |: | removed \(was ))(false|true|"suspend")( → )?(false|true|"suspend")?(\)?(?: \(.*\))?)$`)

// SpokenChange is a line of a configuration diff in the words of a fly.toml. The
// platform knows autostop as false and true, too, and a diff has these; a person
// wrote off or stop.
func SpokenChange(line string) string {
	m := autostopChange.FindStringSubmatch(line)
	if m == nil {
		return line
	}
	words := strings.NewReplacer("false", "off", "true", "stop", `"suspend"`, "suspend")
	return m[1] + words.Replace(m[2]) + m[3] + words.Replace(m[4]) + m[5]
}
