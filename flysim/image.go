package flysim

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// imageRef is an image reference, split into its parts.
type imageRef struct {
	registry, repository, tag, digest string
}

// parseImage splits registry/repository:tag@digest. A reference without a registry is one on Docker
// Hub, which Fly pulls through its mirror.
func parseImage(ref string) imageRef {
	var image imageRef
	name, digest, _ := strings.Cut(ref, "@")
	image.digest = digest
	if slash := strings.LastIndexByte(name, '/'); strings.Contains(name[slash+1:], ":") {
		colon := strings.LastIndexByte(name, ':')
		name, image.tag = name[:colon], name[colon+1:]
	} else if digest == "" {
		image.tag = "latest"
	}
	registry, repository, ok := strings.Cut(name, "/")
	if !ok || !strings.ContainsAny(registry, ".:") {
		registry, repository = "docker-hub-mirror.fly.io", name
		if !ok {
			repository = "library/" + name
		}
	}
	image.registry, image.repository = registry, repository
	return image
}

// String returns the full reference without the digest.
func (i imageRef) String() string {
	ref := i.registry + "/" + i.repository
	if i.tag != "" {
		ref += ":" + i.tag
	}
	return ref
}

// digestOf returns a made-up digest for an image reference.
func digestOf(ref string) string {
	sum := sha256.Sum256([]byte(ref))
	return "sha256:" + hex.EncodeToString(sum[:])
}
