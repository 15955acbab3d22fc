package target

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// A tag may name another build tomorrow. Fly looks it up whenever a Machine gets a
// configuration, and a deploy that keeps "the image they run" must not bring in new code
// that way. So a Machine that is updated is sent its image with the digest that the
// platform reports for it (image_ref), in the form name:tag@digest, as fly machine update
// and fly image update send it. Tags that fly deploy makes (deployment-…) name one build
// for good and stay as they are, and so does a Machine that nothing else changes. Scope
// services pins, too: a tag that is sent again may mean another build.
//
// fly deploy --image asks for the digest too, but sends the tag. An image that is named to
// this program is sent as it is named: the plan says what a tag means.

// imageReference is what an image reference is made of, in general: a registry judges the
// rest.
var imageReference = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,499}$`)

var digestSuffix = regexp.MustCompile(`@(sha256:[0-9a-f]{64})$`)

// ValidImage reports whether a text can be an image reference.
func ValidImage(image string) bool { return imageReference.MatchString(image) }

// Mutable reports whether an image reference may come to name another build.
func Mutable(image string) bool {
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

// pinned returns the image of a Machine with the digest of what it runs. It is the image
// itself if that needs none; ok is false if the platform does not report the digest, or
// reports that of another image.
func pinned(m fly.Machine) (image string, ok bool) {
	image = m.Config.Image()
	if !Mutable(image) {
		return image, true
	}
	digest := digestSuffix.FindStringSubmatch(m.ImageRef)
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

// SameBuild reports whether an image is what a Machine runs already.
func SameBuild(m fly.Machine, image string) bool {
	if m.Config.Image() == image {
		return true
	}
	keeps, ok := pinned(m)
	return ok && keeps == image
}

// pin has a Machine that is updated keep the build it runs. The note says what that
// means; it is empty if there is nothing to say.
func (c *computation) pin(m fly.Machine, after machine.Config) (config machine.Config, note string, err error) {
	if c.Image != "" || after.Image() != m.Config.Image() || machine.Equal(m.Config, after) {
		return after, "", nil
	}
	image, ok := pinned(m)
	switch {
	case !ok:
		note = "the image " + plan.Quote(image) + " is a tag, and the digest of what they run is unknown: Fly " +
			"looks up the tag again and may get a different build"
		return after, note, nil
	case image == m.Config.Image():
		return after, "", nil
	}
	config, err = after.With("image", image)
	return config, "the tag " + plan.Quote(m.Config.Image()) + " is pinned to the build that is running", err
}

// AppImage returns the image of a new Machine: what the source names, else what most of the
// app's Machines run, by its digest if a tag is all they name, else what the file names.
func AppImage(source Source, machines []fly.Machine) string {
	image := cmp.Or(source.Image, mostCommon(machines, func(m fly.Machine) string {
		image, _ := pinned(m)
		return image
	}))
	if image == "" && source.Definition.Build != nil {
		return source.Definition.Build.Image
	}
	return image
}

// mostCommon returns the most frequent value among the Machines that fly deploy made, the
// first by name of several.
func mostCommon(machines []fly.Machine, value func(fly.Machine) string) string {
	count, best := make(map[string]int), ""
	for _, m := range machines {
		v := value(m)
		if v == "" || !m.Config.IsFlyLaunch() {
			continue
		}
		count[v]++
		if n := count[v] - count[best]; best == "" || n > 0 || n == 0 && v < best {
			best = v
		}
	}
	return best
}
