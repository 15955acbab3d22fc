package local

import "github.com/flycast-mcp/flycast-mcp/flysim/program"

// NewLimited is [New] with a limit on commands that run at once.
func NewLimited(options Options, most int) *program.Runner {
	r := newRunner(options)
	r.most = most
	return program.New(program.Options{Platform: options.Platform, Commands: r})
}
