package flytoml

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// wire returns the mount without what fly.toml does not decide: the volume, its
// size and its encryption. A size that does not parse counts as zero, as in
// flyctl, which reports it in validation.
func (m Mount) wire() machine.Mount {
	increment, _ := gigabytes(m.AutoExtendSizeIncrement)
	limit, _ := gigabytes(m.AutoExtendSizeLimit)
	return machine.Mount{
		Path:                   m.Destination,
		Name:                   m.Source,
		ExtendThresholdPercent: m.AutoExtendSizeThreshold,
		AddSizeGB:              increment,
		SizeGBLimit:            limit,
	}
}

// InitialGB returns the size in GB of a new volume for the mount. The default is 1, as in
// flyctl.
func (m Mount) InitialGB() int {
	size, err := gigabytes(m.InitialSize)
	if err != nil || size < 1 {
		return 1
	}
	return size
}

// gigabytes reads a volume's size. A plain number is in GB, and units are
// decimal. The empty string is zero.
func gigabytes(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	return parseSize(s, units.FromHumanSize, units.GB)
}

// Megabytes reads a Machine's memory. A plain number is in MiB, and units are binary.
func Megabytes(s string) (int, error) { return parseSize(s, units.RAMInBytes, units.MiB) }

func parseSize(s string, parse func(string) (int64, error), unit int) (int, error) {
	if n, err := strconv.Atoi(s); err == nil {
		return n, nil
	}
	bytes, err := parse(s)
	if err != nil {
		return 0, fmt.Errorf("invalid size: %w", err)
	}
	return int(bytes) / unit, nil
}

// Guest returns the size of the group's Machines. It is nil if the file does not
// set one; then the size set by `fly scale` is kept.
func (d *Definition) Guest() (*machine.Guest, error) {
	if len(d.VM) == 0 {
		return nil, nil
	}
	vm := d.VM[0]
	var own MachineGuest
	if vm.MachineGuest != nil {
		own = *vm.MachineGuest
	}
	name := vm.Size
	switch {
	case name != "":
	case own.GPUKind != "":
		name = "performance-8x"
	default:
		name = "shared-cpu-1x"
	}
	guest, err := preset(name)
	if err != nil {
		return nil, err
	}
	guest.HostDedicationID = d.HostDedicationID
	if vm.Memory != "" {
		mb, err := Megabytes(vm.Memory)
		if err != nil {
			return nil, err
		}
		if mb == 0 {
			return nil, errors.New("memory cannot be zero")
		}
		guest.MemoryMB = mb
	}
	// Single fields win over size and memory. Zero means that the field is not set.
	override(&guest.CPUKind, own.CPUKind)
	override(&guest.CPUs, own.CPUs)
	override(&guest.MemoryMB, own.MemoryMB)
	override(&guest.MaxMemoryMB, own.MaxMemoryMB)
	override(&guest.GPUs, own.GPUs)
	override(&guest.GPUKind, own.GPUKind)
	override(&guest.HostDedicationID, own.HostDedicationID)
	override(&guest.PersistRootfs, string(own.PersistRootfs))
	if len(own.KernelArgs) > 0 {
		guest.KernelArgs = own.KernelArgs
	}
	return guest, nil
}

func override[T comparable](value *T, with T) {
	var zero T
	if with != zero {
		*value = with
	}
}

// preset returns the Machine size with a name (fly-go's MachinePresets).
func preset(name string) (*machine.Guest, error) {
	all := MachineSizes()
	if guest, ok := all[name]; ok {
		return &guest, nil
	}
	for _, family := range []string{"shared", "performance"} {
		if !strings.HasPrefix(name, family) {
			continue
		}
		var valid []string
		for _, size := range slices.Sorted(maps.Keys(all)) {
			if strings.HasPrefix(size, family) {
				valid = append(valid, size)
			}
		}
		return nil, fmt.Errorf("%s is an invalid machine size, choose one of: %v", excerpt.QuoteWhole(name), valid)
	}
	return nil, fmt.Errorf(
		"invalid machine preset requested, %s, expected to start with 'shared' or 'performance'", excerpt.QuoteWhole(name))
}

// MachineSizes returns the sizes that have a name (fly-go's MachinePresets).
func MachineSizes() map[string]machine.Guest {
	all := map[string]machine.Guest{}
	for _, cpus := range []int{1, 2, 4, 6, 8} {
		all[fmt.Sprintf("shared-cpu-%dx", cpus)] = machine.Guest{CPUKind: "shared", CPUs: cpus, MemoryMB: cpus * 256}
	}
	for _, cpus := range []int{1, 2, 4, 6, 8, 10, 12, 14, 16} {
		all[fmt.Sprintf("performance-%dx", cpus)] = machine.Guest{CPUKind: "performance", CPUs: cpus, MemoryMB: cpus * 2048}
	}
	for name, kind := range map[string]string{
		"a100-40gb": "a100-pcie-40gb",
		"a100-80gb": "a100-sxm4-80gb",
		"l40s":      "l40s",
		"a10":       "a10",
	} {
		all[name] = machine.Guest{CPUKind: "performance", CPUs: 8, MemoryMB: 32768, GPUs: 1, GPUKind: kind}
	}
	return all
}
