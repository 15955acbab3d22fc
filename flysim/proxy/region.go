package proxy

import "github.com/flycast-mcp/flycast-mcp/flysim"

// atlas knows the distance of regions from one of them.
type atlas struct {
	from    string
	regions map[string]flysim.Region // by code
}

func newAtlas(from string) atlas {
	a := atlas{from, make(map[string]flysim.Region)}
	for _, r := range flysim.Regions() {
		a.regions[r.Code] = r
	}
	return a
}

// unknownDistance is the distance to an unknown region.
const unknownDistance = 100_000

// distance returns the distance in kilometers along the globe.
func (a atlas) distance(region string) float64 {
	if region == a.from {
		return 0
	}
	here, known := a.regions[a.from]
	there, too := a.regions[region]
	if !known || !too {
		return unknownDistance
	}
	return here.Distance(there)
}

// within reports whether a region is the given one, or in the given area.
func (a atlas) within(region, meant string) bool {
	return meant == "any" || region == meant || a.regions[region].In(meant)
}
