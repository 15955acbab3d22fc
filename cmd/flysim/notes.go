package main

import "sync"

// notes are messages for the person. Those that come before there is a screen
// wait for it. The zero value is ready; it is safe for concurrent use.
type notes struct {
	mu    sync.Mutex
	show  func(string)
	early []string
}

// add shows a message of one line.
func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.show == nil {
		n.early = append(n.early, text)
		return
	}
	n.show(text)
}

// showWith sets the function that shows messages from now on.
func (n *notes) showWith(show func(string)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.show = show
	for _, text := range n.early {
		show(text)
	}
	n.early = nil
}
