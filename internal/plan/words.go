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
)

// Hazards is the whole vocabulary, in the contract's order.
func Hazards() []Hazard {
	return []Hazard{
		DedicatedV4Lost, DedicatedV6Lost, SharedV4Released, PublicAccessEnds, CustomHostnameStops, UDPStops, AppUnreachable, Restart, BriefOutage,
		ImageChange, OtherConfigChanges, FilesLostOnStop, MachineDestroyedOnStop, NewPublicService, PublicPlainHTTP, InternalCallersUnserved, StaysStopped, OpenToOtherNetwork,
		MachineCreated, MachinesReplaced, NotPutBack,
	}
}

// Irreversible reports whether what the hazard names cannot come back, or not as
// it was.
func (h Hazard) Irreversible() bool {
	switch h {
	case DedicatedV4Lost, DedicatedV6Lost, SharedV4Released, MachinesReplaced:
		return true
	}
	return false
}

// Sentence is the hazard in the question; empty for an unknown word.
func (h Hazard) Sentence() string {
	switch h {
	case DedicatedV4Lost:
		return "a dedicated IPv4 address is LOST FOR GOOD"
	case DedicatedV6Lost:
		return "a dedicated IPv6 address is LOST FOR GOOD"
	case SharedV4Released:
		return "the shared IPv4 address is released: a new one may be different"
	case PublicAccessEnds:
		return "PUBLIC ACCESS ENDS: some or all of what answers the internet today stops answering"
	case CustomHostnameStops:
		return "custom hostnames stop answering and their certificates stop renewing"
	case UDPStops:
		return "UDP services stop: Flycast does not carry UDP"
	case AppUnreachable:
		return "the app, or a part of it, is UNREACHABLE until that is fixed"
	case Restart:
		return "Machines restart"
	case BriefOutage:
		return "a short outage: all working Machines of a group may be down at the same time"
	case ImageChange:
		return "a different image will run"
	case OtherConfigChanges:
		return "the file also changes settings other than services"
	case FilesLostOnStop:
		return "files outside volumes are lost whenever a Machine stops"
	case MachineDestroyedOnStop:
		return "a Machine is destroyed when it stops (auto_destroy)"
	case NewPublicService:
		return "more services become public"
	case PublicPlainHTTP:
		return "public addresses answer plain HTTP until they are released"
	case InternalCallersUnserved:
		return "idle Machines stop: callers that use .internal or UDP cannot reach or wake a stopped Machine"
	case StaysStopped:
		return "idle Machines of a group stop, and NO REQUEST STARTS THEM AGAIN"
	case OpenToOtherNetwork:
		return "everything on another network can reach the app"
	case MachineCreated:
		return "new Machines are billed while they run, volumes until they are deleted"
	case MachinesReplaced:
		return "Machines are DESTROYED; everything on them outside volumes is lost"
	case NotPutBack:
		return "a Machine that fails is NOT put back"
	}
	return ""
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

// Sentence is the unknown in questions and results; empty for an unknown word.
func (u Unknown) Sentence() string {
	switch u {
	case CallersUnknown:
		return "who calls the public name (webhooks, monitors, browsers, other apps)"
	case InternalCallers:
		return "who calls the app by its .internal name or by Machine address"
	case FlycastUnproven:
		return "whether the app answers over Flycast"
	case BindUnknown:
		return "whether the program listens on an address Fly Proxy can reach (stopped Machines, and Machines that do not report it, were not checked)"
	case StoppedUnproven:
		return "whether stopped Machines start with the new configuration"
	case EgressUnread:
		return "which addresses are egress: the list could not be read"
	case CertsUnread:
		return "custom hostnames: the certificates could not be read"
	case HostnameRecords:
		return "whether DNS records of custom hostnames point at a released address: those that do lead nowhere until they are changed"
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

// Sentence is the impact in the question; empty for an unknown word.
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

// Hazard is what an irreversible step does to somebody, which a plan with such a
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

// Undo tells whether the step can be taken back; empty for an unknown verb.
func (s Step) Undo() Undo {
	switch s.Verb {
	case gate.AllocateAddress, gate.UpdateMachine, gate.LeaseMachine, gate.PutBackMachine, gate.WriteFile, gate.MakeDraft,
		gate.CreateMachine, gate.CreateVolume, gate.StartMachine, gate.StopMachine, gate.CordonMachine, gate.UncordonMachine, gate.SetMetadata:
		return UndoYes
	case gate.CreateRelease, gate.UpdateRelease:
		return UndoPartly // a later release follows it
	case gate.DestroyMachine:
		if s.Get(ParamEnd) != "" {
			return UndoNo // another can be made, without what was in this one
		}
		return UndoPartly // of one that the same plan creates
	case gate.ReleaseAddress:
		if s.Get(ParamKind) == "shared_v4" {
			return UndoPartly // another one may come back
		}
		return UndoNo
	}
	return ""
}

// Blocker is a reason why the app is not ready. ID is the contract's word; Fix
// names the tool and arguments, or the change to the app, that mend it.
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
)
