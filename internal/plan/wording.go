package plan

import (
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Wording is what a person is told about the plans of one tool, besides what the steps, the
// hazards and the unknown of a plan say. The package that makes the plans has it. It uses
// only what the digest covers.
type Wording interface {
	// Title is the question itself, in one line.
	Title(p Plan) string
	// Effect is what the plan does to callers of the app, one sentence a line. It includes
	// [Plan.ImpactSentence] and [Plan.HazardSentences].
	Effect(p Plan, d Detail) []string
	// NotDone is what a person might expect and the plan does not do.
	NotDone(p Plan, d Detail) []string
	// Undo says how the plan is undone, besides what its steps say.
	Undo(p Plan) []string
}

// Wordings are the wordings of the tools, by name.
type Wordings map[string]Wording

// wording returns the plan's wording, or the one for plans of an unknown tool.
func (p Plan) wording() Wording {
	if p.Wording == nil {
		return plainWording{}
	}
	return p.Wording
}

// plainWording says no more than the plan itself.
type plainWording struct{}

func (plainWording) Title(p Plan) string {
	return fmt.Sprintf("Make %s to %s (%s)?", Count(len(p.ShownSteps()), "change", "changes"),
		Line(p.App), Quote(p.Tool))
}

func (plainWording) Effect(p Plan, d Detail) []string {
	return append([]string{p.ImpactSentence()}, p.HazardSentences(d)...)
}

func (plainWording) NotDone(Plan, Detail) []string { return nil }

func (plainWording) Undo(Plan) []string { return nil }

// Detail is how much of a plan a question tells.
type Detail struct {
	Names      int  // groups, regions and other names in one place
	everything bool // every Machine by id, every name
	cut        bool // long values end after 40 characters, and say so
	counted    bool // more than six addresses are counted
}

// List joins names, and counts those that are too many.
func (d Detail) List(names []string) string { return outside.List(names, d.Names) }

// ImpactSentence returns the plan's impact as a sentence.
func (p Plan) ImpactSentence() string { return p.Impact.Sentence(Line(p.App)) }

// HazardSentences returns the plan's hazards as sentences, without those that the impact, a
// step or the undo says.
func (p Plan) HazardSentences(d Detail) []string {
	var out []string
	for _, h := range p.Hazards {
		switch h {
		case DedicatedV4Lost, DedicatedV6Lost, SharedV4Released, NotPutBack:
			// said beside the address, or by how to undo it
		case JoinsPrivateNetwork, StartsMachines:
			// said by the step that adds the peer
		case Restart, BriefOutage:
			isImpact := p.Impact == ImpactRestart || p.Impact == ImpactBriefOutage
			if !isImpact && (h == BriefOutage || !p.Has(BriefOutage)) {
				out = append(out, h.Sentence())
			}
		case PublicAccessEnds:
			if ports := p.FactNames(FactCloses); len(ports) > 0 {
				out = append(out, h.Sentence()+": port "+d.List(ports))
			} else if p.Impact != ImpactPublicAccessEnds && p.Impact != ImpactUnreachable {
				out = append(out, h.Sentence())
			}
		case AppUnreachable:
			if p.Impact != ImpactUnreachable {
				out = append(out, h.Sentence())
			}
		case CustomHostnameStops:
			out = append(out, h.Sentence()+": "+d.List(p.FactNames(FactCertificate)))
		default:
			out = append(out, h.Sentence())
		}
	}
	return out
}
