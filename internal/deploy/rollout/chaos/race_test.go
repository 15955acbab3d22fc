//go:build race

package chaos

// share is what part of the runs is made: under the race detector each takes
// seven times as long.
const share = 2
