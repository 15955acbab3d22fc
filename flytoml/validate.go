package flytoml

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/shlex"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// InvalidError means that flyctl can read a file and would refuse it.
type InvalidError struct {
	// Reason is the verdict: "invalid app configuration", or why the file's
	// shape could not be decoded.
	Reason string
	// Text is what `fly config validate` prints, without colors: one finding per
	// line, including warnings, and the reason at the end. In quotes from the
	// file, invisible characters are escaped. Findings after the first 1 MiB are
	// left out.
	Text string

	message string // Text with quotes in names from the file escaped too
}

// maxInvalid is the most bytes of flyctl's text that Error returns.
const maxInvalid = 2000

// Error returns flyctl's text, shortened.
func (e *InvalidError) Error() string {
	text := strings.ToValidUTF8(e.message[:min(len(e.message), maxInvalid)], "")
	if text != e.message {
		text += "…"
	}
	return text
}

// Validate returns an [*InvalidError] if `fly config validate` would refuse the
// file (flyctl, Config.Validate). As in flyctl, a valid file can still fail to
// convert, because of an unknown VM size or a check without a port.
func (f *File) Validate() error {
	v := validation{}
	v.all(f.name, f.def())
	reason := "invalid app configuration"
	switch {
	case f.shapeError() != nil:
		reason = f.shapeError().Error()
	case !v.failed:
		return nil
	}
	quoted := validation{quoted: true}
	quoted.all(f.name, f.def())
	end := fmt.Sprintf("\n   ✘%s", outside.Line(reason, maxInvalid))
	return &InvalidError{Reason: reason, Text: v.text.String() + end, message: quoted.text.String() + end}
}

// Verdict returns what flyctl's validation prints for a definition, one finding
// per line, including warnings, and whether flyctl refuses the definition. In
// text from the definition, invisible characters and quotes are escaped. The
// definition may be incomplete.
func (d *Definition) Verdict() (text string, refused bool) {
	v := validation{quoted: true}
	v.sections(d)
	return v.text.String(), v.failed
}

// all collects what flyctl prints for a file before the reason.
func (v *validation) all(name string, d *Definition) {
	v.warn("Validating %s\n", name)
	v.sections(d)
}

func (v *validation) sections(d *Definition) {
	v.build(d)
	v.deploy(d)
	v.checks(d)
	v.services(d)
	v.processes(d)
	v.console(d)
	v.mounts(d)
	v.restart(d)
	v.compression(d)
}

// validation collects findings in flyctl's words and order. Text from the file is
// put on one line, with invisible characters escaped.
type validation struct {
	quoted bool // also escape quotes in text from the file; flyctl does not
	text   strings.Builder
	failed bool
}

// maxFindings is the most bytes of findings that are kept: a service may name 50,000 groups.
const maxFindings = 1 << 20

func (v *validation) warn(format string, args ...any) {
	if v.text.Len() >= maxFindings {
		return
	}
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = v.shown(arg)
		case error:
			args[i] = outside.Line(arg.Error(), maxInvalid)
		}
	}
	fmt.Fprintf(&v.text, format, args...)
}

// shown returns text from the file as a finding shows it, without the surrounding quotes.
func (v *validation) shown(text string) string {
	if !v.quoted {
		return outside.Line(text, maxFindings)
	}
	quoted := outside.QuoteSingle(text, maxInvalid)
	return quoted[1 : len(quoted)-1]
}

func (v *validation) fail(format string, args ...any) {
	v.warn(format, args...)
	v.failed = true
}

func (v *validation) build(d *Definition) {
	b := d.Build
	if b == nil {
		return
	}
	quote := func(name string) string {
		if v.quoted {
			return outside.Quote(name, excerpt.MaxQuoted)
		}
		return `"` + v.shown(name) + `"`
	}
	var strategies []string
	if b.Image != "" {
		strategies = append(strategies, fmt.Sprintf("the %s docker image", quote(b.Image)))
	}
	if b.Builder != "" || len(b.Buildpacks) > 0 {
		strategies = append(strategies, "a buildpack")
	}
	if b.Dockerfile != "" || b.DockerBuildTarget != "" {
		if b.Dockerfile != "" {
			strategies = append(strategies, fmt.Sprintf("the %s dockerfile", quote(displayName(b.Dockerfile))))
		} else {
			strategies = append(strategies, "a dockerfile")
		}
	}
	if b.Builtin != "" {
		strategies = append(strategies, fmt.Sprintf("the %s builtin image", quote(b.Builtin)))
	}
	if len(strategies) > 1 {
		fmt.Fprintf(&v.text, "WARN more than one build configuration found: [%s]\n", strings.Join(strategies, ", "))
	}
}

