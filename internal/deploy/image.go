package deploy

import (
	"regexp"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// A tag may name another build tomorrow. Fly looks it up whenever a Machine gets
// a configuration, and a deploy that keeps "the image they run" must not bring in
// new code that way. So a Machine that is updated is sent its image with the digest
// that the platform tells of it (image_ref), in the form name:tag@digest, as
// `fly machine update` and `fly image update` send it. Tags that `fly deploy` makes
// (deployment-…) name one build for good and stay as they are, and so does a
// Machine that nothing else changes. Scope services pins, too: what lives is the
// build, and a tag that is sent again may mean another one.
//
// `fly deploy --image` asks for the digest too, but sends the tag. An image that is
// named to this tool is sent as it is named: the plan says what a tag means.

// imageName is what an image reference is made of, in general terms: a registry
// judges the rest.
var imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,499}$`)

var digested = regexp.MustCompile(`@(sha256:[0-9a-f]{64})$`)

// mutable reports whether a reference may come to name another build.
func mutable(image string) bool {
	if image == "" || strings.Contains(image, "@") {
		return false
	}
	_, tag := splitTag(image)
	return !(strings.HasPrefix(image, "registry.fly.io/") && strings.HasPrefix(tag, "deployment-"))
}

// splitTag splits name:tag; the tag is latest if there is none.
func splitTag(image string) (name, tag string) {
	slash := strings.LastIndexByte(image, '/')
	if colon := strings.LastIndexByte(image, ':'); colon > slash {
		return image[:colon], image[colon+1:]
	}
	return image, "latest"
}

// pinned is the image of a Machine with the digest of what it runs. It is the
// image itself if that needs none; ok is false if the platform does not tell it,
// or tells of another image.
func pinned(m fly.Machine) (image string, ok bool) {
	image = m.Config.Image()
	if !mutable(image) {
		return image, true
	}
	digest := digested.FindStringSubmatch(m.ImageRef)
	if digest == nil {
		return image, false
	}
	name, tag := splitTag(image)
	runs := strings.TrimSuffix(m.ImageRef, digest[0])
	// Fly pulls what names no registry through a mirror of Docker Hub.
	if want := name + ":" + tag; runs != want && !strings.HasSuffix(runs, "/"+want) {
		return image, false
	}
	return image + "@" + digest[1], true
}

// keepImage has a Machine that is updated keep the build it runs.
func (d *deployment) keepImage(m fly.Machine, after machine.Config) (machine.Config, error) {
	if d.in.Image != "" || after.Image() != m.Config.Image() || machine.Equal(m.Config, after) {
		return after, nil
	}
	image, ok := pinned(m)
	switch {
	case !ok:
		d.resolved.say("the image "+plan.Quote(image)+" is a tag, and the digest of what they run is unknown: Fly looks up the tag again and may get a different build", m.ID)
		return after, nil
	case image == m.Config.Image():
		return after, nil
	}
	d.resolved.say("the tag "+plan.Quote(m.Config.Image())+" is pinned to the build that is running", m.ID)
	return after.With("image", image)
}

// sameBuild reports whether an image is what a Machine runs already.
func sameBuild(m fly.Machine, image string) bool {
	if m.Config.Image() == image {
		return true
	}
	keeps, ok := pinned(m)
	return ok && keeps == image
}

// sameBuildNote is said of an image that is only pinned.
const sameBuildNote = "the same build"

// changeText is one value that a change of a Machine gives it; an image that is
// only pinned is told as the build that it is.
func changeText(c rollout.Change, change machine.Change) string {
	if change.Path == "image" && sameBuild(c.Before, c.After.Image()) {
		return change.String() + " (" + sameBuildNote + ")"
	}
	return change.String()
}

// remarkTags says what is known of the builds that the images name.
func (d *deployment) remarkTags() {
	d.resolved.each(func(what, machines string) { d.remark("%s: %s", machines, what) })
	if mutable(d.in.Image) && !d.empty() {
		d.remark("the image %s is a tag: Fly looks it up for each Machine, so they get different builds if it moves during the deploy; with a digest (name@sha256:…) all get the same build", plan.Quote(d.in.Image))
	}
}

// unsure reports whether it is open which build some Machine will get.
func (d *deployment) unsure() bool {
	for _, c := range d.changes {
		if !c.Same() && mutable(c.After.Image()) {
			return true
		}
	}
	for _, c := range d.creates {
		if mutable(c.Config.Image()) {
			return true
		}
	}
	return false
}
