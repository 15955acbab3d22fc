package fly

import (
	"errors"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

func TestMissingThing(t *testing.T) {
	tests := map[string]Thing{
		"Could not find App":                        AnApp,
		`Could not find App "shop-api"`:             AnApp,
		"app not found":                             AnApp,
		"app shop-api not found":                    AnApp,
		"failed to get app: app not found":          AnApp,
		"Could not find Network":                    ANetwork,
		"network tenant-9 does not exist":           ANetwork,
		"Could not find Organization":               AnOrganization,
		"organization not found":                    AnOrganization,
		"Could not find IPAddress":                  AnAddress,
		"Could not find EgressIPAddress":            AnAddress,
		"ip address not found":                      AnAddress,
		"machine not found":                         AMachine,
		"failed to find machine e82d":               AMachine,
		"machine: e82d was not found":               AMachine,
		"machine version not found":                 AVersion,
		"volume not found":                          AVolume,
		"volume vol_123 does not exist":             AVolume,
		"could not find volume with id vol_123":     AVolume,
		"Could not find AppCertificate":             ACertificate,
		"certificate for www.example.com not found": ACertificate,
		"Could not find Release":                    ARelease,
		" lease not found":                          ALease,
		"machine lease not found":                   ALease,
		"no such region":                            ARegion,
		"Unknown repository":                        AnImage,
		"manifest not found":                        AnImage,
		"Could not find Frobnicator":                Something,
		"":                                          "",
		"not found":                                 "",
		"404 not found":                             "",
		"record not found":                          "",
		"resource not found":                        "",
		"<html>404</html>":                          "",
	}
	for text, want := range tests {
		if got := missingThing(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// What an answer says was not found is in the error, and the app only if it was
// the app.
func TestNotFoundNamesTheThing(t *testing.T) {
	const app, id = "shop-api", "148e1e8c40e789"
	read := func(c *Client, t *testing.T) error { _, err := c.Machine(t.Context(), app, id); return err }
	list := func(c *Client, t *testing.T) error { _, err := c.Certificates(t.Context(), app); return err }
	tests := []struct {
		name, text string
		call       func(*Client, *testing.T) error
		operation  string
		want       Thing
		say        string
	}{
		{"the Machine", "machine not found", read, "machines.get", AMachine, "Machine " + id +
			" of app shop-api does not exist"},
		{"the Machine, without a word", "", read, "machines.get", AMachine, "Machine " + id +
			" of app shop-api does not exist"},
		{"the app of a Machine", "app not found", read, "machines.get", AnApp,
			"the app shop-api does not exist, or is not visible to this token"},
		{"the app", "app not found", list, "certificates.list", AnApp,
			"the app shop-api does not exist, or is not visible to this token"},
		{"the app, without a word", "", list, "certificates.list", AnApp,
			"the app shop-api does not exist, or is not visible to this token"},
		{"the certificate", "Could not find AppCertificate", list, "certificates.list", ACertificate,
			"a certificate that the request for app shop-api names"},
		{"the organization", "Could not find Organization", list, "certificates.list", AnOrganization,
			"an organization that the request for app shop-api names"},
		{"something new", "Could not find Frobnicator", list, "certificates.list", Something,
			"something that the request for app shop-api names"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, client := sandboxClient(t, flysim.Options{})
			body := `{"error":"` + tt.text + `"}`
			if tt.text == "" {
				body = `{}`
			}
			p.Inject(flysim.Fault{Operation: "*", Status: 404, Body: body, Times: -1})
			err := tt.call(client, t)
			checkCode(t, err, gate.NotFound)
			if got := Missing(err); got != tt.want || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("got %q: %v, want %q: %s", got, err, tt.want, tt.say)
			}
			var problem *plan.Problem
			if hints := errors.As(err, &problem) && strings.Contains(problem.Hint, "may not exist yet"); hints != (tt.want == AnApp) {
				t.Errorf("the hint is %q", problem.Hint)
			}
			if tt.want != AnApp && strings.Contains(err.Error(), "the app shop-api does not exist") {
				t.Errorf("the app is said to be missing: %v", err)
			}
		})
	}
}

// An answer that knows no such address says nothing of the app.
func TestUnknownRouteIsNotTheApp(t *testing.T) {
	for _, text := range []string{"404 page not found", `{"error":"not emulated: GET /v1/x"}`, "No route matches [GET]"} {
		p, client := sandboxClient(t, flysim.Options{})
		p.Inject(flysim.Fault{Operation: "*", Status: 404, Body: text, ContentType: "text/plain", Times: -1})
		_, err := client.Machines(t.Context(), "shop-api")
		checkCode(t, err, gate.PlatformError)
	}
}

// That the app is out of sight does not say that a Machine has no lease.
func TestLeaseHolderOfAnAppOutOfSight(t *testing.T) {
	for text, sees := range map[string]bool{"app not found": false, "machine not found": true, " lease not found": true} {
		p, client := sandboxClient(t, flysim.Options{})
		p.Inject(flysim.Fault{Operation: "*", Status: 404, Body: `{"error":"` + text + `"}`, Times: -1})
		_, err := client.LeaseHolder(t.Context(), "shop-api", "148e1e8c40e789")
		if (err == nil) != sees {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// An app without a release, and one that is not there, are two answers.
func TestReleaseOfAnAppOutOfSight(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	if _, err := client.Release(t.Context(), "no-such-app"); Missing(err) != AnApp {
		t.Errorf("got %q: %v", Missing(err), err)
	}
	p.AddApp("fresh", "personal", "")
	_, err := client.Release(t.Context(), "fresh")
	var coded *plan.Problem
	if Missing(err) != ARelease || !errors.As(err, &coded) || coded.Code != gate.NotFound {
		t.Errorf("got %q: %v", Missing(err), err)
	}
}
