package flytoml

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// AppImage marks the container that runs the app's own image. [File.Apply] sets
// it if a file has containers in machine_config. It is not an image: the deploy
// replaces it.
const AppImage = "."

// mergeMachineConfig applies the JSON of machine_config to a configuration,
// before anything else in the file, and marks one container with [AppImage]
// (flyctl, containerconfig.ParseContainerConfig). If [experimental] has a
// machine_config, that one is used. A compose file is refused, because flyctl
// converts it to containers in random order.
//
// The JSON is decoded over the existing configuration into one struct, as in
// flyctl: objects are merged, lists are merged by position, and unknown keys of
// the JSON are dropped.
func (d *Definition) mergeMachineConfig(config machine.Config, local localFiles) (machine.Config, error) {
	if d.Build != nil && d.Build.Compose != nil {
		if err := refuseCompose(d.Build.Compose.File, local); err != nil {
			return machine.Config{}, err
		}
	}
	source := d.MachineConfig
	if d.Experimental != nil && d.Experimental.MachineConfig != "" {
		source = d.Experimental.MachineConfig
	}
	if source == "" {
		return config, nil
	}
	data, err := inlineJSON(source, local)
	if err != nil {
		return machine.Config{}, err
	}

	existing, err := config.MarshalJSON()
	if err != nil {
		return machine.Config{}, err
	}
	var merged machineConfig
	if err := json.Unmarshal(existing, &merged); err != nil {
		return machine.Config{}, inFlyGosWords(err)
	}
	before, err := fieldsOf(merged)
	if err != nil {
		return machine.Config{}, err
	}
	if err := json.Unmarshal(data, &merged); err != nil {
		return machine.Config{}, invalidInline(source, inFlyGosWords(err))
	}
	if err := merged.readLocalFiles(source, data, local); err != nil {
		return machine.Config{}, err
	}
	if err := merged.selectContainer(d.Container); err != nil {
		return machine.Config{}, err
	}
	after, err := fieldsOf(merged)
	if err != nil {
		return machine.Config{}, err
	}

	for _, key := range replacedFields() { // they were decoded only to check their types
		delete(before, key)
		delete(after, key)
	}
	result := config
	for key := range before {
		if _, kept := after[key]; !kept {
			result = result.Without(key)
		}
	}
	for key, value := range after {
		if string(before[key]) == string(value) {
			continue
		}
		if result, err = result.With(key, value); err != nil {
			return machine.Config{}, err
		}
	}
	return machine.KeepUnknown[machineConfig](result, config, machine.ByPosition)
}

// CheckMachineConfig returns an error if machine_config cannot be used. It does
// not read the files that machine_config refers to: it passes their names to
// assume.
func (d *Definition) CheckMachineConfig(assume func(name string)) error {
	_, err := d.mergeMachineConfig(machine.Config{}, localFiles{record: assume})
	return err
}

// inlineJSON returns the JSON of machine_config.
func inlineJSON(source string, local localFiles) ([]byte, error) {
	switch {
	case strings.HasPrefix(source, "{"):
		return []byte(source), nil
	case !strings.HasSuffix(source, ".json"):
		if mayHoldSecret(source) {
			return nil, errors.New("invalid machine config source: neither JSON in braces nor a *.json file")
		}
		return nil, fmt.Errorf("invalid machine config source: %q", source)
	case !local.isSet():
		return nil, fmt.Errorf(
			"machine_config takes its content from the file %s, which is not supported here: use fly deploy, or "+
				"write the JSON into machine_config itself", excerpt.Quote(source))
	}
	return local.read(source)
}

// refuseCompose refuses a compose file, in flyctl's words if the file is missing.
// A section without a file name means the first of some default names that
// exists; if none exists, there is nothing to refuse.
func refuseCompose(name string, local localFiles) error {
	refused := errors.New(
		"[build.compose] takes containers from a compose file, which is not supported here: use fly deploy")
	switch {
	case !local.isSet():
		return refused
	case name != "":
		if _, err := local.read(path.Clean(name)); err != nil {
			return fmt.Errorf("failed to read compose file: %w", err)
		}
		return refused
	}
	for _, known := range []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"} {
		if _, err := fs.Stat(local.fs, known); err == nil {
			return refused
		}
	}
	return nil
}

