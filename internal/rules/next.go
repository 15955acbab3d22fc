package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Next returns what to do now to make the app private: a Flycast address first, then the file
// and the deploy, the release last. It is empty when the job is done.
func (s Snapshot) Next() []plan.Next {
	app := s.Addresses.App.Name
	has := make(map[string]bool)
	for _, b := range s.Blockers() {
		has[b.ID] = true
	}
	public := slices.ContainsFunc(s.Addresses.List, func(a fly.Address) bool { return a.Kind.Public() })
	switch {
	case has[plan.UDPService] || has[plan.BindLoopback]:
		return s.decide()
	case s.AsksCallers():
		return []plan.Next{s.callersQuestion()}
	case has[plan.NoFlycast] || has[plan.FlycastWrongNetwork]:
		return []plan.Next{agent("allocate_flycast", plan.Arguments{App: app},
			"first step: a Flycast address is free, and keeps a later deploy from making the app public")}
	case has[plan.MachineUnread]:
		return []plan.Next{command("fly machine list -a "+app,
			"Machines whose configuration could not be read may be public: call list_ips again when they can be read")}
	case !s.MachinesKnown && public:
		return []plan.Next{unlisted(app, "the app is ready for Flycast")}
	case len(s.ManualFixes()) > 0 && !has[plan.BindLoopback] && !(has[plan.NoServices] && public):
		return adoptOrUpdate(app, s.ManualFixes())
	case has[plan.NoServices] && public:
		return s.askNetwork([]plan.Next{agent("release_public_ips", plan.Arguments{App: app},
			"nothing answers on the public addresses yet: release them before a service is deployed")})
	case has[plan.NoServices]:
		return []plan.Next{mustAnswer("say which port the app listens on (internal_port); then call patch_services with create")}
	case has[plan.NoPorts]:
		return AddService(s.NewService())
	case has[plan.TLSOnly]:
		return PatchThenDeploy(s.PlainPorts(),
			"adds a port without TLS, because .flycast names have no certificate; "+fileHint)
	case has[plan.ForceHTTPS]:
		return PatchThenDeploy(plan.Arguments{App: app}, fileHint)
	case has[plan.NoMachineAnswers]:
		return s.wake()
	case public:
		return s.askNetwork([]plan.Next{
			person("who calls the public address (webhooks, monitors, browsers, other apps)? they will be cut off"),
			agent("release_public_ips", plan.Arguments{App: app}, "the live Machines are ready; asks a person"),
		})
	case len(s.Unrecognized()) > 0:
		return []plan.Next{command("fly ips list -a "+app,
			"find out what "+strings.Join(s.Unrecognized(),
				", ")+" is: its kind is not recognized, and it may be public")}
	case !s.MachinesKnown:
		return []plan.Next{unlisted(app, "anything answers over Flycast")}
	case s.FlycastUnclear():
		return s.askNetwork(nil)
	}
	return s.firstBlocker()
}

// fileHint says which arguments patch_services needs.
const fileHint = "pass path or content of its fly.toml if there is one"

func agent(tool string, arguments plan.Arguments, why string) plan.Next {
	return plan.Next{Who: "agent", Tool: tool, Arguments: &arguments, Why: why}
}

func person(why string) plan.Next { return plan.Next{Who: "person", Why: why} }

// mustAnswer asks a person a question without whose answer nothing else makes sense.
func mustAnswer(why string) plan.Next { return plan.Next{Who: "person", Blocking: true, Why: why} }

func command(line, why string) plan.Next { return plan.Next{Who: "person", Command: line, Why: why} }

// unlisted returns the command that makes a token which can read the Machines.
func unlisted(app, whether string) plan.Next {
	return command(fmt.Sprintf("fly tokens create deploy -a %s -x 24h", app),
		"this token is not allowed to read the Machines: it is unknown whether "+whether)
}

// askNetwork puts a question before the next steps if it is unknown which network the Flycast
// address serves.
func (s Snapshot) askNetwork(next []plan.Next) []plan.Next {
	if !s.FlycastUnclear() {
		return next
	}
	question := person("does the Flycast address serve the callers' network? Fly's answers do not " +
		"show it; ask before a release")
	return append([]plan.Next{question}, next...)
}

