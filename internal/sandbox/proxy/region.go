package proxy

import (
	"math"
	"strings"
)

// place is where a region is, in degrees, and the groups of regions it is in.
type place struct {
	latitude, longitude float64
	areas               string
}

// places are Fly's regions (Fly docs, "Regions") and the aliases of "Dynamic
// request routing".
func places() map[string]place {
	const na, us, eu, sa, apac, africa = "na", "na us usa", "eu", "sa", "apac", ""
	return map[string]place{
		"ams": {52.4, 4.9, eu}, "arn": {59.3, 18.1, eu}, "atl": {33.7, -84.4, us}, "bog": {4.7, -74.1, sa},
		"bom": {19.1, 72.9, apac}, "bos": {42.4, -71.1, us}, "cdg": {48.9, 2.4, eu}, "den": {39.7, -105, us},
		"dfw": {32.8, -96.8, us}, "ewr": {40.7, -74.2, us}, "eze": {-34.6, -58.4, sa}, "fra": {50.1, 8.7, eu},
		"gdl": {20.7, -103.3, na}, "gig": {-22.9, -43.2, sa}, "gru": {-23.6, -46.6, sa}, "hkg": {22.3, 114.2, apac},
		"iad": {39, -77.5, us}, "jnb": {-26.2, 28, africa}, "lax": {34.1, -118.2, us}, "lhr": {51.5, -0.1, eu},
		"mad": {40.4, -3.7, eu}, "mia": {25.8, -80.2, us}, "nrt": {35.7, 139.7, apac}, "ord": {41.9, -87.6, us},
		"otp": {44.4, 26.1, eu}, "phx": {33.4, -112.1, us}, "qro": {20.6, -100.4, na}, "scl": {-33.4, -70.7, sa},
		"sea": {47.6, -122.3, us}, "sin": {1.3, 103.8, apac}, "sjc": {37.3, -121.9, us}, "syd": {-33.9, 151.2, apac},
		"waw": {52.2, 21, eu}, "yul": {45.5, -73.6, na}, "yyz": {43.7, -79.4, na},
	}
}

// atlas knows how far regions are from one of them.
type atlas struct {
	from   string
	places map[string]place
}

// elsewhere is the distance to a region that is not on the map.
const elsewhere = 100_000

// distance is in kilometres along the globe.
func (a atlas) distance(region string) float64 {
	if region == a.from {
		return 0
	}
	p, known := a.places[a.from]
	q, too := a.places[region]
	if !known || !too {
		return elsewhere
	}
	radians := func(d float64) float64 { return d * math.Pi / 180 }
	cosine := math.Sin(radians(p.latitude))*math.Sin(radians(q.latitude)) +
		math.Cos(radians(p.latitude))*math.Cos(radians(q.latitude))*math.Cos(radians(p.longitude-q.longitude))
	return 6371 * math.Acos(min(max(cosine, -1), 1))
}

// within tells whether a region is the one that is meant, or in the area.
func (a atlas) within(region, meant string) bool {
	if meant == "any" || region == meant {
		return true
	}
	for area := range strings.FieldsSeq(a.places[region].areas) {
		if area == meant {
			return true
		}
	}
	return false
}
