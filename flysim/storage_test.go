package flysim_test

import (
	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/state"
)

func init() {
	flysim.OpenStorage = func(path string, unsynced bool) (flysim.Storage, error) {
		if unsynced {
			return state.OpenUnsynced(path)
		}
		return state.OpenFile(path)
	}
}
