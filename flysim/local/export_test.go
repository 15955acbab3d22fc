package local

import "github.com/flycast-mcp/flycast-mcp/flysim/program"

// NewLimited is [New] with a limit of commands that may run at once.
func NewLimited(options Options, most int) *program.Runner {
	r := newRunner(options)
	r.most = most
	return program.New(program.Options{Platform: options.Platform, Commands: r})
}
