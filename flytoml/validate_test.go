package flytoml

import (
	"errors"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		toml string
		want string // a part of the text; empty for a valid file
	}{
		{"", ""},
		{"[[services]]\ninternal_port = 1", ""}, // without ports: a warning only
		{"[[vm]]\nsize = 'nonsense'", ""},       // found when converting only
		{"[checks.x]\ntype = 'tcp'", ""},
		{"[[mounts]]\nsource = 'a'\n[[mounts]]\nsource = 'b'", ""},
		{"[processes]\nweb = ''\n[http_service]\ninternal_port = 1",
			"Service has no processes set but app has 1 processes defined; update fly.toml to set processes for each service\n"},
		{"[http_service]\nprocesses = ['app']", ""},
		{"[deploy]\nstrategy = 'canary'\n[[mounts]]\nsource = 'x'",
			"error canary deployment strategy is not supported when using mounted volumes\n   ✘invalid app configuration"},
		{"[checks.x]\ntype = 'tcp'\ninterval = '1999ms'", "Check 'x' interval is too short: 1.999s, minimum is 2 seconds\n"},
		{"[checks.x]\ntype = 'tcp'\ninterval = '2s'\ntimeout = '1m'", ""},
		{"[[mounts]]\nsource = 'd'\ninitial_size = 'x'",
			"mount 'd' with initial_size 'x' will fail because of: invalid size: invalid size: 'x'\n"},
		{"[[mounts]]\nsource = 'd'\ninitial_size = '100mb'",
			"mount 'd' has an initial_size '100mb' value which is smaller than 1GB\n"},
		{"[[mounts]]\nsource = 'd'\nsnapshot_retention = 61",
			"mount 'd' has a snapshot_retention value which is not between 1 and 60 days inclusive\n"},
		{"[[mounts]]\nsource = 'd'\nauto_extend_size_threshold = 80",
			"mount 'd' auto_extend_size_threshold, auto_extend_size_increment and auto_extend_size_limit must be all " +
				"defined or none\nmount 'd' auto_extend_size_increment must be between 1GB and 100GB\n"},
		{"[[mounts]]\nsource = 'd'\nauto_extend_size_threshold = 49\nauto_extend_size_increment = '1GB'\n" +
			"auto_extend_size_limit = '501GB'",
			"mount 'd' auto_extend_size_threshold must be between 50 and 99\n" +
				"mount 'd' auto_extend_size_limit must be between 1GB and 500GB\n"},
		{"[build]\ncompression_level = 10",
			"Invalid value '10' for compression level. Must be an integer between 0 and 9.\n"},
		{"[[http_service]]\ninternal_port = 1",
			"\n   ✘json: cannot unmarshal array into Go struct field Config.http_service of type appconfig.HTTPService"},
		{"console_command = '\"'\n[build]\nimage = 'i'\ndockerfile = 'd'\n[[services]]\n[[services.tcp_checks]]\n" +
			"interval = '1ms'\ntimeout = '2m'\ngrace_period = '0s'",
			"WARN more than one build configuration found: [the \"i\" docker image, the \"d\" dockerfile]\n" +
				"WARNING: Service must expose at least one port. Add a [[services.ports]] section to fly.toml; Check " +
				"docs at https://fly.io/docs/reference/configuration/#services-ports \n" +
				" Validation for _services without ports_ will hard fail after February 15, 2024." +
				"WARN Service TCP check has an interval less than 1 second (1ms); this will be raised to 1 second\n" +
				"WARN Service TCP check has a timeout greater than 1 minute (2m0s); this will be lowered to 1 minute\n" +
				"Can't shell split console command: '\"'\n"},
	} {
		err := parseFile(t, tt.toml).Validate()
		var invalid *InvalidError
		switch {
		case tt.want == "":
			if err != nil {
				t.Errorf("%q: %v", tt.toml, err)
			}
		case !errors.As(err, &invalid):
			t.Errorf("%q: error = %v, want an InvalidError", tt.toml, err)
		case !strings.HasPrefix(invalid.Text, "Validating fly.toml\n"), !strings.Contains(invalid.Text, tt.want):
			t.Errorf("%q:\n got %s\nwant %s", tt.toml, invalid.Text, tt.want)
		}
	}
}

func TestInvalidErrorIsShort(t *testing.T) {
	err := parseFile(t, "console_command = '\""+strings.Repeat("é", 5000)+"'").Validate()
	if err == nil || len(err.Error()) > maxInvalid+10 {
		t.Errorf("message of %d bytes", len(err.Error()))
	}
}

func TestInvalidErrorKeepsSomeFindings(t *testing.T) {
	f := parseFile(t, "[http_service]\nprocesses = ["+strings.Repeat("'x',", 10_000)+"]\n")
	var invalid *InvalidError
	if !errors.As(f.Validate(), &invalid) {
		t.Fatal("the file is valid")
	}
	if n := len(invalid.Text); n < maxFindings || n > maxFindings+1000 ||
		!strings.HasSuffix(invalid.Text, invalid.Reason) {
		t.Errorf("a text of %d bytes that ends %q", n, invalid.Text[n-50:])
	}
}