// invalidInline returns flyctl's message. It repeats the text as flyctl does,
// unless the text may contain secrets.
func invalidInline(source string, err error) error {
	if mayHoldSecret(source) {
		return fmt.Errorf("invalid machine config: %w", err)
	}
	return fmt.Errorf("invalid machine config %q: %w", source, err)
}

// maxInlineQuote is the length of the longest machine_config that a message repeats.
const maxInlineQuote = 500

// mayHoldSecret reports whether a text is long, or contains a word that suggests a
// secret. It is for JSON that cannot be decoded, which has no paths for [machine.IsSecret].
func mayHoldSecret(text string) bool {
	if len(text) > maxInlineQuote {
		return true
	}
	lower := strings.ToLower(text)
	words := []string{
		"env", "header", "raw_value", "secret", "token", "pass", "key", "auth", "credential", `\u`,
		"cmd", "command", "entrypoint", "exec", "=", // of command lines
	}
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(lower, word) })
}

// These types hold the local files that a Machine's files are copies of. fly-go's
// structs do not have local_path, so flyctl reads the JSON a second time.
type (
	localFile struct {
		GuestPath string `json:"guest_path"`
		LocalPath string `json:"local_path"`
	}
	localContainer struct {
		Name  string      `json:"name"`
		Files []localFile `json:"files"`
	}
	localConfig struct {
		Files      []localFile      `json:"files"`
		Containers []localContainer `json:"containers"`
	}
)

// readLocalFiles fills the files of the Machine and its containers that have no
// content yet, from the local file for the same path.
func (c *machineConfig) readLocalFiles(source string, data []byte, local localFiles) error {
	complete := !slices.ContainsFunc(c.Files, (*containerFile).isEmpty)
	for _, container := range c.Containers {
		complete = complete && (container == nil || !slices.ContainsFunc(container.Files, (*containerFile).isEmpty))
	}
	if complete {
		return nil
	}
	var named localConfig
	if err := json.Unmarshal(data, &named); err != nil {
		return invalidInline(source, inFlyGosWords(err))
	}
	if err := fill(c.Files, named.Files, local); err != nil {
		return err
	}
	for _, container := range c.Containers {
		if container == nil {
			continue
		}
		var files []localFile
		for _, n := range named.Containers {
			if n.Name == container.Name {
				files = append(files, n.Files...)
			}
		}
		if err := fill(container.Files, files, local); err != nil {
			return err
		}
	}
	return nil
}

func fill(files []*containerFile, named []localFile, local localFiles) error {
	for _, file := range files {
		if !file.isEmpty() {
			continue
		}
		for _, n := range named {
			if n.GuestPath != file.GuestPath || n.LocalPath == "" {
				continue
			}
			if !local.isSet() {
				return fmt.Errorf(
					"machine_config takes the content of %s from local_path, which is not supported here: use fly deploy, "+
						"or write the content as raw_value (base64)", excerpt.Quote(n.GuestPath))
			}
			content, err := local.base64(n.LocalPath)
			if err != nil {
				return fmt.Errorf("failed to read file at %s: %w", n.LocalPath, err)
			}
			file.RawValue = content
		}
	}
	return nil
}

// fieldsOf returns the top-level fields of v's JSON form.
func fieldsOf(v any) (map[string]json.RawMessage, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var out map[string]json.RawMessage
	err = json.Unmarshal(data, &out)
	return out, err
}

// selectContainer marks the container that gets the app's image: the one with the
// given name, else the one named app, else the first. All others must have an image.
func (c *machineConfig) selectContainer(name string) error {
	if len(c.Containers) == 0 {
		return nil
	}
	wanted := name
	if wanted == "" {
		wanted = DefaultGroup
	}
	var selected *containerConfig
	for _, container := range c.Containers {
		if container == nil {
			return errors.New("invalid machine config: a container is null")
		}
		if selected == nil && container.Name == wanted {
			selected = container
		}
	}
	switch {
	case selected != nil:
	case name != "":
		return fmt.Errorf("container %q not found", name)
	default:
		selected = c.Containers[0]
	}
	for _, container := range c.Containers {
		switch {
		case container == selected:
			container.Image = AppImage
		case container.Image == "":
			return fmt.Errorf("container %q must have an image specified", container.Name)
		}
	}
	return nil
}
