//go:build !race

package attack

const share = 1
