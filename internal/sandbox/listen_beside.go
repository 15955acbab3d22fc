package sandbox

import (
	"context"
	"net/http"
)

// Serve serves what stands beside the platform as [Platform.Listen] does the APIs.
func Serve(addr string, handler http.Handler) (*Server, error) {
	return listen(addr, handler, func(context.Context) {})
}
