package plan

// Snapshot is what a run found before it changed anything, as far as undo needs it. It holds
// no environment value of the platform; a person's file is kept as it was.
type Snapshot struct {
	Addresses []SavedAddress `json:"addresses,omitempty"`
	File      *SavedFile     `json:"file,omitempty"` // that the run was to write
	// Config is the configuration of the Machines, as a fly.toml with hidden values.
	Config []byte `json:"config,omitempty"`
}

// SavedAddress is an address that an app had.
type SavedAddress struct {
	IP   string `json:"ip"`
	Kind string `json:"kind"`
}

// SavedFile is a person's file.
type SavedFile struct {
	Path   string `json:"path"`
	Before []byte `json:"before"`
	After  string `json:"after"` // hash of what the run was to write
}

// Merge returns a snapshot with the parts of both; those of s win.
func (s Snapshot) Merge(other Snapshot) Snapshot {
	if s.Addresses == nil {
		s.Addresses = other.Addresses
	}
	if s.File == nil {
		s.File = other.File
	}
	if s.Config == nil {
		s.Config = other.Config
	}
	return s
}
