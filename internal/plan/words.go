package plan

import "github.com/flycast-mcp/flycast-mcp/internal/gate"

// Hazard is something that a plan does to somebody. One vocabulary for plan,
// question, policy and journal.
type Hazard string

// The hazards.
const (
	DedicatedV4Lost         Hazard = "dedicated_v4_lost"
	DedicatedV6Lost         Hazard = "dedicated_v6_lost"
	SharedV4Released        Hazard = "shared_v4_released"
	PublicAccessEnds        Hazard = "public_access_ends"
	CustomHostnameStops     Hazard = "custom_hostname_stops"
	UDPStops                Hazard = "udp_stops"
	AppUnreachable          Hazard = "app_unreachable"
	Restart                 Hazard = "restart"
	BriefOutage             Hazard = "brief_outage"
	ImageChange             Hazard = "image_change"
	OtherConfigChanges      Hazard = "other_config_changes"
	FilesLostOnStop         Hazard = "files_lost_on_stop"
	MachineDestroyedOnStop  Hazard = "machine_destroyed_on_stop"
	NewPublicService        Hazard = "new_public_service"
	PublicPlainHTTP         Hazard = "public_plain_http"
	InternalCallersUnserved Hazard = "internal_callers_unserved"
	StaysStopped            Hazard = "stays_stopped"
	OpenToOtherNetwork      Hazard = "open_to_other_network"
	MachineCreated          Hazard = "machine_created"
	MachinesReplaced        Hazard = "machines_replaced"
	NotPutBack              Hazard = "not_put_back"
	JoinsPrivateNetwork     Hazard = "joins_private_network"
	StartsMachines          Hazard = "starts_machines"
	MadePublic              Hazard = "made_public"
)

// HazardWord is what a hazard means, in words.
type HazardWord struct {
	Hazard       Hazard
	Irreversible bool // what it names cannot come back, or not as it was
	Sentence     string
}

// Hazards returns what each hazard means, in the contract's order: for questions,
// policy errors and docs/tools.md.
func Hazards() []HazardWord {
	return []HazardWord{
		{DedicatedV4Lost, true, "a dedicated IPv4 address is LOST FOR GOOD"},
		{DedicatedV6Lost, true, "a dedicated IPv6 address is LOST FOR GOOD"},
		{SharedV4Released, true, "the shared IPv4 address is released: a new one may be different"},
		{PublicAccessEnds, false, "PUBLIC ACCESS ENDS: some or all of what answers the internet today stops answering"},
		{CustomHostnameStops, false, "custom hostnames stop answering and their certificates stop renewing"},
		{UDPStops, false, "UDP services stop: Flycast does not carry UDP"},
		{AppUnreachable, false, "the app, or a part of it, is UNREACHABLE until that is fixed"},
		{Restart, false, "Machines restart"},
		{BriefOutage, false, "a short outage: all working Machines of a group may be down at the same time"},
		{ImageChange, false, "a different image will run"},
		{OtherConfigChanges, false, "the file also changes settings other than services"},
		{FilesLostOnStop, false, "files outside volumes are lost whenever a Machine stops"},
		{MachineDestroyedOnStop, false, "a Machine is destroyed when it stops (auto_destroy)"},
		{NewPublicService, false, "more services become public"},
		{PublicPlainHTTP, false, "public addresses answer plain HTTP until they are released"},
		{InternalCallersUnserved, false,
			"idle Machines stop: callers that use .internal or UDP cannot reach or wake a stopped Machine"},
		{StaysStopped, false, "idle Machines of a group stop, and NO REQUEST STARTS THEM AGAIN"},
		{OpenToOtherNetwork, false, "everything on another network can reach the app"},
		{MachineCreated, false, "new Machines are billed while they run, volumes until they are deleted"},
		{MachinesReplaced, true, "Machines are DESTROYED; everything on them outside volumes is lost"},
		{NotPutBack, false, "a Machine that fails is NOT put back"},
		{JoinsPrivateNetwork, false, "this server joins the app's private network for some seconds"},
		{StartsMachines, false, "requests of this server start stopped Machines"},
		{MadePublic, false, "THE APP BECOMES PUBLIC: everyone on the internet can reach it"},
	}
}

