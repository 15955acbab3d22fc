package deploy

import (
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// flyDeploy is the command that builds and deploys new code, with the flags that
// keep the app private: an app without any address gets public ones on its first
// deploy unless told otherwise (flyctl, internal/command/deploy/deploy_first.go).
func (d *deployment) flyDeploy() string {
	words := []string{"fly", "deploy", "-a", d.in.App, "--ha=false"}
	if len(inbound(d.snapshot.Addresses.List)) == 0 {
		words = append(words, "--flycast")
	} else {
		words = append(words, "--no-public-ips")
	}
	if d.in.Path != "" {
		words = append(words, "-c", "'"+strings.ReplaceAll(d.in.Path, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

func inbound(list []fly.Address) []fly.Address {
	var in []fly.Address
	for _, a := range list {
		if a.Kind != fly.Egress {
			in = append(in, a)
		}
	}
	return in
}
