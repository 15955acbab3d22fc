package layout

import "github.com/tailscale/hujson"

// locateJSON locates the keys of a JSON file. Of duplicate keys it has the last, which is
// the one that encoding/json uses.
func locateJSON(data []byte) Positions {
	found := Positions{}
	root, err := hujson.Parse(data)
	if err != nil {
		return found
	}
	found.json("", root)
	return found
}

func (p Positions) json(path string, value hujson.Value) {
	switch value := value.Value.(type) {
	case *hujson.Object:
		for _, m := range value.Members {
			name, ok := m.Name.Value.(hujson.Literal)
			if !ok {
				continue
			}
			here := Join(path, name.String())
			p[here] = Place{Key: jsonSpan(m.Name), Value: jsonSpan(m.Value)}
			p.json(here, m.Value)
		}
	case *hujson.Array:
		for i, element := range value.Elements {
			here := ItemOf(path, i)
			p[here] = Place{Key: jsonSpan(element), Value: jsonSpan(element)}
			p.json(here, element)
		}
	}
}

func jsonSpan(v hujson.Value) Span { return Span{v.StartOffset, v.EndOffset} }