// displayName returns the name of a Dockerfile. A URL is shown without user, query and fragment,
// which may be secret.
func displayName(dockerfile string) string {
	address, err := url.Parse(dockerfile)
	if err == nil && address.Host != "" && (address.Scheme == "http" || address.Scheme == "https") {
		return (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path, RawPath: address.RawPath}).String()
	}
	start := strings.ToLower(strings.TrimSpace(dockerfile))
	if strings.HasPrefix(start, "http:") || strings.HasPrefix(start, "https:") {
		return "invalid URL"
	}
	return dockerfile
}

func (v *validation) deploy(d *Definition) {
	if d.Deploy == nil {
		return
	}
	if _, err := shlex.Split(d.Deploy.ReleaseCommand); err != nil {
		v.fail("Can't shell split release command: '%s'\n", d.Deploy.ReleaseCommand)
	}
	strategies := []string{"canary", "rolling", "immediate", "bluegreen"}
	strategy := d.Deploy.Strategy
	if strategy != "" && !slices.Contains(strategies, strategy) {
		v.fail("unsupported deployment strategy '%s'; Apps v2 supports the following strategies: %s",
			strategy, strings.Join(strategies, ", "))
	}
	if strategy == "canary" && len(d.Mounts) > 0 {
		v.fail("error canary deployment strategy is not supported when using mounted volumes")
	}
}

func (v *validation) checks(d *Definition) {
	for _, name := range slices.Sorted(maps.Keys(d.Checks)) {
		check := d.Checks[name]
		if check == nil {
			continue
		}
		if _, err := check.wire(); err != nil {
			v.fail("Can't process top level check '%s': %s\n", name, err)
		}
		if check.Interval != nil && time.Duration(*check.Interval) < 2*time.Second {
			v.fail("Check '%s' interval is too short: %s, minimum is 2 seconds\n", name, check.Interval)
		}
		if check.Timeout != nil && time.Duration(*check.Timeout) > time.Minute {
			v.fail("Check '%s' timeout is too long: %s, maximum is 60 seconds\n", name, check.Timeout)
		}
	}
}

func (v *validation) services(d *Definition) {
	for _, service := range d.AllServices() {
		if len(service.Processes) == 0 && len(d.Processes) > 0 {
			v.fail("Service has no processes set but app has %d processes defined; update fly.toml to set processes "+
				"for each service\n", len(d.Processes))
		}
		for _, name := range service.Processes {
			if !d.HasGroup(name) {
				v.fail("Service specifies '%s' as one of its processes, but no processes are defined with that name; "+
					"update fly.toml [processes] to add '%s' process or remove it from service's processes list\n", name, name)
			}
		}
		if len(service.Ports) == 0 {
			v.warn("WARNING: Service must expose at least one port. Add a [[services.ports]] section to fly.toml; " +
				"Check docs at https://fly.io/docs/reference/configuration/#services-ports \n " +
				"Validation for _services without ports_ will hard fail after February 15, 2024.")
		}
		for _, check := range service.TCPChecks {
			if check != nil {
				v.serviceCheck("TCP", check.Interval, check.Timeout, check.GracePeriod)
			}
		}
		for _, check := range service.HTTPChecks {
			if check != nil {
				v.serviceCheck("HTTP", check.Interval, check.Timeout, check.GracePeriod)
			}
		}
	}
}