// word returns the hazard's row; the zero value for an unknown hazard.
func (h Hazard) word() HazardWord {
	for _, w := range Hazards() {
		if w.Hazard == h {
			return w
		}
	}
	return HazardWord{}
}

// Irreversible reports whether what the hazard names cannot come back, or not as
// it was.
func (h Hazard) Irreversible() bool { return h.word().Irreversible }

// Sentence returns what the hazard means; empty for an unknown hazard.
func (h Hazard) Sentence() string { return h.word().Sentence }

// Vocabulary returns what a policy file may name: these tools, and every hazard.
func Vocabulary(tools ...string) gate.Vocabulary {
	v := gate.Vocabulary{Tools: tools}
	for _, w := range Hazards() {
		v.Hazards = append(v.Hazards, gate.Hazard{
			Name: string(w.Hazard), Sentence: w.Sentence, Irreversible: w.Irreversible,
		})
	}
	return v
}

// Unknown is something a plan could not check.
type Unknown string

// What is never visible from here, or was not this time.
const (
	CallersUnknown   Unknown = "callers_unknown"
	InternalCallers  Unknown = "internal_callers_unknown"
	FlycastUnproven  Unknown = "flycast_unproven"
	BindUnknown      Unknown = "bind_unknown"
	StoppedUnproven  Unknown = "stopped_unproven"
	EgressUnread     Unknown = "egress_unread"
	CertsUnread      Unknown = "certificates_unread"
	HostnameRecords  Unknown = "hostname_records_unknown"
	ForeignUsers     Unknown = "foreign_callers_unknown"
	MachinesHostDown Unknown = "host_down"
	FlycastUnclear   Unknown = "flycast_network_unclear"
	KindUnknown      Unknown = "address_kind_unknown"
	BuildUnknown     Unknown = "build_unknown"
)

// Sentence returns the unknown in questions and results; empty for an unknown word.
func (u Unknown) Sentence() string {
	switch u {
	case CallersUnknown:
		return "who calls the public name (webhooks, monitors, browsers, other apps)"
	case InternalCallers:
		return "who calls the app by its .internal name or by Machine address"
	case FlycastUnproven:
		return "whether the app answers over Flycast"
	case BindUnknown:
		return "whether the program listens on an address Fly Proxy can reach (stopped Machines, and " +
			"Machines that do not report it, were not checked)"
	case StoppedUnproven:
		return "whether stopped Machines start with the new configuration"
	case EgressUnread:
		return "which addresses are egress: the list could not be read"
	case CertsUnread:
		return "custom hostnames: the certificates could not be read"
	case HostnameRecords:
		return "whether DNS records of custom hostnames point at a released address: those that do lead " +
			"nowhere until they are changed"
	case ForeignUsers:
		return "who is on the other network"
	case MachinesHostDown:
		return "Machines whose host is down"
	case FlycastUnclear:
		return "whether the Flycast address serves the app's own network: Machines and names do not show it"
	case BuildUnknown:
		return "which build the image tag points to when each Machine pulls it"
	case KindUnknown:
		return "what an address of unrecognized kind is used for: it is left alone"
	}
	return ""
}

// Impact is what a plan does to those who use the app.
type Impact string

// The impacts.
const (
	ImpactNone             Impact = "none"
	ImpactRestart          Impact = "restart"
	ImpactBriefOutage      Impact = "brief_outage"
	ImpactPublicAccessEnds Impact = "public_access_ends"
	ImpactUnreachable      Impact = "unreachable"
	ImpactUnknown          Impact = "unknown"
)

// Sentence returns the impact in the question; empty for an unknown word.
func (i Impact) Sentence(app string) string {
	switch i {
	case ImpactNone:
		return "none for current users of " + app
	case ImpactRestart:
		return "running Machines restart, part of each group at a time; the rest keep answering"
	case ImpactBriefOutage:
		return "running Machines restart; a group does not answer while all its Machines are down"
	case ImpactPublicAccessEnds:
		return app + ".fly.dev and all other access over the internet stops; no restart"
	case ImpactUnreachable:
		return "NOTHING WILL REACH THE APP: not from the internet, and not over Flycast"
	case ImpactUnknown:
		return "the effect on users of " + app + " is unknown"
	}
	return ""
}

// Undo says whether a step can be taken back.
type Undo string

