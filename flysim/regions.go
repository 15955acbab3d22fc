package flysim

import (
	"math"
	"slices"
	"strings"
)

// Region is a place where Fly runs Machines.
type Region struct {
	Code                string
	name                string
	latitude, longitude float64
	gateway, paid       bool // it has a WireGuard gateway; it requires a paid plan
	geo                 string
	capacity            int // how many performance-1x Machines it has room for; 0: it is deprecated
}

func (r Region) deprecated() bool { return r.capacity == 0 }

// In reports whether a word of a region expression matches the region: its code, any, or the alias
// of an area that contains it (Fly docs, "Dynamic request routing").
func (r Region) In(word string) bool {
	switch word {
	case "":
		return false
	case "any", r.Code:
		return true
	case "us", "usa":
		return strings.HasSuffix(r.name, "(US)")
	}
	area, ok := areas()[word]
	return ok && area == r.geo
}

// Distance returns the distance to another region in kilometers along the globe.
func (r Region) Distance(to Region) float64 {
	radians := func(degrees float64) float64 { return degrees * math.Pi / 180 }
	cosine := math.Sin(radians(r.latitude))*math.Sin(radians(to.latitude)) +
		math.Cos(radians(r.latitude))*math.Cos(radians(to.latitude))*math.Cos(radians(r.longitude-to.longitude))
	return 6371 * math.Acos(min(max(cosine, -1), 1))
}

// Regions returns Fly's regions, sorted by code (fly.io/docs/reference/regions, 2026), with made-up
// capacities. The regions that Fly closed in 2025 follow, because apps still name them.
func Regions() []Region {
	return []Region{
		{"ams", "Amsterdam, Netherlands", 52.374, 4.8897, true, false, "europe", 420},
		{"arn", "Stockholm, Sweden", 59.6512, 17.9178, false, false, "europe", 180},
		{"bom", "Mumbai, India", 19.0974, 72.8745, false, true, "asia_pacific", 120},
		{"cdg", "Paris, France", 48.8600, 2.3500, true, false, "europe", 260},
		{"dfw", "Dallas, Texas (US)", 32.7781, -96.7968, true, false, "north_america", 390},
		{"ewr", "Secaucus, NJ (US)", 40.7895, -74.0565, false, false, "north_america", 410},
		{"fra", "Frankfurt, Germany", 50.1167, 8.6833, true, true, "europe", 330},
		{"gru", "Sao Paulo, Brazil", -23.5489, -46.6388, false, false, "south_america", 240},
		{"iad", "Ashburn, Virginia (US)", 39.0229, -77.4928, true, false, "north_america", 650},
		{"jnb", "Johannesburg, South Africa", -26.1339, 28.2425, false, false, "africa", 90},
		{"lax", "Los Angeles, California (US)", 33.9416, -118.4085, true, false, "north_america", 300},
		{"lhr", "London, United Kingdom", 51.5153, -0.1259, true, false, "europe", 380},
		{"nrt", "Tokyo, Japan", 35.6218, 139.7455, true, false, "asia_pacific", 210},
		{"ord", "Chicago, Illinois (US)", 41.8781, -87.6298, true, false, "north_america", 470},
		{"sin", "Singapore, Singapore", 1.2897, 103.8501, true, false, "asia_pacific", 280},
		{"sjc", "San Jose, California (US)", 37.3517, -121.8967, true, false, "north_america", 350},
		{"syd", "Sydney, Australia", -33.8661, 151.1989, true, false, "asia_pacific", 230},
		{"yyz", "Toronto, Canada", 43.6477, -79.3891, true, false, "north_america", 220},
		{"atl", "Atlanta, Georgia (US)", 33.6407, -84.4277, false, false, "north_america", 0},
		{"bog", "Bogotá, Colombia", 4.7016, -74.1469, false, false, "south_america", 0},
		{"bos", "Boston, Massachusetts (US)", 42.3656, -71.0096, false, false, "north_america", 0},
		{"den", "Denver, Colorado (US)", 39.8561, -104.6737, false, false, "north_america", 0},
		{"eze", "Ezeiza, Argentina", -34.8222, -58.5358, false, false, "south_america", 0},
		{"gdl", "Guadalajara, Mexico", 20.5218, -103.3111, false, false, "north_america", 0},
		{"gig", "Rio de Janeiro, Brazil", -22.8053, -43.2566, false, false, "south_america", 0},
		{"hkg", "Hong Kong, Hong Kong", 22.3080, 113.9185, false, false, "asia_pacific", 0},
		{"mad", "Madrid, Spain", 40.4839, -3.5680, false, false, "europe", 0},
		{"mia", "Miami, Florida (US)", 25.7959, -80.2870, false, false, "north_america", 0},
		{"otp", "Bucharest, Romania", 44.5711, 26.0850, false, false, "europe", 0},
		{"phx", "Phoenix, Arizona (US)", 33.4352, -112.0101, false, false, "north_america", 0},
		{"qro", "Querétaro, Mexico", 20.6173, -100.1857, false, false, "north_america", 0},
		{"scl", "Santiago, Chile", -33.3928, -70.7858, false, false, "south_america", 0},
		{"sea", "Seattle, Washington (US)", 47.4502, -122.3088, false, false, "north_america", 0},
		{"waw", "Warsaw, Poland", 52.1672, 20.9679, false, false, "europe", 0},
		{"yul", "Montreal, Canada", 45.4706, -73.7408, false, false, "north_america", 0},
	}
}

// areas returns the geographic area of each alias, except that of the United States.
func areas() map[string]string {
	return map[string]string{"na": "north_america", "sa": "south_america", "eu": "europe",
		"apac": "asia_pacific", "af": "africa"}
}

// placement returns the regions that a region expression names, in the order of preference. The
// expression is a list of codes and aliases separated by commas. Within an area the platform's own
// region comes first. Unknown words are left out.
func placement(expression string) []Region {
	var found []Region
	add := func(word string, keep func(Region) bool) {
		for _, r := range Regions() {
			if keep(r) && (!r.deprecated() || r.Code == word) && !slices.Contains(found, r) {
				found = append(found, r)
			}
		}
	}
	for _, word := range splitValues([]string{expression}) {
		add(word, func(r Region) bool { return r.Code == DefaultRegion && r.In(word) })
		add(word, func(r Region) bool { return r.In(word) })
	}
	return found
}

// placementRegion returns the code of the region in which a new Machine is created.
func placementRegion(expression string) (string, error) {
	if strings.TrimSpace(expression) == "" {
		return DefaultRegion, nil
	}
	found := placement(expression)
	if len(found) == 0 {
		return "", invalid("invalid_argument: region %.40q is not known", expression)
	}
	return found[0].Code, nil
}
