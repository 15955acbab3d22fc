//go:build deps

package deps

import _ "github.com/tailscale/hujson"
