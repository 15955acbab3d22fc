package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Facts of a deploy that decide how it is carried out; the question says each.
const (
	FactScope          = "scope"           // all or services
	FactMaxUnavailable = "max_unavailable" // a share of a group below 1, or a number of Machines
	FactWaitTimeout    = "wait_timeout"    // for one Machine
	FactAtOnce         = "at_once/"        // followed by a process group; see AtOnce
	FactStrategy       = "strategy"        // rolling, immediate, canary or bluegreen
	FactOnFailure      = "on_failure"      // put_back, stop or continue
	FactWake           = "wake"            // true: Machines that do not run are started and proved
	FactOrigin         = "origin/"         // followed by live, both, file, behind or unknown; how many values differ for that reason
	FactCloses         = "closes/"         // followed by a port that answers now and will not
	FactLeft           = "left/"           // followed by a process group that the file lacks; its Machines are left alone
	FactAdopted        = "adopted/"        // followed by a process group; its Machines that fly deploy did not make
)

// Facts of a release of addresses that the question says.
const (
	FactLost      = "lost"       // IPv4 or IPv6: no address of it is left, and one of the other is
	FactNamesOver = "names_over" // IPv4 or IPv6: custom hostnames answer over that alone
)

// released says what a release of addresses leaves to those who still get in.
func (p Plan) released() []string {
	var out []string
	if family := p.fact(FactLost); family != "" {
		out = append(out, fmt.Sprintf("no %s address is left: callers that have only %s cannot reach the app", Line(family), Line(family)))
	}
	if family := p.fact(FactNamesOver); family != "" && len(p.subjects("certificate/")) > 0 {
		out = append(out, fmt.Sprintf("custom hostnames answer over %s only: %s", Line(family), strings.Join(p.subjects("certificate/"), ", ")))
	}
	return out
}

// AtOnce is the value of [FactAtOnce]: how many Machines of a group may be down at
// one time, of how many that there are, and whether that leaves none at work.
func AtOnce(down, there int, whole bool) string {
	of := fmt.Sprintf("%d of %d", down, there)
	switch {
	case whole && down == there:
		return "ALL " + of
	case whole:
		return "ALL that do its work, " + of
	}
	return of
}