// decide asks a person about what no tool can fix, and suggests nothing else.
func (s Snapshot) decide() []plan.Next {
	for _, b := range s.Blockers() {
		if b.ID == plan.UDPService || b.ID == plan.BindLoopback {
			return []plan.Next{mustAnswer(b.What + ": " + b.Fix)}
		}
	}
	return nil
}

// callersQuestion asks where the callers of an app on a network of its own are.
func (s Snapshot) callersQuestion() plan.Next {
	app, own := s.Addresses.App.Name, plan.Clean(s.OwnNetwork())
	return mustAnswer(fmt.Sprintf("which network are the callers of %s on? It is on its own network %s, and apps elsewhere "+
		"cannot reach a Flycast address there. Then call make_private with network: %s, or %s for the organization's "+
		"default network", app, own, own, fly.DefaultNetwork))
}

// PatchThenDeploy returns the two calls that put edited services onto the Machines.
func PatchThenDeploy(patch plan.Arguments, why string) []plan.Next {
	return []plan.Next{
		agent("patch_services", patch, why),
		agent("deploy", plan.Arguments{App: patch.App}, "then, with the draft from patch_services; asks a person"),
	}
}

// wake returns what to do about an app none of whose Machines may answer.
func (s Snapshot) wake() []plan.Next {
	for _, b := range s.Blockers() {
		if b.ID == plan.NoMachineAnswers && strings.HasPrefix(b.Fix, "patch_services") {
			return PatchThenDeploy(plan.Arguments{App: s.Addresses.App.Name}, "sets autostart; "+fileHint)
		}
	}
	return s.firstBlocker()
}

// firstBlocker tells a person the first thing that keeps the app from working; it is empty if
// nothing does.
func (s Snapshot) firstBlocker() []plan.Next {
	if blockers := s.Blockers(); len(blockers) > 0 {
		first := blockers[0]
		if strings.HasPrefix(first.Fix, "fly ") && !strings.Contains(first.Fix, ";") {
			return []plan.Next{command(first.Fix, first.What)}
		}
		return []plan.Next{person(first.What + ": " + first.Fix)}
	}
	if why := s.UnreachedReason(); why != "" {
		return []plan.Next{command("fly status -a "+s.Addresses.App.Name, "nothing reaches the app: "+why)}
	}
	return []plan.Next{}
}

// AddService returns how an app whose services have no ports gets one that has.
func AddService(arguments plan.Arguments) []plan.Next {
	if arguments.InternalPort == 0 {
		return []plan.Next{person("say which port the app listens on (internal_port); then call " +
			"patch_services with create " + arguments.Create)}
	}
	return PatchThenDeploy(arguments, "adds a service with a port that Fly Proxy listens on; "+fileHint)
}

// adoptOrUpdate returns the two ways to fix Machines that fly deploy did not make.
func adoptOrUpdate(app string, byHand []ManualFix) []plan.Next {
	var ids []string
	for _, h := range byHand {
		ids = append(ids, h.Machines...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	next := []plan.Next{agent("patch_services", plan.Arguments{App: app}, fmt.Sprintf(
		"%s; then deploy with adopt: true, because fly deploy did not make %s (%s) and does not update them",
		fileHint, plan.Machines(len(ids)), plan.Few(ids)))}
	for _, h := range byHand {
		if h.Command == "" || len(next) == plan.MaxNext {
			continue
		}
		why := "alternative for Machine " + h.Machines[0]
		if len(h.Machines) > 1 {
			why = "alternative for each of " + plan.Few(h.Machines)
		}
		next = append(next, command(h.Command, why+": updates it directly, without a deploy"))
	}
	return next
}

// ReachSentence says how callers reach the app now.
func (s Snapshot) ReachSentence() string {
	reach := s.Reach()
	switch {
	case reach == nil:
		return "It is unknown what reaches it now: its Machines could not be read completely."
	case slices.Equal(reach, []string{Nothing}):
		return "NOTHING REACHES IT NOW: " + s.UnreachedReason() + "."
	}
	return "It is reached at " + strings.Join(plan.Shortened(reach), ", ") + ", according to its configuration."
}

// UnknownSentences returns [Snapshot.Unknowns] as sentences.
func (s Snapshot) UnknownSentences() []string {
	var out []string
	for _, u := range s.Unknowns() {
		sentence := u.Sentence()
		if u == plan.KindUnknown {
			sentence = strings.Join(s.Unrecognized(), ", ") + ": " + sentence
		}
		out = append(out, sentence)
	}
	return out
}
