package flytoml

import (
	"encoding/json"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v4"
)

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

// decode reads a document as flyctl does: integers are int64 in TOML, float64
// in JSON and int in YAML, which its translations of old spellings tell apart.
func (f format) decode(data []byte) (map[string]any, error) {
	doc := map[string]any{}
	var err error
	switch f {
	case formatJSON:
		err = json.Unmarshal(data, &doc)
	case formatYAML:
		err = yaml.Unmarshal(data, &doc)
	default:
		err = toml.Unmarshal(data, &doc)
	}
	if err != nil {
		return nil, err
	}
	return doc, nil
}
