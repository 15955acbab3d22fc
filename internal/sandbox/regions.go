package sandbox

// region is a place where Fly runs Machines.
type region struct {
	code, name          string
	latitude, longitude float64
	gateway, paid       bool // it has a WireGuard gateway; it wants a paid plan
	geo                 string
	capacity            int // how many performance-1x Machines it has room for
}

// regions are Fly's, by code (fly.io/docs/reference/regions, 2026), with made-up
// capacities.
func regions() []region {
	return []region{
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
	}
}
