// Package syntax reads the three formats of Fly configuration files: TOML, JSON
// and YAML. [Format.Read] decodes a file within limits of size, depth and time. An
// [Error] has the position of the mistake.
package syntax

import "strings"

// Format is the format of a file. flyctl takes it from the suffix of the name.
type Format int

const (
	TOML Format = iota // every other name, fly.yml too
	JSON               // *.json
	YAML               // *.yaml
)

// FormatOf returns the format in which flyctl reads a file with this name
// (flyctl, appconfig.LoadConfig). Case matters in the suffix.
func FormatOf(name string) Format {
	switch {
	case strings.HasSuffix(name, ".json"):
		return JSON
	case strings.HasSuffix(name, ".yaml"):
		return YAML
	}
	return TOML
}

// IsMisnamed reports whether a name suggests another format than the one in which flyctl reads
// it.
func IsMisnamed(name string) bool {
	lower := strings.ToLower(name)
	return FormatOf(name) == TOML && (FormatOf(lower) != TOML || strings.HasSuffix(lower, ".yml"))
}

// Read decodes a file within this package's limits. The document is the one that
// [Format.Decode] returns. The error lacks the file's name.
func (f Format) Read(data []byte) (map[string]any, *Error) {
	switch f {
	case JSON:
		return readJSON(data)
	case YAML:
		return readYAML(data)
	}
	return readTOML(data)
}

// Decode decodes a document as flyctl does. Integers are int64 in TOML, float64
// in JSON and int in YAML; flyctl's translation of old spellings depends on these
// types. Decode enforces no limits: use it only for data of a file that Read
// accepted.
func (f Format) Decode(data []byte) (map[string]any, error) {
	switch f {
	case JSON:
		return decodeJSON(data)
	case YAML:
		doc, err := readYAML(data)
		if err != nil {
			return nil, err
		}
		return doc, nil
	}
	return decodeTOML(data)
}
