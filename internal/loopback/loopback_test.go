package loopback_test

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

func TestIsOwn(t *testing.T) {
	tests := []struct {
		host, port string
		want       bool
	}{
		{"127.0.0.1:8787", "8787", true},
		{"127.1.2.3:8787", "8787", true},
		{"localhost:8787", "8787", true},
		{"LOCALHOST:8787", "8787", true},
		{"[::1]:8787", "8787", true},
		{"[::ffff:127.0.0.1]:8787", "8787", true},
		{"localhost", "80", true},
		{"[::1]", "80", true},
		{"localhost", "8787", false},
		{"localhost:80", "8787", false},
		{"localhost.:8787", "8787", false},
		{"localhost.evil.example:8787", "8787", false},
		{"0.0.0.0:8787", "8787", false},
		{"192.0.2.1:8787", "8787", false},
		{"2130706433:8787", "8787", false},
		{"127.1:8787", "8787", false},
		{"user@127.0.0.1:8787", "8787", false},
		{"127.0.0.1:8787:8787", "8787", false},
		{"", "8787", false},
		{":8787", "8787", false},
		{"127.0.0.1:", "", false},
	}
	for _, tt := range tests {
		if got := loopback.IsOwn(tt.host, tt.port); got != tt.want {
			t.Errorf("host %q, port %q: got %v", tt.host, tt.port, got)
		}
	}
}
