package lint

// Severity is how much a finding matters.
type Severity string

// Severities, the worst first.
const (
	SeverityError   Severity = "error"   // flyctl refuses the file, or a deploy of it fails
	SeverityWarning Severity = "warning" // accepted, but it does not do what it says
	SeverityInfo    Severity = "info"    // works, and worth knowing
)

// rank orders severities, the worst first.
func (s Severity) rank() int {
	switch s {
	case SeverityError:
		return 0
	case SeverityWarning:
		return 1
	}
	return 2
}

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
	Count    int       `json:"count,omitempty"`  // of FindingMore: how many findings it stands for
}

// TextEdit replaces a piece of a file.
type TextEdit struct {
	Offset int    `json:"offset"` // from 0, in bytes
	Length int    `json:"length"` // in bytes; 0 inserts
	Text   string `json:"text"`   // in its place
}

// Codes of what flyctl refuses, or fails on in the middle of a deploy.
const (
	FindingInvalid         = "invalid"          // `fly config validate` refuses it
	FindingAutostop        = "autostop_value"   // not a value of auto_stop_machines
	FindingUnconvertible   = "unconvertible"    // valid, but no Machine can be made of it
	FindingBluegreenChecks = "bluegreen_checks" // a bluegreen deploy without health checks
	FindingOutsideFile     = "outside_file"     // depends on a file that is not looked at
)

// Codes of findings about findings.
const (
	FindingMore = "more" // stands for findings that are not listed, as there are too many
)

// Codes of keys.
const (
	FindingUnknownKey   = "unknown_key"   // flyctl ignores the key
	FindingMisplacedKey = "misplaced_key" // flyctl knows the key in another table
	FindingSwallowedKey = "swallowed_key" // a setting that became an entry of a table above it, such as headers or env
	FindingDeadKey      = "dead_key"      // it did something once, and does nothing now
	FindingKeyCase      = "key_case"      // read in any case, but not by the translations of old spellings
)

// Codes of the whole file and its process groups.
const (
	FindingEmpty            = "empty_file"         // nothing in it
	FindingNoApp            = "no_app"             // the app is named by a flag or not at all
	FindingNoService        = "no_service"         // nothing for Fly Proxy to route to
	FindingAppName          = "app_name"           // no app's name: a placeholder, or a form that none has
	FindingRegion           = "region_form"        // no region has such a name
	FindingProcessesDropped = "processes_dropped"  // a process that flyctl throws away
	FindingUnknownGroup     = "unknown_group"      // a section for a process group that does not exist
	FindingDefaultGroup     = "default_group"      // a section that only the first group by name gets
	FindingSeveralSections  = "several_sections"   // sections of which only one counts
	FindingMounts           = "several_mounts"     // flyctl deploys one mount a Machine
	FindingMountIncomplete  = "mount_incomplete"   // a mount without source or destination
	FindingVolumeName       = "volume_name"        // no volume can have the name
	FindingMountDestination = "mount_destination"  // no directory that a volume can have, or one that another has
	FindingBluegreenMounts  = "bluegreen_mounts"   // a bluegreen deploy of Machines with volumes
	FindingMaxUnavailable   = "max_unavailable"    // neither a share nor a number of Machines
	FindingBuildConflict    = "build_conflict"     // more than one way to build
	FindingFilesProcesses   = "files_processes"    // processes of [[files]] does nothing: every group gets the file
	FindingFileIncomplete   = "file_incomplete"    // [[files]] without a path or without one source
	FindingStaticIncomplete = "static_incomplete"  // [[statics]] that serve nothing
	FindingRawValue         = "raw_value_encoded"  // a raw_value that is encoded already: flyctl encodes it once more
	FindingGuestSize        = "guest_size"         // CPUs or memory that no Machine has
	FindingMemoryTwice      = "memory_twice"       // memory_mb wins over memory
	FindingHostDedication   = "host_dedication"    // without [[vm]] it is not in the Machine
	FindingEnvOverwritten   = "env_overwritten"    // flyctl sets the variable itself
	FindingPortVariable     = "port_variable"      // PORT in env is no service's internal_port
	FindingEnvText          = "env_text"           // the Machine gets another text than stands here
	FindingEnvSecret        = "env_secret"         // looks like a secret, by its name
	FindingKillSignal       = "kill_signal"        // not the name of a signal
	FindingKillTimeout      = "kill_timeout_limit" // kill_timeout is longer than Fly waits
)

