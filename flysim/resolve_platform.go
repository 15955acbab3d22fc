package flysim

import "slices"

// regionNode resolves Region.
type regionNode struct {
	Code, Name                                     string
	Latitude, Longitude                            *float64
	GatewayAvailable, RequiresPaidPlan, Deprecated bool
	ProcessGroup                                   *string
}

func newRegionNode(r Region) *regionNode {
	return &regionNode{
		Code: r.Code, Name: r.name, Latitude: &r.latitude, Longitude: &r.longitude,
		GatewayAvailable: r.gateway, RequiresPaidPlan: r.paid, Deprecated: r.deprecated(),
	}
}

// regionOf returns the region of a code, and whether there is one.
func regionOf(code string) (Region, bool) {
	all := Regions()
	i := slices.IndexFunc(all, func(r Region) bool { return r.Code == code })
	if i < 0 {
		return Region{}, false
	}
	return all[i], true
}

// vmSize resolves VMSize.
type vmSize struct {
	Name                    string
	CpuCores, MemoryGb      float64
	MemoryMb, MaxMemoryMb   int32
	MemoryIncrementsMb      []int32
	PriceMonth, PriceSecond float64
}

// platformNode resolves FlyPlatform.
type platformNode struct{}

func (*root) Platform() *platformNode { return &platformNode{} }

func (*root) NearestRegion(struct{ WireguardGateway *bool }) *regionNode {
	near, _ := regionOf(DefaultRegion)
	return newRegionNode(near)
}

// RequestRegion returns the region in which requests arrive.
func (*platformNode) RequestRegion() *string { return new(DefaultRegion) }

func (*platformNode) Regions() []*regionNode {
	var nodes []*regionNode
	for _, r := range Regions() {
		nodes = append(nodes, newRegionNode(r))
	}
	return nodes
}

// secondsOfMonth is the length of the month that Fly's prices are for: 30 days.
const secondsOfMonth = 30 * 24 * 60 * 60

// VmSizes returns the presets in Fly's documentation; the prices are examples.
func (*platformNode) VmSizes() []*vmSize {
	var sizes []*vmSize
	add := func(class string, cpus, memory, most int32, month float64) {
		size := &vmSize{
			Name: class, CpuCores: float64(cpus), MemoryMb: memory, MemoryGb: float64(memory) / 1024, MaxMemoryMb: most,
			PriceMonth: month, PriceSecond: month / secondsOfMonth,
		}
		for mb := memory; mb <= most; mb += memory {
			size.MemoryIncrementsMb = append(size.MemoryIncrementsMb, mb)
		}
		sizes = append(sizes, size)
	}
	add("shared-cpu-1x", 1, 256, 2048, 1.94)
	add("shared-cpu-2x", 2, 512, 4096, 3.89)
	add("shared-cpu-4x", 4, 1024, 8192, 7.78)
	add("shared-cpu-8x", 8, 2048, 16384, 15.55)
	add("performance-1x", 1, 2048, 8192, 31.00)
	add("performance-2x", 2, 4096, 16384, 62.00)
	add("performance-4x", 4, 8192, 32768, 124.00)
	add("performance-8x", 8, 16384, 65536, 248.00)
	add("performance-16x", 16, 32768, 131072, 496.00)
	return sizes
}
