//go:build !race

package chaos

const share = 1
