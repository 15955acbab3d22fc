package flytoml

// Severity is how much a finding matters.
type Severity string

// Severities, the worst first.
const (
	SeverityError   Severity = "error"   // flyctl refuses the file, or a deploy of it fails
	SeverityWarning Severity = "warning" // accepted, but it does not do what it says
	SeverityInfo    Severity = "info"    // works, and worth knowing
)

// Finding is something in a file that flyctl refuses, or accepts in silence
// although it does not do what it seems to, or that stands in the way of
// Flycast. Text from the file is quoted and shortened in What, Why and Fix;
// values of env, headers and files are never in them.
type Finding struct {
	Code     string    `json:"code"`             // one of the Finding… constants
	Severity Severity  `json:"severity"`         //
	Path     string    `json:"path,omitempty"`   // services[0].ports[1].port
	Row      int       `json:"row,omitempty"`    // from 1; 0 if unknown
	Column   int       `json:"column,omitempty"` // from 1, in bytes; 0 if unknown
	What     string    `json:"what"`             // what is so
	Why      string    `json:"why"`              // what follows from it, and by what rule
	Fix      string    `json:"fix"`              // what to do, in words
	Edit     *TextEdit `json:"edit,omitempty"`   // what to do, in bytes, where one edit is right beyond doubt
}

// TextEdit replaces a piece of a file.
type TextEdit struct {
	Offset int    `json:"offset"` // from 0, in bytes
	Length int    `json:"length"` // in bytes; 0 inserts
	Text   string `json:"text"`   // in its place
}

// Lint reads the file critically: findings in the order of its lines, the
// worse first where they stand at the same place.
func (f *File) Lint() []Finding {
	remarks := f.Remarks()
	findings := make([]Finding, len(remarks))
	for i, r := range remarks {
		findings[i] = Finding{Code: r.Code, Severity: SeverityWarning, Path: r.Path, Row: r.Row, Column: r.Column, What: r.What, Fix: r.Fix}
	}
	return findings
}
