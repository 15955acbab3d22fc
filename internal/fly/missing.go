package fly

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Thing is a kind of thing that Fly did not find.
type Thing string

// The things. Fly says "not found" of whatever a request names, and only the
// first of them is the app.
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
	Something      Thing = "something" // Fly has a name for it that this program does not know
)

// Missing is what an error says was not found; empty if the error is not of code
// not_found, or does not say.
func Missing(err error) Thing {
	var coded *Error
	if errors.As(err, &coded) && coded.Code == gate.NotFound {
		return coded.Missing
	}
	return ""
}

// missingNames are the names that Fly's two APIs have for a thing, in lower case
// and without spaces.
func missingNames() map[string]Thing {
	return map[string]Thing{
		"app": AnApp, "application": AnApp,
		"network": ANetwork, "privatenetwork": ANetwork, "6pn": ANetwork,
		"organization": AnOrganization, "org": AnOrganization,
		"ipaddress": AnAddress, "egressipaddress": AnAddress, "address": AnAddress, "ip": AnAddress, "ipassignment": AnAddress, "assignment": AnAddress,
		"machine": AMachine, "instance": AMachine, "vm": AMachine,
		"machineversion": AVersion, "version": AVersion,
		"volume": AVolume, "mount": AVolume,
		"certificate": ACertificate, "appcertificate": ACertificate, "hostname": ACertificate, "acmecertificate": ACertificate,
		"release": ARelease, "releaseunprocessed": ARelease,
		"lease": ALease, "machinelease": ALease,
		"image": AnImage, "manifest": AnImage, "repository": AnImage,
		"region": ARegion, "host": AHost, "secret": ASecret, "secretkey": ASecret,
		// These say nothing: it is what was asked for.
		"record": "", "resource": "", "object": "", "entity": "", "node": "",
	}
}

// missingForms are how Fly says that it did not find something: "Could not find
// Network", "no such region", "machine not found", "volume vol_1 does not exist".
var missingForms = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(?:could not|couldn't|cannot|can't|unable to|failed to) (?:find|locate|resolve) (?:an? |the |any )?((?:[\w-]+ )?[\w-]+)`),
	regexp.MustCompile(`(?i)\b(?:no such|unknown) ((?:[\w-]+ )?[\w-]+)`),
	regexp.MustCompile(`(?i)((?:[\w-]+ )?[\w-]+)(?: with id)?(?:[ :]+["']?[\w.:/@-]+["']?)?,? (?:was |is |were )?(?:not found|(?:does not|doesn't) exist|(?:could not|couldn't) be found)`),
}

// missingThing reads what Fly says it did not find; empty if it does not say.
func missingThing(text string) Thing {
	names := missingNames()
	for _, form := range missingForms {
		for _, match := range form.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(strings.ToLower(match[1]))
			// The last word names it, as in "machine version"; the first one is
			// then often not a part of the name.
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

// unknownRoute finds the answers that say nothing of the thing: the API has no
// such address, as when a base URL names another server.
var unknownRoute = regexp.MustCompile(`(?i)page not found|no such route|route not found|no route matches|not emulated`)

// notFound is the error for an answer that says that something is not there: of
// what Fly names, else of what the operation is about.
func (op *operation) notFound(text string) *Error {
	if unknownRoute.MatchString(text) {
		return op.error(gate.PlatformError, "the API does not know this request: is the base URL right?", text, nil)
	}
	thing := missingThing(text)
	if thing == "" {
		thing = op.about()
	}
	e := op.error(gate.NotFound, op.missing(thing), text, nil)
	e.Missing, e.Hint = thing, op.missingHint(thing)
	return e
}

// about is the kind of thing that the operation is about.
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
	const hidden = " is not there, or not visible to this token"
	switch {
	case thing == AnApp && op.app != "":
		return "the app " + op.app + " is not visible to this token"
	case thing == op.kind && op.thing != "":
		return op.thing + hidden
	case op.names[thing] != "":
		return op.names[thing] + hidden
	case thing == AMachine && op.machine != "":
		return "Machine " + op.machine + " of app " + op.app + hidden
	case thing == Something || thing == "":
		return "something that the request for " + op.subject() + " names is not there"
	}
	return fmt.Sprintf("%s that the request for %s names is not there", thing.words(), op.subject())
}

// words are the thing with its article.
func (t Thing) words() string {
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
		return "is it in another organization? this server's token cannot see it"
	case ANetwork:
		return "fly apps list shows the networks of the apps; leave network out for the app's own"
	case AnOrganization:
		return "fly orgs list shows the slugs; the token must cover the organization"
	case AnAddress:
		return "list_ips shows the addresses that the app has now"
	case AMachine, AVersion:
		if op.app != "" {
			return "fly machine list -a " + op.app + " shows the Machines that there are now"
		}
	case AVolume:
		if op.app != "" {
			return "fly volumes list -a " + op.app + " shows the volumes that there are now"
		}
	case AnImage:
		return "name an image that exists, with its registry"
	case ARegion:
		return "fly platform regions shows the regions"
	}
	return ""
}
