//go:build !unix && !windows

package disk

func describeLocal(error) (what string, ok bool) { return "", false }
