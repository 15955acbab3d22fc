package fly

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Thing is a kind of thing that Fly did not find.
type Thing string

// The things. Fly answers "not found" if anything that a request names is missing,
// not only the app.
const (
	AnApp          Thing = "app"
	ANetwork       Thing = "network"
	AnOrganization Thing = "organization"
	AnAddress      Thing = "address"
	AMachine       Thing = "machine"
	AVersion       Thing = "version" // of a Machine
	AVolume        Thing = "volume"
	ACertificate   Thing = "certificate"
	ARelease       Thing = "release"
	ALease         Thing = "lease"
	AnImage        Thing = "image"
	ARegion        Thing = "region"
	AHost          Thing = "host"
	ASecret        Thing = "secret"
	APeer          Thing = "WireGuard peer"
	Something      Thing = "something" // Fly names it by a word that this program does not know
)

// Error makes a thing the cause of the error that says that it was not found.
func (t Thing) Error() string { return "not found: " + string(t) }

// Missing returns what was not found; empty if the error does not say.
func Missing(err error) Thing {
	var thing Thing
	errors.As(err, &thing)
	return thing
}

// missingNames returns Fly's words for a thing, in lower case and without spaces.
func missingNames() map[string]Thing {
	return map[string]Thing{
		"app": AnApp, "application": AnApp,
		"network": ANetwork, "privatenetwork": ANetwork, "6pn": ANetwork,
		"organization": AnOrganization, "org": AnOrganization,
		"ipaddress": AnAddress, "egressipaddress": AnAddress, "address": AnAddress, "ip": AnAddress,
		"ipassignment": AnAddress, "assignment": AnAddress,
		"machine": AMachine, "instance": AMachine, "vm": AMachine,
		"machineversion": AVersion, "version": AVersion,
		"volume": AVolume, "mount": AVolume,
		"certificate": ACertificate, "appcertificate": ACertificate, "hostname": ACertificate,
		"acmecertificate": ACertificate,
		"release":         ARelease, "releaseunprocessed": ARelease,
		"lease": ALease, "machinelease": ALease,
		"image": AnImage, "manifest": AnImage, "repository": AnImage,
		"wireguardpeer": APeer, "peer": APeer,
		"region": ARegion, "host": AHost, "secret": ASecret, "secretkey": ASecret,
		// These do not say more than that it is what was asked for.
		"record": "", "resource": "", "object": "", "entity": "", "node": "",
	}
}

// missingForms are how Fly says that it did not find something: "Could not find
// Network", "no such region", "machine not found", "volume vol_1 does not exist".
var missingForms = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(?:could not|couldn't|cannot|can't|unable to|failed to) (?:find|locate|resolve) ` +
		`(?:an? |the |any )?((?:[\w-]+ )?[\w-]+)`),
	regexp.MustCompile(`(?i)\b(?:no such|unknown) ((?:[\w-]+ )?[\w-]+)`),
	regexp.MustCompile(`(?i)((?:[\w-]+ )?[\w-]+)(?: with id)?(?:[ :]+["']?[\w.:/@-]+["']?)?,? (?:was |is |were )?` +
		`(?:not found|(?:does not|doesn't) exist|(?:could not|couldn't) be found)`),
}

// missingThing reads what Fly says it did not find; empty if it does not say.
func missingThing(text string) Thing {
	names := missingNames()
	for _, form := range missingForms {
		for _, match := range form.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(strings.ToLower(match[1]))
			// As in "machine version" the last word counts more than the first, which
			// is often no part of the name.
			for _, name := range []string{strings.Join(words, ""), words[len(words)-1], words[0]} {
				if thing, known := names[name]; known {
					return thing
				}
			}
			if strings.ContainsFunc(match[1], unicode.IsLetter) {
				return Something
			}
		}
	}
	return ""
}

// unknownRoute matches the answers of a server that does not know the request, as
// when a base URL names another server.
var unknownRoute = regexp.MustCompile(`(?i)page not found|no such route|route not found|no route matches|not emulated`)

// notFound returns the error for an answer that something was not found: what Fly names, or
// else what the operation is about.
func (op *operation) notFound(text string) *plan.Problem {
	if unknownRoute.MatchString(text) {
		return op.error(gate.PlatformError, "the API does not know this request; check the base URL", text, nil)
	}
	thing := missingThing(text)
	if thing == "" {
		thing = op.about()
	}
	e := op.error(gate.NotFound, op.missing(thing), text, thing)
	e.Hint = op.missingHint(thing)
	return e
}

// about returns the kind of thing that the operation is about.
func (op *operation) about() Thing {
	switch {
	case op.thing != "":
		return op.kind
	case op.machine != "":
		return AMachine
	}
	return AnApp
}

// missing says what was not found.
func (op *operation) missing(thing Thing) string {
	const notVisible = " does not exist, or is not visible to this token"
	switch {
	case thing == AnApp && op.app != "":
		return "the app " + op.app + notVisible
	case thing == op.kind && op.thing != "":
		return op.thing + notVisible
	case op.names[thing] != "":
		return op.names[thing] + notVisible
	case thing == AMachine && op.machine != "":
		return "Machine " + op.machine + " of app " + op.app + notVisible
	case thing == Something || thing == "":
		return "something that the request for " + op.subject() + " names does not exist"
	}
	return fmt.Sprintf("%s that the request for %s names does not exist", thing.phrase(), op.subject())
}

// phrase returns the thing with its article.
func (t Thing) phrase() string {
	switch t {
	case AnApp, AnOrganization, AnAddress, AnImage:
		return "an " + string(t)
	case AMachine:
		return "a Machine"
	}
	return "a " + string(t)
}

func (op *operation) missingHint(thing Thing) string {
	switch thing {
	case AnApp:
		return "it may not exist yet (create_private_app makes it), or be in another organization than this server's token; " +
			"fly apps list shows your apps"
	case ANetwork:
		return "fly apps list shows the networks of the apps; omit network for the app's own"
	case AnOrganization:
		return "fly orgs list shows the slugs; the token must cover the organization"
	case AnAddress:
		return "list_ips shows the current addresses of the app"
	case AMachine, AVersion:
		if op.app != "" {
			return "fly machine list -a " + op.app + " shows the current Machines"
		}
	case AVolume:
		if op.app != "" {
			return "fly volumes list -a " + op.app + " shows the current volumes"
		}
	case AnImage:
		return "name an image that exists, with its registry"
	case ARegion:
		return "fly platform regions shows the regions"
	}
	return ""
}
