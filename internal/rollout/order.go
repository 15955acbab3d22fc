package rollout

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// What flyctl's deploy allows at once.
const (
	maxCold        = 30   // Machines of a group that do not run
	maxImmediate   = 8    // Machines, with the strategy immediate
	maxUnavailable = 0.33 // of a group's running Machines, where nothing is said
)

// Pool is Machines that are updated alike: the first alone and, once it is
// proved, the others, at most Width at once.
type Pool struct {
	Group    string   // empty where the pool is of all groups
	Running  bool     // they ran when the plan was made; false where the pool is of all groups
	Create   bool     // they are new
	Alone    bool     // the first goes alone
	Machines []string // ids in the order of their turns; one empty id for each new one
	Width    int

	members []int // places in the report
}

// Order is who goes when. The pools of one stage are at work side by side; a
// stage begins when the one before it is done. New Machines come first: if there
// is no room for them, nothing that runs was touched.
func (w Work) Order() [][]Pool {
	var stages [][]Pool
	add := func(pools []Pool) {
		if len(pools) > 0 {
			stages = append(stages, pools)
		}
	}
	add(w.creates())
	if w.Strategy == Immediate {
		add(w.atOnce())
	} else {
		add(w.rolling())
	}
	return stages
}

func (w Work) creates() []Pool {
	var pools []Pool
	for i, create := range w.sortedCreates() {
		if n := len(pools); n > 0 && pools[n-1].Group == create.Group {
			pools[n-1].Machines = append(pools[n-1].Machines, "")
			pools[n-1].members = append(pools[n-1].members, i)
			continue
		}
		pools = append(pools, Pool{Group: create.Group, Create: true, Alone: true, Machines: []string{""}, members: []int{i}, Width: maxImmediate})
	}
	return pools
}

func (w Work) atOnce() []Pool {
	pool := Pool{Width: maxImmediate}
	for i, change := range w.sortedUpdates() {
		pool.Machines = append(pool.Machines, change.Before.ID)
		pool.members = append(pool.members, len(w.Creates)+i)
	}
	if len(pool.Machines) == 0 {
		return nil
	}
	return []Pool{pool}
}

// rolling splits each group into those that run and those that do not, as
// flyctl does (machines_deploymachinesapp.go, updateUsingRollingStrategy).
func (w Work) rolling() []Pool {
	var pools []Pool
	for i, change := range w.sortedUpdates() {
		if n := len(pools); n == 0 || pools[n-1].Group != change.Group || pools[n-1].Running != change.Launch() {
			pools = append(pools, Pool{Group: change.Group, Running: change.Launch(), Alone: true})
		}
		pool := &pools[len(pools)-1]
		pool.Machines = append(pool.Machines, change.Before.ID)
		pool.members = append(pool.members, len(w.Creates)+i)
	}
	for i, pool := range pools {
		pools[i].Width = maxCold
		if pool.Running {
			pools[i].Width = w.width(len(pool.Machines))
		}
	}
	return pools
}

// width is how many of n running Machines may be at work at once.
func (w Work) width(n int) int {
	share := w.MaxUnavailable
	if share == 0 {
		share = maxUnavailable
	}
	if share < 1 {
		share = math.Ceil(share * float64(n))
	}
	return min(max(int(math.Min(share, math.MaxInt32)), 1), max(n, 1))
}

func (w Work) sortedUpdates() []Change {
	sorted := slices.Clone(w.Updates)
	Sort(sorted)
	return sorted
}

func (w Work) sortedCreates() []Create {
	sorted := slices.Clone(w.Creates)
	slices.SortStableFunc(sorted, func(a, b Create) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Region, b.Region))
	})
	return sorted
}

// Sort brings changes into the order of the rollout: by group, running Machines
// first so that the first update is one that proves something, then by id.
func Sort(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int {
		running := 0
		if a.Launch() != b.Launch() {
			if running = 1; a.Launch() {
				running = -1
			}
		}
		return cmp.Or(strings.Compare(a.Group, b.Group), running, strings.Compare(a.Before.ID, b.Before.ID))
	})
}