func (p Plan) fact(key string) string {
	for _, f := range p.Facts {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

func (p Plan) deployTitle() string {
	var updates, creates, replaces, ends, proves int
	for _, s := range p.shown() {
		switch s.Verb {
		case gate.UpdateMachine:
			updates++
		case gate.CreateMachine:
			if s.Get(ParamMachine) != "" {
				replaces++
			} else {
				creates++
			}
		case gate.DestroyMachine:
			ends++
		case gate.LeaseMachine:
			proves++
		}
	}
	app, more := Line(p.App), ""
	if left := ends - replaces; left > 0 && replaces+creates+updates > 0 {
		more = fmt.Sprintf(", and destroy %d left over", left)
	}
	switch {
	case replaces > 0 && creates > 0:
		return fmt.Sprintf("Replace %s of %s, and create %d more%s?", count(replaces, "Machine", "Machines"), app, creates, more)
	case replaces > 0:
		return fmt.Sprintf("Replace %s of %s%s?", count(replaces, "Machine", "Machines"), app, more)
	case updates == 0 && creates == 0 && ends > 0:
		return fmt.Sprintf("Destroy %s of %s?", count(ends, "Machine", "Machines"), app)
	case creates == 0 && updates > 0:
		return fmt.Sprintf("Deploy configuration onto %s of %s%s?", count(updates, "Machine", "Machines"), app, more)
	case updates == 0 && creates == 0:
		return fmt.Sprintf("Test %s of %s?", count(proves, "Machine", "Machines"), app)
	case updates == 0:
		return fmt.Sprintf("Create %s of %s%s?", count(creates, "Machine", "Machines"), app, more)
	}
	return fmt.Sprintf("Deploy configuration onto %s of %s, and create %d more%s?", count(updates, "Machine", "Machines"), app, creates, more)
}

// replaces reports whether Machines are replaced where others would restart.
func (p Plan) replaces() bool {
	return p.fact(FactStrategy) == "bluegreen" && (p.Impact == ImpactRestart || p.Impact == ImpactBriefOutage)
}

// origins says how many of the values differ for another reason than that the
// services were edited.
func (p Plan) origins() []string {
	var why []string
	for _, origin := range []struct{ word, why string }{
		{"live", "%s changed on the Machines since the last release: this UNDOES that"},
		{"both", "%s changed on the Machines and in the file since then: the file wins"},
		{"file", "%s edited in the file since then"},
		{"behind", "%s from an earlier release, on Machines that the last release did not reach"},
		{"unknown", "%s of unknown origin"},
	} {
		n, err := strconv.Atoi(p.fact(FactOrigin + origin.word))
		if err == nil && n > 0 {
			why = append(why, fmt.Sprintf(origin.why, count(n, "value was", "values were")))
		}
	}
	if len(why) == 0 {
		return nil
	}
	return []string{"of the differences, " + strings.Join(why, "; ")}
}

// adopted says which Machines begin to belong to fly deploy.
func (p Plan) adopted(d detail) []string {
	var out []string
	left := 0
	for _, f := range p.Facts {
		group, ok := strings.CutPrefix(f.Key, FactAdopted)
		if !ok {
			continue
		}
		ids := strings.Split(f.Value, ",")
		if len(out) == d.names {
			left += len(ids)
			continue
		}
		names := make([]string, len(ids))
		for i, id := range ids {
			names[i] = Clean(id)
		}
		out = append(out, fmt.Sprintf("%s not made by fly deploy (%s) will belong to group %s: every later deploy updates them", count(len(ids), "Machine", "Machines"), d.name(names), Quote(group)))
	}
	slices.Sort(out)
	if left > 0 {
		out = append(out, fmt.Sprintf("and so will %d more Machines not made by fly deploy, in other groups", left))
	}
	return out
}

// deployEffect says what the strategy and the proof add to the impact, and how
// the deploy is carried out.
func (p Plan) deployEffect(d detail) []string {
	out := slices.Concat(p.origins(), p.adopted(d), p.atOnce(d))
	switch p.fact(FactStrategy) {
	case "immediate":
		out = append(out, "ALL AT ONCE: no Machine is tested before the others")
	case "canary":
		out = append(out, "one extra Machine of each group is tested first, then destroyed")
	case "bluegreen":
		out = append(out, "a second set of Machines is started beside the first; requests move to it when it is healthy")
	}
	there := func(s Step) bool { return s.Get(ParamMachine) != "" }
	if p.fact(FactWake) == "true" && slices.ContainsFunc(p.Steps, there) {
		out = append(out, "stopped Machines are started once to test them")
	}
	if p.fact(FactOnFailure) == "continue" {
		out = append(out, "a failure does NOT end the deploy: all Machines may be left broken")
	}
	return append(out, p.settings()...)
}

// atOnce says how many Machines of each group may be down at one time.
func (p Plan) atOnce(d detail) []string {
	var parts []string
	whole, left := 0, 0
	for _, f := range p.Facts {
		group, ok := strings.CutPrefix(f.Key, FactAtOnce)
		if !ok {
			continue
		}
		down := strings.HasPrefix(f.Value, "ALL ")
		if len(parts) == d.names {
			left++
			if down {
				whole++
			}
			continue
		}
		parts = append(parts, fmt.Sprintf("group %s %s", Quote(group), Clean(f.Value)))
	}
	if len(parts) == 0 {
		return nil
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("%d more groups, %d of which may be down completely", left, whole))
	}
	return []string{"down at the same time, at most: " + strings.Join(parts, ", ")}
}

// settings are those of the deploy, whether they are the default or not.
func (p Plan) settings() []string {
	var parts []string
	for _, name := range []string{FactStrategy, FactMaxUnavailable, FactOnFailure, FactWake, FactWaitTimeout, FactScope} {
		if value := p.fact(name); value != "" {
			parts = append(parts, name+" "+Clean(value))
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{"settings: " + strings.Join(parts, ", ")}
}

func (p Plan) deployNotDone(d detail) []string {
	out := []string{"no build", "no address is allocated", "no release_command is run"}
	if left := p.subjects(FactLeft); len(left) > 0 {
		out = append(out, "Machines of groups not in the file are not destroyed: "+d.name(left))
	}
	return out
}

func (p Plan) deployUndo() string {
	if p.fact(FactStrategy) == "bluegreen" {
		return p.exchangeUndo()
	}
	switch p.fact(FactOnFailure) {
	case "put_back":
		return "if a Machine fails, it and those changed before it get their earlier configuration back; after that, deploy the earlier file"
	case "stop":
		return "a Machine that fails is NOT put back, and no Machine is changed after it; to undo, deploy the earlier file"
	case "continue":
		return "a Machine that fails is NOT put back, and the deploy continues; to undo, deploy the earlier file"
	}
	return "a Machine that fails gets its earlier configuration back; after that, deploy the earlier file"
}

// exchangeUndo is about two sets of Machines. Until requests go over to the new
// one, it goes if one of it fails, whatever is to be done on a failure.
func (p Plan) exchangeUndo() string {
	const early = "if a new Machine fails before it gets requests, all new ones are destroyed and the old ones stay"
	switch p.fact(FactOnFailure) {
	case "stop":
		return early + "; a later failure is NOT put back: deploy the earlier file"
	case "continue":
		return early + "; a later failure is NOT put back, and the deploy continues: deploy the earlier file"
	}
	return early + "; so too later, until the first old one is destroyed; after that, deploy the earlier file"
}
