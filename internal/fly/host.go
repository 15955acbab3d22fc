package fly

// HostDown reports whether the platform says that the Machine's host is not well.
func (m Machine) HostDown() bool { return m.HostStatus != "" && m.HostStatus != "ok" }
