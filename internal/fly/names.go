package fly

import (
	"errors"
	"regexp"
	"strings"
)

// This file checks names in Fly's answers. They are shown beside the program's own
// words, sent back in requests and compared with what a person wrote: a name that is
// not valid counts as missing, and an answer about another app is not used at all.

var (
	nodeID      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_=:.+-]{0,127}$`)
	networkWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	slugWord    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	regionWord  = regexp.MustCompile(`^[a-z][a-z0-9-]{1,15}$`)
	imageWord   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$`)
	instanceID  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	hostname    = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)
)

// ValidNetworkName reports whether a string can be the name of a network, or the
// slug of an organization.
func ValidNetworkName(s string) bool { return networkWord.MatchString(s) }

// validOrEmpty returns a name from an answer, or empty if it is not valid.
func validOrEmpty(name string, pattern *regexp.Regexp) string {
	if !pattern.MatchString(name) || strings.Contains(name, "..") {
		return ""
	}
	return name
}

// errOtherApp means that an answer is about another app.
var errOtherApp = errors.New("the answer is about another app than the one that was asked for")

// app returns the record of the app that was asked for.
func (w wireApp) app(asked string) (App, error) {
	if w.Name != "" && w.Name != asked {
		return App{}, errOtherApp
	}
	return App{
		ID:       validOrEmpty(w.ID, nodeID),
		Name:     asked,
		Status:   plain(w.Status, 32),
		Hostname: validOrEmpty(w.Hostname, hostname),
		Network:  validOrEmpty(networkName(w.Network), networkWord),
		Organization: Organization{
			ID: w.Organization.ID, Slug: w.Organization.Slug, RawSlug: w.Organization.RawSlug, Name: w.Organization.Name,
		}.checked(),
	}, nil
}

// checked returns the organization without the names that are not valid.
func (o Organization) checked() Organization {
	return Organization{
		ID: validOrEmpty(o.ID, nodeID), Slug: validOrEmpty(o.Slug, slugWord),
		RawSlug: validOrEmpty(o.RawSlug, slugWord), Name: plain(o.Name, 63),
	}
}
