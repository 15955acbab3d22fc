package edit

import "github.com/flycast-mcp/flycast-mcp/flytoml/machine"

// Blueprint returns the edit that Fly's blueprint "Autostart and autostop private
// apps" recommends for services behind Flycast: force_https off, because Flycast
// clients speak plain HTTP; Machines stopped when idle and started on request;
// and none kept running. A service whose idle Machines are suspended keeps that.
func Blueprint() Request {
	return Request{
		ForceHTTPS:  new(false),
		Autostop:    new(machine.AutostopStop),
		KeepSuspend: true,
		Autostart:   new(true),
		MinMachines: new(0),
	}
}
