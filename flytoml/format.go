package flytoml

import "strings"

// format is how a file is written. flyctl takes it from the end of the name.
type format int

const (
	formatTOML format = iota // every name but those of the others, fly.yml too
	formatJSON               // *.json
	formatYAML               // *.yaml
)

// formatOf is the format that flyctl reads a file of this name in (flyctl,
// appconfig.LoadConfig): the case of the suffix counts.
func formatOf(name string) format {
	switch {
	case strings.HasSuffix(name, ".json"):
		return formatJSON
	case strings.HasSuffix(name, ".yaml"):
		return formatYAML
	}
	return formatTOML
}

// misnamed tells names that promise another format than flyctl reads them in.
func misnamed(name string) bool {
	lower := strings.ToLower(name)
	return formatOf(name) == formatTOML && (formatOf(lower) != formatTOML || strings.HasSuffix(lower, ".yml"))
}

// read decodes a file within this package's limits. The document is what
// [format.decode] makes of it; the error lacks the file's name.
func (f format) read(data []byte) (map[string]any, *SyntaxError) {
	switch f {
	case formatJSON:
		return readJSON(data)
	case formatYAML:
		return readYAML(data)
	}
	return readTOML(data)
}

// decode reads a document as flyctl does: integers are int64 in TOML, float64
// in JSON and int in YAML, which its translations of old spellings tell apart.
// It is for data that has no more in it than a file that was read.
func (f format) decode(data []byte) (map[string]any, error) {
	switch f {
	case formatJSON:
		return decodeJSON(data)
	case formatYAML:
		doc, err := readYAML(data)
		if err != nil {
			return nil, err
		}
		return doc, nil
	}
	return decodeTOML(data)
}
