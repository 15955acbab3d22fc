//go:build !unix

package disk

// CheckTrusted returns nil: on this system the mode does not say who can write.
func CheckTrusted(string) error { return nil }
