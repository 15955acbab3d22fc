//go:build !unix && !windows

package disk

func localTrouble(error) (what string, ok bool) { return "", false }
