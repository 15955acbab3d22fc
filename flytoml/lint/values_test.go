package lint

import (
	"slices"
	"strings"
	"testing"
)

// TestFixValues: a value that is one of few words is corrected where it differs
// in separators and capitals alone, and nothing else is.
func TestFixValues(t *testing.T) {
	tests := []struct{ text, want string }{ // want: the value after the fix; empty if there is none
		{"[[vm]]\nsize = 'Shared_CPU-1x'", "'shared-cpu-1x'"},
		{"[[vm]]\nsize = 'shared-cpu-3x'", ""},
		{"[[vm]]\nsize = 'performance'", ""},
		{"[deploy]\nrelease_command = 'a'\n[deploy.release_command_vm]\nsize = \"SHARED-CPU-2X\"", `"shared-cpu-2x"`},
		{"[[vm]]\ncpu_kind = 'Shared'", "'shared'"},
		{"[[vm]]\ncpu_kind = 'dedicated'", ""},
		{"[[vm]]\npersist_rootfs = 'Always'", "'always'"},
		{"[[vm]]\npersist_rootfs = 'alway'", ""},
		{"[http_service]\ninternal_port = 80\n[[http_service.checks]]\ntimeout = 5.5", ""},
		{"[deploy]\nmax_unavailable = '0.5'", "0.5"},
		{"[deploy]\nmax_unavailable = '50%'", ""},
	}
	for _, tt := range tests {
		f := parseTOML(t, tt.text)
		edited, err := Fix(f, Lint(f))
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		var got []string
		for _, c := range edited.Changes {
			got = append(got, c.After)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestLintValuesFix: the fix of a value that flyctl cannot read says what it takes.
func TestLintValuesFix(t *testing.T) {
	for text, want := range map[string]string{
		"[deploy]\nmax_unavailable = '33%'": "0.33",
		"[[vm]]\npersist_rootfs = true":     `"never", "restart" or "always"`,
	} {
		findings := Lint(parseTOML(t, text))
		if !slices.ContainsFunc(findings,
			func(f Finding) bool { return f.Code == FindingInvalid && strings.Contains(f.Fix, want) }) {
			t.Errorf("%q: %+v, want a fix with %q", text, findings, want)
		}
	}
}

// TestVerdictLines: a value of the file is on one line in flyctl's verdict, and
// makes one finding, whose quotation it does not end.
func TestVerdictLines(t *testing.T) {
	const value = `x\nINJECTED\u001b[31m\u202e'; all is well`
	for _, text := range []string{
		"[deploy]\nstrategy = \"" + value + `"`,
		"[deploy]\nrelease_command = \"'" + value + ` '"`,
		"console_command = \"'" + value + ` '"`,
		"[[restart]]\npolicy = \"" + value + `"`,
		"[build]\ncompression = \"" + value + `"`,
		"[[mounts]]\nsource = \"" + value + "\"\ndestination = '/d'\ninitial_size = '1'\nsnapshot_retention = 90",
		"[checks.\"" + value + "\"]\ntype = 'tcp'\nport = 1\ninterval = '1s'",
		"[[vm]]\nsize = \"" + value + `"`,
		"[build]\nimage = \"" + value + "\"\nbuilder = 'b'",
	} {
		f := parseTOML(t, text+"\n")
		n := 0
		for _, finding := range Lint(f) {
			if !strings.Contains(finding.What, "x") || !strings.Contains(finding.What, "INJECTED") {
				continue
			}
			n++
			if strings.Contains(finding.What, "\n") || strings.Contains(finding.What,
				"INJECTED\x1b") || strings.Contains(finding.What, "'; all") && !strings.Contains(finding.What,
				`\'; all`) && !strings.Contains(finding.What, `"x`) {
				t.Errorf("%q: %q", text, finding.What)
			}
		}
		if n != 1 && !strings.Contains(text, "mounts") {
			t.Errorf("%q: %d findings name the value, want 1: %+v", text, n, Lint(f))
		}
		if err := f.Validate(); err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				if strings.HasPrefix(line, "INJECTED") || strings.ContainsAny(line,
					"\x1b\u202e") || strings.Contains(line, "'; all") && !strings.Contains(line, `\'; all`) {
					t.Errorf("%q: %q", text, err.Error())
				}
			}
		}
	}
}
