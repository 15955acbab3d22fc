// Package syntax reads the three formats of Fly configuration files: TOML, JSON
// and YAML. [Format.Read] decodes a file within limits of size, depth and time;
// an [Error] has the place of the mistake.
package syntax

import "strings"

// Format is how a file is written. flyctl takes it from the end of the name.
type Format int

const (
	TOML Format = iota // every name but those of the others, fly.yml too
	JSON               // *.json
	YAML               // *.yaml
)

// FormatOf is the format that flyctl reads a file of this name in (flyctl,
// appconfig.LoadConfig): the case of the suffix counts.
func FormatOf(name string) Format {
	switch {
	case strings.HasSuffix(name, ".json"):
		return JSON
	case strings.HasSuffix(name, ".yaml"):
		return YAML
	}
	return TOML
}

// IsMisnamed reports names that promise another format than flyctl reads them in.
func IsMisnamed(name string) bool {
	lower := strings.ToLower(name)
	return FormatOf(name) == TOML && (FormatOf(lower) != TOML || strings.HasSuffix(lower, ".yml"))
}

// Read decodes a file within this package's limits. The document is what
// [Format.Decode] makes of it; the error lacks the file's name.
func (f Format) Read(data []byte) (map[string]any, *Error) {
	switch f {
	case JSON:
		return readJSON(data)
	case YAML:
		return readYAML(data)
	}
	return readTOML(data)
}

// Decode reads a document as flyctl does: integers are int64 in TOML, float64
// in JSON and int in YAML, which its translations of old spellings tell apart.
// It is for data that has no more in it than a file that was read.
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
