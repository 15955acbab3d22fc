package flysim

// pageArgs are the arguments of a connection.
type pageArgs struct {
	After, Before *string
	First, Last   *int32
}

// connection is one page of a list in the form of the schema. The cursor of a node is its key;
// clients do not interpret it.
type connection[T any] struct {
	nodes           []T
	keys            []string
	total           int
	previous, other bool // whether there is more before and after the page
}

// newConnection cuts a list to the requested page. If the node of a cursor is gone, the cursor means the
// place that its key would have, provided that the list is sorted by key.
func newConnection[T any](all []T, args pageArgs, key func(T) string) *connection[T] {
	keys := make([]string, len(all))
	for i, node := range all {
		keys[i] = key(node)
	}
	from, to := 0, len(all)
	if after := deref(args.After); after != "" {
		from = seek(keys, after, true)
	}
	if before := deref(args.Before); before != "" {
		to = max(seek(keys, before, false), from)
	}
	if args.First != nil {
		to = min(to, from+max(int(*args.First), 0))
	}
	if args.Last != nil {
		from = max(from, to-max(int(*args.Last), 0))
	}
	return &connection[T]{all[from:to], keys[from:to], len(all), from > 0, to < len(all)}
}

// seek returns the index of a cursor, or of the node that follows it.
func seek(keys []string, cursor string, following bool) int {
	for i, key := range keys {
		if key == cursor && following {
			return i + 1
		}
		if key == cursor {
			return i
		}
	}
	for i, key := range keys {
		if key > cursor {
			return i
		}
	}
	return len(keys)
}

func (c *connection[T]) Nodes() *[]T {
	if c.nodes == nil {
		return new([]T{})
	}
	return &c.nodes
}

func (c *connection[T]) TotalCount() int32 { return int32(c.total) }

func (c *connection[T]) PageInfo() *pageInfo {
	info := &pageInfo{HasNextPage: c.other, HasPreviousPage: c.previous}
	if n := len(c.keys); n > 0 {
		info.StartCursor, info.EndCursor = &c.keys[0], &c.keys[n-1]
	}
	return info
}

type pageInfo struct {
	StartCursor, EndCursor       *string
	HasNextPage, HasPreviousPage bool
}
