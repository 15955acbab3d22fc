package audit

import (
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// storedRules are about the fly.toml that was deployed last. They are findings of the
// linter, which knows more of them: flycast-mcp toml lint.
func storedRules() []Rule {
	rule := func(id string, severity Severity, title, why, page string, codes ...string) Rule {
		return Rule{
			ID: id, Severity: severity, Title: title, Why: why, Docs: docs(page), Needs: []Input{Release},
			find: func(f *Facts) []match { return f.linted(codes) },
		}
	}
	const page = "reference/configuration/"
	return []Rule{
		rule("UNKNOWN_TOML_KEYS", Error, "the deployed fly.toml has keys that flyctl ignores",
			"the setting does not do what it says", page,
			lint.FindingUnknownKey, lint.FindingMisplacedKey, lint.FindingSwallowedKey),
		rule("AUTOSTOP_INVALID_VALUE", Error, "the deployed fly.toml has an invalid auto_stop_machines",
			"the next fly deploy fails, or the setting is ignored", page, lint.FindingAutostop),
		rule("PROCESS_GROUP_UNKNOWN", Error, "the deployed fly.toml names a process group that does not exist",
			"the section is attached to no Machine", page, lint.FindingUnknownGroup),
		rule("SERVICE_PROCESSES_MISSING", Error, "a section of the deployed fly.toml names no process group",
			"with several groups only one of them gets it", page, lint.FindingDefaultGroup),
		rule("LEGACY_TOML_SHAPE", Info, "the deployed fly.toml has old spellings",
			"they work, and other tools may miss them", page, lint.FindingLegacyConcurrency, lint.FindingDeadKey),
		{
			ID: "HTTP_SERVICE_AND_SERVICES", Severity: Info, Title: "[http_service] beside [[services]]",
			Why:  "both may define port 80 or 443: what holds is hard to see",
			Docs: docs(page), Needs: []Input{Release}, find: bothServices,
		},
	}
}

// linted returns the linter's findings with these codes.
func (f *Facts) linted(codes []string) []match {
	if f.Release == nil {
		return nil
	}
	if f.findings == nil {
		f.findings = append([]lint.Finding{}, lint.Lint(f.Release)...)
	}
	var out []match
	for _, found := range f.findings {
		if slices.Contains(codes, found.Code) {
			out = append(out, match{
				evidence: found.What, remedy: edit(found.Fix)(nil),
			})
		}
	}
	return out
}

func bothServices(f *Facts) []match {
	if f.Release == nil {
		return nil
	}
	doc := f.Release.Document()
	list, _ := doc["services"].([]any)
	if doc["http_service"] == nil || len(list) == 0 {
		return nil
	}
	return []match{{
		evidence: fmt.Sprintf("[http_service] and %s", plan.Count(len(list), "[[services]] section", "[[services]] sections")),
		remedy:   edit("use one of the two forms")(nil),
	}}
}
