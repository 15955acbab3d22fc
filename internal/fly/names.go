package fly

import (
	"errors"
	"regexp"
	"strings"
)

// This file judges names in Fly's answers. They are shown beside the program's
// own words, sent back in requests and compared with what a person named: one
// that cannot be a name counts as not told, and an answer about another app than
// the one that was asked for is not used at all.

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

// told is a name from an answer, or empty if it cannot be one.
func told(name string, pattern *regexp.Regexp) string {
	if !pattern.MatchString(name) || strings.Contains(name, "..") {
		return ""
	}
	return name
}

// errOtherApp means that an answer is about another app.
var errOtherApp = errors.New("the answer is about another app than the one that was asked for")

// app is the record of the app that was asked for.
func (w wireApp) app(asked string) (App, error) {
	if w.Name != "" && w.Name != asked {
		return App{}, errOtherApp
	}
	return App{
		ID:       told(w.ID, nodeID),
		Name:     asked,
		Status:   plain(w.Status, 32),
		Hostname: told(w.Hostname, hostname),
		Network:  told(networkName(w.Network), networkWord),
		Organization: Organization{
			ID: w.Organization.ID, Slug: w.Organization.Slug, RawSlug: w.Organization.RawSlug, Name: w.Organization.Name,
		}.told(),
	}, nil
}

// told is the organization as far as its names can be ones.
func (o Organization) told() Organization {
	return Organization{ID: told(o.ID, nodeID), Slug: told(o.Slug, slugWord), RawSlug: told(o.RawSlug, slugWord), Name: plain(o.Name, 63)}
}
