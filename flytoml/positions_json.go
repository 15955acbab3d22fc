package flytoml

import "github.com/tailscale/hujson"

// locateJSON finds the keys of a file that encoding/json has decoded without
// an error. Of equal keys it finds the last, which is the one that counts.
func locateJSON(data []byte) positions {
	found := positions{}
	root, err := hujson.Parse(data)
	if err != nil {
		return found
	}
	found.json("", root)
	return found
}

func (p positions) json(path string, value hujson.Value) {
	switch value := value.Value.(type) {
	case *hujson.Object:
		for _, member := range value.Members {
			name, ok := member.Name.Value.(hujson.Literal)
			if !ok {
				continue
			}
			here := join(path, name.String())
			p[here] = place{key: jsonSpan(member.Name), value: jsonSpan(member.Value)}
			p.json(here, member.Value)
		}
	case *hujson.Array:
		for i, element := range value.Elements {
			here := itemOf(path, i)
			p[here] = place{key: jsonSpan(element), value: jsonSpan(element)}
			p.json(here, element)
		}
	}
}

func jsonSpan(v hujson.Value) span { return span{v.StartOffset, v.EndOffset} }