// The three answers.
const (
	UndoYes    Undo = "yes"
	UndoPartly Undo = "partly"
	UndoNo     Undo = "no"
)

// Hazard returns what an irreversible step does to somebody, which a plan with such a
// step has to name; empty for a step that can be undone, and for an address of
// another kind, which is never released.
func (s Step) Hazard() Hazard {
	switch {
	case s.Verb == gate.ReleaseAddress:
		switch s.Get(ParamKind) {
		case "dedicated_v4":
			return DedicatedV4Lost
		case "dedicated_v6":
			return DedicatedV6Lost
		case "shared_v4":
			return SharedV4Released
		}
	case s.Verb == gate.DestroyMachine && s.Get(ParamEnd) != "":
		return MachinesReplaced
	}
	return ""
}

// VerbWord is what a verb does, in words.
type VerbWord struct {
	Verb     gate.Verb
	Undo     Undo // of the step alone, whatever its parameters
	Sentence string
}

// Verbs returns what each verb does: for questions and docs/tools.md.
func Verbs() []VerbWord {
	return []VerbWord{
		{gate.AllocateAddress, UndoYes, "allocate an address"},
		{gate.ReleaseAddress, UndoNo, "release a public address"},
		{gate.LeaseMachine, UndoYes, "hold a Machine, so that nothing else changes it"},
		{gate.UpdateMachine, UndoYes, "give a Machine a new configuration"},
		{gate.PutBackMachine, UndoYes, "give a Machine its earlier configuration back"},
		{gate.CreateMachine, UndoYes, "create a Machine"},
		{gate.StartMachine, UndoYes, "start a Machine"},
		{gate.StopMachine, UndoYes, "stop a Machine"},
		{gate.DestroyMachine, UndoPartly, "destroy a Machine"},
		{gate.CordonMachine, UndoYes, "send no requests to a Machine"},
		{gate.UncordonMachine, UndoYes, "send requests to a Machine again"},
		{gate.SetMetadata, UndoYes, "set a Machine's metadata"},
		{gate.CreateVolume, UndoYes, "create a volume"},
		{gate.CreateRelease, UndoPartly, "record a new version of the app"},
		{gate.UpdateRelease, UndoPartly, "record how a version's deploy ended"},
		{gate.WriteFile, UndoYes, "write a configuration file"},
		{gate.MakeDraft, UndoYes, "make a draft of a configuration file"},
		{gate.CreateApp, UndoYes, "create an app"},
		{gate.AddPeer, UndoYes, "join a private network with a temporary WireGuard peer"},
		{gate.RemovePeer, UndoYes, "remove the temporary WireGuard peer"},
	}
}

// Undo reports whether the step can be taken back; empty for an unknown verb.
func (s Step) Undo() Undo {
	switch {
	case s.Verb == gate.DestroyMachine && s.Get(ParamEnd) != "":
		return UndoNo // a new one lacks what was in this one; others were created by the same plan
	case s.Verb == gate.ReleaseAddress && s.Get(ParamKind) == "shared_v4":
		return UndoPartly // a new one may be different
	case s.Verb == gate.ReleaseAddress && s.Get(ParamKind) == "flycast" && s.Get(ParamUndoes) != "":
		return UndoYes // a new one serves the same name; no other plan may release it
	}
	return verbWord(s.Verb).Undo
}

func verbWord(verb gate.Verb) VerbWord {
	for _, w := range Verbs() {
		if w.Verb == verb {
			return w
		}
	}
	return VerbWord{}
}

// Blocker is a reason why the app is not ready. ID is the contract's word; Fix
// names the tool and arguments, or the change to the app, that fix it.
type Blocker struct {
	ID   string `json:"id"`
	What string `json:"what,omitempty"`
	Fix  string `json:"fix,omitempty"`
}

// The blockers of release readiness.
const (
	NoFlycast           = "no_flycast"
	FlycastWrongNetwork = "flycast_wrong_network"
	NoServices          = "no_services"
	NoPorts             = "no_ports"
	NoMachineAnswers    = "no_machine_answers"
	ForceHTTPS          = "force_https"
	TLSOnly             = "tls_only"
	BindLoopback        = "bind_loopback"
	UDPService          = "udp_service"
	MachineUnread       = "machine_unread"
	CallersUnclear      = "callers_network" // only a person knows where the callers are
)
