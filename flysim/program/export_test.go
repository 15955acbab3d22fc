package program

// SetMost says how many commands may run at once.
func (r *Runner) SetMost(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = n
}
