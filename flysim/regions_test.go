package flysim

import "testing"

func TestRegionIn(t *testing.T) {
	for _, tt := range []struct {
		region string
		in     []string
		not    []string
	}{
		{"iad", []string{"iad", "any", "na", "us", "usa"}, []string{"", "eu", "lax", "north_america"}},
		{"yyz", []string{"na"}, []string{"us", "usa"}},
		{"fra", []string{"eu"}, []string{"us", "apac"}},
		{"jnb", []string{"af"}, []string{"eu", ""}},
	} {
		r, ok := regionOf(tt.region)
		if !ok {
			t.Fatalf("no region %s", tt.region)
		}
		for _, word := range tt.in {
			if !r.In(word) {
				t.Errorf("%s is not in %q", tt.region, word)
			}
		}
		for _, word := range tt.not {
			if r.In(word) {
				t.Errorf("%s is in %q", tt.region, word)
			}
		}
	}
	if (Region{}).In("") || (Region{}).In("fra") || (Region{}).In("eu") {
		t.Error("an unknown region is in an area")
	}
}

func TestRegionDistance(t *testing.T) {
	fra, _ := regionOf("fra")
	iad, _ := regionOf("iad")
	ams, _ := regionOf("ams")
	if got := fra.Distance(iad); got < 6300 || got > 6700 {
		t.Errorf("fra to iad: %.0f km, want about 6,500", got)
	}
	if fra.Distance(ams) >= fra.Distance(iad) || fra.Distance(fra) > 1 {
		t.Errorf("fra to ams %.0f km, to iad %.0f, to itself %.0f", fra.Distance(ams), fra.Distance(iad), fra.Distance(fra))
	}
}
