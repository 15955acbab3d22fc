package audit

import (
	"encoding/json"
	"slices"
)

// The parts of SARIF 2.1.0 that a report needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		URI     string      `json:"informationUri"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID         string          `json:"id"`
		Name       string          `json:"name"`
		Short      sarifText       `json:"shortDescription"`
		Full       sarifText       `json:"fullDescription"`
		HelpURI    string          `json:"helpUri"`
		Default    sarifLevel      `json:"defaultConfiguration"`
		Properties sarifProperties `json:"properties"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifProperties struct {
		Severity Severity `json:"severity"`
		Score    string   `json:"security-severity"` // GitHub shows critical, high, medium and low
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		EndTime       string              `json:"endTimeUtc"`
		Notifications []sarifNotification `json:"toolExecutionNotifications"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
	}
)

// level returns the severity in SARIF's words, and a score as CVSS has it.
func (s Severity) level() (level, score string) {
	switch s {
	case Critical:
		return "error", "9.5"
	case Blocker:
		return "error", "8.0"
	case Error:
		return "error", "7.0"
	case Warning:
		return "warning", "4.0"
	}
	return "note", "1.0"
}

// SARIF returns the findings of a severity and worse as SARIF 2.1.0. A finding is about an
// app, which is its logical location; its file is the given one, because GitHub shows only
// findings in files. What could not be checked is a notification of the run.
func (r *Report) SARIF(version, file string, catalogue []Rule, least Severity) ([]byte, error) {
	run := sarifRun{
		Tool: sarifTool{sarifDriver{
			Name: "flycast-mcp", Version: version, URI: "https://github.com/flycast-mcp/flycast-mcp", Rules: []sarifRule{},
		}},
		Invocations: []sarifInvocation{{
			Successful: len(r.NotRead) == 0, EndTime: r.At.UTC().Format("2006-01-02T15:04:05Z"),
			Notifications: []sarifNotification{},
		}},
		Results: []sarifResult{},
	}
	for _, rule := range catalogue {
		level, score := rule.Severity.level()
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: rule.ID, Name: rule.ID, Short: sarifText{rule.Title}, Full: sarifText{rule.Title + ": " + rule.Why + "."},
			HelpURI: rule.Docs, Default: sarifLevel{level}, Properties: sarifProperties{rule.Severity, score},
		})
	}
	for _, f := range r.AtLeast(least) {
		level, _ := f.Severity.level()
		run.Results = append(run.Results, sarifResult{
			RuleID:    f.ID,
			RuleIndex: slices.IndexFunc(catalogue, func(rule Rule) bool { return rule.ID == f.ID }),
			Level:     level,
			Message:   sarifText{f.App + ": " + f.Evidence + ". " + f.Why + ". Remedy: " + f.RemedyText()},
			Locations: []sarifLocation{{
				Physical: sarifPhysical{sarifArtifact{file}, sarifRegion{1}},
				Logical:  []sarifLogical{{f.App, "module"}},
			}},
			Fingerprints: map[string]string{"appAndRule/v1": f.App + "/" + f.ID},
		})
	}
	notify := func(text string) {
		n := &run.Invocations[0].Notifications
		*n = append(*n, sarifNotification{"warning", sarifText{text}})
	}
	for _, u := range r.Unchecked {
		notify(u.Sentence())
	}
	for _, app := range r.NotRead {
		notify(app + " could not be read")
	}
	return json.MarshalIndent(sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	}, "", "  ")
}
