//go:build race

package attack

// share is what part of the runs is made: under the race detector each takes
// many times as long.
const share = 4
