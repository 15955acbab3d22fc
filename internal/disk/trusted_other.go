//go:build !unix

package disk

// Trusted returns nil: on this system the mode does not say who can write.
func Trusted(string) error { return nil }