// Codes of services.
const (
	FindingServiceDropped = "service_dropped"    // a service without keys
	FindingStrayService   = "stray_service"      // keys of [http_service] that make a service of their own
	FindingLastService    = "last_service_only"  // a table that the last of several services has alone
	FindingNoPorts        = "no_ports"           // a service that Fly Proxy does not listen for
	FindingNoPort         = "no_internal_port"   // a service without a port to send requests to
	FindingPortIncomplete = "port_incomplete"    // a ports section without a port, or with more than one
	FindingPortRange      = "port_out_of_range"  // a port that does not exist
	FindingPortReversed   = "port_reversed"      // a range that ends before it begins
	FindingPortFraction   = "port_fraction"      // a port with a fraction, which is cut off
	FindingPortTwice      = "duplicate_port"     // two services on one port
	FindingNoProtocol     = "no_protocol"        // neither tcp nor udp is said
	FindingProtocol       = "unknown_protocol"   // not tcp or udp
	FindingHandler        = "unknown_handler"    // not a handler of Fly Proxy
	FindingPortHandlers   = "port_handlers"      // HTTP on 443 without TLS, TLS on 80
	FindingForceHTTPSDead = "force_https_unused" // force_https where no HTTP is answered
	FindingForceHTTPS     = "force_https"        // Flycast callers get a redirect they cannot follow
	FindingTLSOnly        = "tls_only_service"   // no port without TLS, which Flycast clients need
	FindingProxyProto     = "proxy_proto"        // the app must understand the header
	FindingUDP            = "udp_service"        // UDP, which is not served over Flycast
	FindingDedicatedIPv4  = "dedicated_ipv4"     // a first deploy asks for a dedicated address
)

// Codes of autostop and concurrency.
const (
	FindingMixedAutostop     = "autostop_not_all"         // one service keeps the Machines of its group awake
	FindingNoAutostart       = "autostop_no_start"        // Machines are stopped, and not started again
	FindingImplicitAutostart = "autostart_unset"          // auto_start_machines is left out, and Fly's sources name two defaults
	FindingSuspend           = "suspend_impossible"       // Fly stops the Machine instead
	FindingRestartAlways     = "restart_always"           // a restart policy that autostop has been seen to fight with
	FindingMinimum           = "negative_minimum"         // min_machines_running below zero
	FindingMinimumHuge       = "huge_minimum"             // min_machines_running above any sensible number
	FindingMinimumRegion     = "minimum_without_region"   // the minimum is counted in primary_region
	FindingMinimumUnused     = "minimum_without_autostop" // a minimum where nothing is stopped anyway
	FindingSoftOverHard      = "soft_over_hard"           // soft_limit above hard_limit
	FindingLimit             = "limit_not_positive"       // a limit of zero or less
	FindingConcurrencyType   = "concurrency_type"         // neither requests nor connections
	FindingConnections       = "concurrency_connections"  // open connections keep an HTTP service awake
	FindingLegacyConcurrency = "legacy_concurrency"       // limits in the old spelling, "soft,hard"
)

// Codes of checks and durations.
const (
	FindingCheckClamped    = "check_clamped"         // the platform raises or lowers it
	FindingCheckTimeout    = "timeout_over_interval" // a check that is still running when the next is due
	FindingCheckCommand    = "machine_check_command" // a machine check without a command
	FindingPathForm        = "path_form"             // a path of a URL without a slash in front
	FindingCheckMethod     = "check_method"          // sent as it is written, in lower case
	FindingCheckType       = "http_check_no_http"    // an HTTP check of a service without an http handler
	FindingNanoseconds     = "duration_unit"         // a bare number that means nanoseconds
	FindingBareDuration    = "duration_bare"         // a bare number that means milliseconds or seconds here
	FindingDurationDropped = "duration_dropped"      // a duration of a type that flyctl throws away
)