// serviceCheck warns about durations that the platform raises or lowers.
func (v *validation) serviceCheck(kind string, interval, timeout, grace *Duration) {
	for _, field := range []struct {
		duration *Duration
		what     string
		zeroOK   bool
	}{{interval, "an interval", false}, {timeout, "a timeout", false}, {grace, "a grace period", true}} {
		if field.duration == nil {
			continue
		}
		d := time.Duration(*field.duration)
		switch {
		case field.zeroOK && d != 0 && d < time.Second:
			v.warn("WARN Service %s check has %s that is non-zero and less than 1 second (%v); this will be raised "+
				"to 1 second\n", kind, field.what, d)
		case !field.zeroOK && d < time.Second:
			v.warn("WARN Service %s check has %s less than 1 second (%v); this will be raised to 1 second\n", kind,
				field.what, d)
		case d > time.Minute:
			v.warn("WARN Service %s check has %s greater than 1 minute (%v); this will be lowered to 1 minute\n",
				kind, field.what, d)
		}
	}
}

func (v *validation) processes(d *Definition) {
	for _, name := range slices.Sorted(maps.Keys(d.Processes)) {
		if _, err := shlex.Split(d.Processes[name]); err != nil {
			v.fail("Could not parse command for '%s' process group; check [processes] section: %s\n", name, err)
		}
	}
}

func (v *validation) console(d *Definition) {
	if _, err := shlex.Split(d.ConsoleCommand); err != nil {
		v.fail("Can't shell split console command: '%s'\n", d.ConsoleCommand)
	}
}

func (v *validation) mounts(d *Definition) {
	for _, m := range d.Mounts {
		v.gigabytes(m, "initial_size", m.InitialSize)
		if m.SnapshotRetention != nil && (*m.SnapshotRetention < 1 || *m.SnapshotRetention > 60) {
			v.fail("mount '%s' has a snapshot_retention value which is not between 1 and 60 days inclusive\n", m.Source)
		}
		threshold := m.AutoExtendSizeThreshold
		increment := v.gigabytes(m, "auto_extend_size_increment", m.AutoExtendSizeIncrement)
		limit := v.gigabytes(m, "auto_extend_size_limit", m.AutoExtendSizeLimit)
		if threshold == 0 && increment == 0 && limit == 0 {
			continue
		}
		if increment == 0 && limit == 0 {
			v.fail("mount '%s' auto_extend_size_threshold, auto_extend_size_increment and auto_extend_size_limit "+
				"must be all defined or none\n", m.Source)
		}
		if threshold < 50 || threshold > 99 {
			v.fail("mount '%s' auto_extend_size_threshold must be between 50 and 99\n", m.Source)
		}
		if increment < 1 || increment > 100 {
			v.fail("mount '%s' auto_extend_size_increment must be between 1GB and 100GB\n", m.Source)
		}
		if limit != 0 && (limit < 1 || limit > 500) {
			v.fail("mount '%s' auto_extend_size_limit must be between 1GB and 500GB\n", m.Source)
		}
	}
}

func (v *validation) gigabytes(m Mount, key, value string) int {
	if value == "" {
		return 0
	}
	n, err := gigabytes(value)
	switch {
	case err != nil:
		v.fail("mount '%s' with %s '%s' will fail because of: %s\n", m.Source, key, value, err)
	case n < 1:
		v.fail("mount '%s' has an %s '%s' value which is smaller than 1GB\n", m.Source, key, value)
	}
	return n
}

func (v *validation) restart(d *Definition) {
	for _, restart := range d.Restart {
		for _, name := range restart.Processes {
			if !d.HasGroup(name) {
				v.fail("Restart policy specifies '%s' as one of its processes, but no processes are defined with that name; "+
					"update fly.toml [processes] to add '%s' process or remove it from restart policy's processes list\n", name, name)
			}
		}
		_, err := restart.Policy.wire()
		switch {
		case err != nil && v.quoted:
			v.fail("invalid restart policy: '%s'\n", string(restart.Policy))
		case err != nil:
			v.fail("%s\n", err)
		}
	}
}

func (v *validation) compression(d *Definition) {
	if d.Build == nil {
		return
	}
	switch c := d.Build.Compression; c {
	case "", "gzip", "zstd":
	default:
		v.fail("Invalid value '%s' for compression. Valid options are 'gzip', 'zstd', or leave unset.\n", c)
	}
	if level := d.Build.CompressionLevel; level != nil && (*level < 0 || *level > 9) {
		v.fail("Invalid value '%d' for compression level. Must be an integer between 0 and 9.\n", *level)
	}
}
