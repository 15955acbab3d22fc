// Package legacy translates old and loose spellings in a decoded document, as
// flyctl does before it decodes one into its own structs.
package legacy

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Translate translates old and loose spellings in a decoded document, in place,
// as flyctl does before it decodes one (internal/appconfig/patches.go). Unlike in
// decoding, keys match only in lower case. Messages are flyctl's, capitals
// included, so that a person can search for them.
func Translate(doc map[string]any) (map[string]any, error) {
	for _, step := range []func(map[string]any) error{
		patchEnv,
		patchServices,
		patchProcesses,
		patchExperimental,
		patchChecks,
		patchVM,
		patchMounts,
		patchMetrics,
		patchKillTimeout,
		patchBuild,
	} {
		if err := step(doc); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// patchEnv converts the values of env to strings, and merges several tables into one.
func patchEnv(doc map[string]any) error {
	raw, ok := doc["env"]
	if !ok {
		return nil
	}
	env, err := EnvStrings(raw)
	if err != nil {
		return err
	}
	doc["env"] = env
	return nil
}

// EnvStrings returns env as one table of strings.
func EnvStrings(raw any) (map[string]string, error) {
	env := map[string]string{}
	switch raw := raw.(type) {
	case []any:
		for _, item := range raw {
			part, err := EnvStrings(item)
			if err != nil {
				return nil, err
			}
			for key, value := range part {
				env[key] = value
			}
		}
	case map[string]any:
		for key, value := range raw {
			env[key] = Text(value)
		}
	default:
		return nil, fmt.Errorf("Do not know how to process 'env' section of type: %T", raw)
	}
	return env, nil
}

// patchServices accepts a single service instead of a list, quoted ports,
// "soft,hard" concurrency and loose checks. It drops services without keys.
func patchServices(doc map[string]any) error {
	raw, ok := doc["services"]
	if !ok {
		return nil
	}
	services, err := Tables(raw)
	if err != nil {
		return fmt.Errorf("Error processing services: %w", err)
	}
	var kept []map[string]any
	for _, service := range services {
		if err := patchService(service); err != nil {
			return err
		}
		if len(service) > 0 {
			kept = append(kept, service)
		}
	}
	doc["services"] = kept
	return nil
}

func patchService(service map[string]any) error {
	if raw, ok := service["concurrency"]; ok {
		switch raw := raw.(type) {
		case string:
			limits, err := LegacyConcurrency(raw)
			if err != nil {
				return err
			}
			service["concurrency"] = limits
		case map[string]any:
		default:
			return fmt.Errorf("Unknown type for service concurrency: %T", raw)
		}
	}
	if raw, ok := service["ports"]; ok {
		ports, err := Tables(raw)
		if err != nil {
			return fmt.Errorf("Error processing ports: %T", raw)
		}
		for _, port := range ports {
			if err := ToInt(port, "port"); err != nil {
				return err
			}
		}
		service["ports"] = ports
	}
	for _, key := range []string{"tcp_checks", "http_checks"} {
		raw, ok := service[key]
		if !ok {
			continue
		}
		checks, err := Tables(raw)
		for i := 0; err == nil && i < len(checks); i++ {
			err = patchCheck(checks[i])
		}
		if err != nil {
			return fmt.Errorf("Error processing %s: %w", key, err)
		}
		if len(checks) == 0 {
			delete(service, key)
			continue
		}
		service[key] = checks
	}
	return ToInt(service, "internal_port")
}

// patchCheck converts durations to strings (a plain number is milliseconds), and
// headers to a table of strings.
func patchCheck(check map[string]any) error {
	for _, key := range []string{"interval", "timeout", "grace_period"} {
		if raw, ok := check[key]; ok {
			check[key] = DurationIn(raw, time.Millisecond)
		}
	}
	raw, ok := check["headers"]
	if !ok {
		return nil
	}
	headers, err := CheckHeaders(raw)
	if err != nil {
		return err
	}
	if len(headers) == 0 {
		delete(check, "headers")
		return nil
	}
	check["headers"] = headers
	return nil
}

// patchProcesses converts a list of tables with name and command to one table.
// Items of other types, and tables without a name, are dropped.
func patchProcesses(doc map[string]any) error {
	raw, ok := doc["processes"]
	if !ok {
		return nil
	}
	switch raw := raw.(type) {
	case map[string]any:
	case []any:
		processes := map[string]string{}
		for _, item := range raw {
			process, _ := item.(map[string]any)
			name, ok := process["name"]
			if !ok {
				continue
			}
			command := ""
			if raw, ok := process["command"]; ok {
				command = Text(raw)
			}
			processes[Text(name)] = command
		}
		if len(processes) == 0 {
			delete(doc, "processes")
			return nil
		}
		doc["processes"] = processes
	default:
		return fmt.Errorf("Unknown processes type: %T", raw)
	}
	return nil
}

// patchExperimental converts single commands to lists, and moves kill_timeout and
// the metrics keys to their current sections.
func patchExperimental(doc map[string]any) error {
	raw, ok := doc["experimental"]
	if !ok {
		return nil
	}
	section, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("Experimental section of unknown type: %T", raw)
	}
	for _, key := range []string{"cmd", "entrypoint", "exec"} {
		raw, ok := section[key]
		if !ok {
			continue
		}
		list, err := StringList(raw, key)
		if err != nil {
			return err
		}
		section[key] = list
	}
	if raw, ok := section["kill_timeout"]; ok {
		if _, set := doc["kill_timeout"]; !set {
			doc["kill_timeout"] = DurationIn(raw, time.Second)
		}
	}
	metrics := map[string]any{}
	for _, key := range []string{"port", "path"} {
		if raw, ok := section["metrics_"+key]; ok {
			metrics[key] = raw
		}
	}
	if _, set := doc["metrics"]; !set && len(metrics) > 0 {
		doc["metrics"] = metrics
	}
	if len(section) == 0 {
		delete(doc, "experimental")
	}
	return nil
}

// patchChecks converts a list of named checks to a table.
func patchChecks(doc map[string]any) error {
	raw, ok := doc["checks"]
	if !ok {
		return nil
	}
	checks := map[string]any{}
	switch raw := raw.(type) {
	case map[string]any:
		checks = raw
		for _, name := range slices.Sorted(maps.Keys(checks)) {
			check, ok := checks[name].(map[string]any)
			if !ok {
				return fmt.Errorf("'checks' section of unknown type: %T", checks[name])
			}
			if err := patchCheck(check); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range raw {
			check, ok := item.(map[string]any)
			if !ok {
				return fmt.Errorf("check item of unknown type: %T", item)
			}
			name, ok := check["name"].(string)
			if !ok {
				return fmt.Errorf("check item name not a string")
			}
			if err := patchCheck(check); err != nil {
				return err
			}
			checks[name] = check
		}
	default:
		return fmt.Errorf("'checks' section of unknown type: %T", raw)
	}
	if len(checks) == 0 {
		delete(doc, "checks")
		return nil
	}
	doc["checks"] = checks
	return nil
}

// patchVM merges the sections under their three names, and converts memory to a string.
func patchVM(doc map[string]any) error {
	vm, err := gather(doc, "compute", "compute", "computes", "vm")
	if err != nil {
		return err
	}
	for _, section := range vm {
		if raw, ok := section["memory"]; ok {
			section["memory"] = Text(raw)
		}
	}
	doc["vm"] = vm
	return nil
}

// patchMounts merges the sections under their two names, and converts sizes to strings.
func patchMounts(doc map[string]any) error {
	mounts, err := gather(doc, "mounts", "mount", "mounts")
	if err != nil {
		return err
	}
	for _, mount := range mounts {
		if raw, ok := mount["initial_size"]; ok {
			mount["initial_size"] = Text(raw)
		}
	}
	doc["mounts"] = mounts
	return nil
}

// patchMetrics merges the sections under their two names. flyctl's message says mounts.
func patchMetrics(doc map[string]any) error {
	metrics, err := gather(doc, "mounts", "metric", "metrics")
	if err != nil {
		return err
	}
	doc["metrics"] = metrics
	return nil
}

// patchKillTimeout converts kill_timeout to a string. A plain number is seconds.
func patchKillTimeout(doc map[string]any) error {
	if raw, ok := doc["kill_timeout"]; ok {
		doc["kill_timeout"] = DurationIn(raw, time.Second)
	}
	return nil
}

// patchBuild accepts build_target for build-target.
func patchBuild(doc map[string]any) error {
	raw, ok := doc["build"]
	if !ok {
		return nil
	}
	build, ok := raw.(map[string]any)
	if !ok {
		return fmt.Errorf("Build section of unknown type: %T", raw)
	}
	if target, ok := build["build_target"]; ok {
		build["build-target"] = target
	}
	if len(build) == 0 {
		delete(doc, "build")
	}
	return nil
}
