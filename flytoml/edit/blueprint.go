package edit

import "github.com/flycast-mcp/flycast-mcp/flytoml/machine"

// Blueprint is the edit that Fly's blueprint "Autostart and autostop private
// apps" asks of services that are reached over Flycast: force_https off, since
// Flycast clients speak plain HTTP; Machines stopped when idle and started on
// request, and none kept running. Where a service has its Machines suspended
// when idle, that stays.
func Blueprint() Request {
	return Request{
		ForceHTTPS:  new(false),
		Autostop:    new(machine.AutostopStop),
		KeepSuspend: true,
		Autostart:   new(true),
		MinMachines: new(0),
	}
}
