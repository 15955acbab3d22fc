package call

import "github.com/mark3labs/mcp-go/mcp"

// Answer is what a call that finds the run's result is answered with.
func (r *Run) Answer() *mcp.CallToolResult { return r.answer() }
