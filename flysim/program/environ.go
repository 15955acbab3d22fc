package program

import (
	"maps"
	"net/netip"
	"strconv"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// Identity is what a program on Fly knows about itself.
type Identity struct {
	App, Machine, Region, Instance string
	Address                        netip.Addr // on the private network
	Config                         spec.Config
}

// environment returns the environment of a program on Fly, as far as the emulated platform has it
// (Fly docs, "The Machine runtime environment").
func environment(me Identity) map[string]string {
	all := make(map[string]string)
	if env, err := me.Config.Env(); err == nil {
		maps.Copy(all, env)
	}
	maps.Copy(all, me.Variables())
	return all
}

// Variables returns the environment variables that Fly sets.
func (me Identity) Variables() map[string]string {
	fly := map[string]string{
		"FLY_APP_NAME":        me.App,
		"FLY_MACHINE_ID":      me.Machine,
		"FLY_ALLOC_ID":        me.Machine,
		"FLY_REGION":          me.Region,
		"FLY_PRIVATE_IP":      me.Address.String(),
		"FLY_PROCESS_GROUP":   me.Config.ProcessGroup(),
		"FLY_IMAGE_REF":       me.Config.Image(),
		"FLY_MACHINE_VERSION": me.Instance,
	}
	if guest, err := me.Config.Guest(); err == nil && guest != nil && guest.MemoryMB > 0 {
		fly["FLY_VM_MEMORY_MB"] = strconv.Itoa(guest.MemoryMB)
	}
	if env, err := me.Config.Env(); err == nil {
		fly["PRIMARY_REGION"] = env["PRIMARY_REGION"]
	}
	maps.DeleteFunc(fly, func(_, value string) bool { return value == "" })
	return fly
}
