package rollout

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
)

// What flyctl's deploy allows at once.
const (
	maxCold      = 30 // Machines of a group that do not run
	maxImmediate = 8  // Machines, with the strategy immediate
)

// DefaultMaxUnavailable is the share of a group's running Machines that may be updated at
// once, where nothing else is said.
const DefaultMaxUnavailable = 0.33

// Pool is Machines that are updated alike: the first alone and, once it is
// proved, the others, at most Width at once.
type Pool struct {
	Group    string   // empty where the pool is of all groups
	Running  bool     // they ran when the plan was made; false where the pool is of all groups
	Create   bool     // they are new
	Alone    bool     // the first goes alone
	Role     Role     // of all of them; with leftover ones, that of the others
	Machines []string // ids in the order of their turns; one empty id for each new one
	Width    int

	members []int // places in the report; see [Work.places]
}

// Order returns the order of the Machines. The pools of one stage are worked on side by side; a
// stage begins when the one before it is done. New Machines come first: if there
// is no room for them, nothing that runs was touched. A canary goes before them.
// With bluegreen those that have the configuration already follow, then the green
// ones and last the blue.
func (w Work) Order() [][]Pool {
	var stages [][]Pool
	add := func(pools []Pool) {
		if len(pools) > 0 {
			stages = append(stages, pools)
		}
	}
	switch w.Strategy {
	case Canary:
		add(w.pools(RoleLeftover))
		add(w.newPools(RoleCanary))
	}
	add(w.newPools(""))
	switch w.Strategy {
	case Immediate:
		add(w.atOnce())
	default:
		add(w.rolling())
	}
	if w.Strategy == BlueGreen {
		greens := w.newPools(RoleGreen)
		add(together(greens, greenWidth(count(greens))))
		add(together(append(w.pools(RoleBlue), w.pools(RoleLeftover)...), maxImmediate))
	}
	return stages
}

// together returns one pool of all Machines of several, in the order of the report.
func together(pools []Pool, width int) []Pool {
	if len(pools) == 0 {
		return nil
	}
	all := Pool{Create: pools[0].Create, Role: pools[0].Role, Width: width}
	ids := make(map[int]string)
	for _, pool := range pools {
		for i, place := range pool.members {
			ids[place] = pool.Machines[i]
		}
	}
	all.members = slices.Sorted(maps.Keys(ids))
	for _, place := range all.members {
		all.Machines = append(all.Machines, ids[place])
	}
	return []Pool{all}
}

func count(pools []Pool) int {
	n := 0
	for _, pool := range pools {
		n += len(pool.members)
	}
	return n
}

// places returns the positions in the report of the Machines that the work creates, and
// the position where the existing ones begin.
func (w Work) places() (created []Create, existing int) {
	created = slices.Concat(w.extras(), w.sortedCreates())
	return created, len(created)
}

// newPools returns the pools of the new Machines of a role.
func (w Work) newPools(role Role) []Pool {
	var pools []Pool
	created, _ := w.places()
	for i, create := range created {
		if create.role != role {
			continue
		}
		if n := len(pools); n == 0 || pools[n-1].Group != create.Group {
			pools = append(pools, Pool{Group: create.Group, Create: true, Role: role, Alone: role == "", Width: maxImmediate})
		}
		pool := &pools[len(pools)-1]
		pool.Machines = append(pool.Machines, "")
		pool.members = append(pool.members, i)
	}
	return pools
}

// pools returns the pools of the existing Machines of a role, by group.
func (w Work) pools(role Role) []Pool {
	var pools []Pool
	parts := w.assignments()
	_, first := w.places()
	for i, change := range w.sortedUpdates() {
		if parts[change.Before.ID].role != role {
			continue
		}
		if n := len(pools); n == 0 || pools[n-1].Group != change.Group || pools[n-1].Running != change.Launch() {
			pools = append(pools, Pool{Group: change.Group, Running: change.Launch(), Role: role, Width: maxImmediate})
		}
		pool := &pools[len(pools)-1]
		pool.Machines = append(pool.Machines, change.Before.ID)
		pool.members = append(pool.members, first+i)
	}
	return pools
}

func (w Work) atOnce() []Pool {
	pool := Pool{Width: maxImmediate}
	_, first := w.places()
	for i, change := range w.sortedUpdates() {
		pool.Machines = append(pool.Machines, change.Before.ID)
		pool.members = append(pool.members, first+i)
	}
	if len(pool.Machines) == 0 {
		return nil
	}
	return []Pool{pool}
}

// rolling splits each group into those that run and those that do not, as
// flyctl does (machines_deploymachinesapp.go, updateUsingRollingStrategy).
func (w Work) rolling() []Pool {
	pools := w.pools("")
	for i, pool := range pools {
		pools[i].Alone, pools[i].Width = true, maxCold
		if pool.Running {
			pools[i].Width = w.width(len(pool.Machines))
		}
	}
	return pools
}

// width returns how many of n running Machines may be updated at once.
func (w Work) width(n int) int {
	share := w.MaxUnavailable
	if share == 0 {
		share = DefaultMaxUnavailable
	}
	if share < 1 {
		share = math.Ceil(share * float64(n))
	}
	return min(max(int(math.Min(share, math.MaxInt32)), 1), max(n, 1))
}

// AtOnce returns how many of a group's Machines may be down at one time, if n of them
// are updated and all of them run.
func (w Work) AtOnce(n int) int {
	switch w.Strategy {
	case Immediate: // none is waited for
		return n
	case BlueGreen: // the old ones serve until the new ones do
		return 0
	}
	return min(w.width(n), n)
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
