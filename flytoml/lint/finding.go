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

// Finding is something in a file that flyctl refuses, that flyctl accepts
// although it does not do what it says, or that does not work over Flycast. What,
// Why and Fix quote and shorten text from the file, and never contain values of
// env, headers and files.
type Finding struct {
	Code     string    `json:"code"`             // one of the Finding… constants
	Severity Severity  `json:"severity"`         //
	Path     string    `json:"path,omitempty"`   // services[0].ports[1].port
	Row      int       `json:"row,omitempty"`    // from 1; 0 if unknown
	Column   int       `json:"column,omitempty"` // from 1, in bytes; 0 if unknown
	What     string    `json:"what"`             // what is wrong
	Why      string    `json:"why"`              // what happens because of it
	Fix      string    `json:"fix"`              // what to do, in words
	Edit     *TextEdit `json:"edit,omitempty"`   // the fix as an edit, if it is unambiguous
	Count    int       `json:"count,omitempty"`  // for FindingMore: the number of findings not listed
}

// TextEdit replaces a piece of a file.
type TextEdit struct {
	Offset int    `json:"offset"` // in bytes, from 0
	Length int    `json:"length"` // in bytes; 0 inserts
	Text   string `json:"text"`   // the replacement
}

// Codes of what flyctl refuses, or fails on in the middle of a deploy.
const (
	FindingInvalid         = "invalid"          // `fly config validate` refuses it
	FindingAutostop        = "autostop_value"   // flyctl does not accept the value of auto_stop_machines
	FindingUnconvertible   = "unconvertible"    // valid, but flyctl cannot create a Machine from it
	FindingBluegreenChecks = "bluegreen_checks" // a bluegreen deploy without a health check
	FindingOutsideFile     = "outside_file"     // depends on another file, which is not checked
)

// Codes of findings about findings.
const (
	FindingMore = "more" // stands for further findings, which are not listed
)

// Codes of keys.
const (
	FindingUnknownKey   = "unknown_key"   // flyctl ignores the key
	FindingMisplacedKey = "misplaced_key" // flyctl knows the key in another table
	FindingSwallowedKey = "swallowed_key" // a setting that became an entry of a table such as headers or env
	FindingDeadKey      = "dead_key"      // the key no longer does anything
	FindingKeyCase      = "key_case"      // flyctl accepts the key, but translates old spellings only in lower case
)

// Codes of the whole file and its process groups.
const (
	FindingEmpty            = "empty_file"         // the file is empty
	FindingNoApp            = "no_app"             // the file does not name its app
	FindingNoService        = "no_service"         // the file has no service for Fly Proxy to route to
	FindingAppName          = "app_name"           // a placeholder, or a text that cannot be an app name
	FindingRegion           = "region_form"        // there is no such region
	FindingProcessesDropped = "processes_dropped"  // a process that flyctl drops
	FindingUnknownGroup     = "unknown_group"      // a section for a process group that does not exist
	FindingDefaultGroup     = "default_group"      // a section without processes, which only one group gets
	FindingSeveralSections  = "several_sections"   // several sections for one group, of which only one counts
	FindingMounts           = "several_mounts"     // several mounts for one group: flyctl deploys only one
	FindingMountIncomplete  = "mount_incomplete"   // a mount without a source or destination
	FindingVolumeName       = "volume_name"        // the text cannot be a volume name
	FindingMountDestination = "mount_destination"  // a directory where no volume can be mounted, or another one already is
	FindingBluegreenMounts  = "bluegreen_mounts"   // a bluegreen deploy of Machines with volumes
	FindingMaxUnavailable   = "max_unavailable"    // neither a share of the Machines nor their number
	FindingBuildConflict    = "build_conflict"     // more than one way to build
	FindingFilesProcesses   = "files_processes"    // processes in [[files]] does nothing: every group gets the file
	FindingFileIncomplete   = "file_incomplete"    // a file without a path, or without exactly one source
	FindingStaticIncomplete = "static_incomplete"  // a [[statics]] section that serves nothing
	FindingRawValue         = "raw_value_encoded"  // raw_value is already encoded, and flyctl encodes it again
	FindingGuestSize        = "guest_size"         // CPUs or memory that no Machine has
	FindingMemoryTwice      = "memory_twice"       // memory and memory_mb differ: flyctl uses memory_mb
	FindingHostDedication   = "host_dedication"    // flyctl ignores host_dedication_id without [[vm]]
	FindingEnvOverwritten   = "env_overwritten"    // flyctl sets the variable itself
	FindingPortVariable     = "port_variable"      // PORT in env differs from the internal_port of every service
	FindingEnvText          = "env_text"           // the Machine gets a different text than the file shows
	FindingEnvSecret        = "env_secret"         // the name of the variable looks like a secret
	FindingKillSignal       = "kill_signal"        // there is no such signal
	FindingKillTimeout      = "kill_timeout_limit" // kill_timeout is longer than Fly waits
)

// Codes of services.
const (
	FindingServiceDropped = "service_dropped"    // a service without keys
	FindingStrayService   = "stray_service"      // a separate service that seems meant as part of [http_service]
	FindingLastService    = "last_service_only"  // only the last of several services has the table
	FindingNoPorts        = "no_ports"           // a service that Fly Proxy does not listen for
	FindingNoPort         = "no_internal_port"   // a service without a port to send requests to
	FindingPortIncomplete = "port_incomplete"    // a ports section without a port, or with a port and a range
	FindingPortRange      = "port_out_of_range"  // a port that does not exist
	FindingPortReversed   = "port_reversed"      // a range that ends before it begins
	FindingPortFraction   = "port_fraction"      // a port that is not a whole number
	FindingPortTwice      = "duplicate_port"     // two services on one port
	FindingNoProtocol     = "no_protocol"        // a service without a protocol
	FindingProtocol       = "unknown_protocol"   // a protocol other than tcp and udp
	FindingHandler        = "unknown_handler"    // not a handler of Fly Proxy
	FindingPortHandlers   = "port_handlers"      // HTTP without TLS on port 443, or TLS on port 80
	FindingForceHTTPSDead = "force_https_unused" // force_https on a port without HTTP
	FindingForceHTTPS     = "force_https"        // Flycast callers get a redirect they cannot follow
	FindingTLSOnly        = "tls_only_service"   // no port without TLS, which private callers need
	FindingProxyProto     = "proxy_proto"        // the app must understand the header
	FindingUDP            = "udp_service"        // Flycast does not serve UDP
	FindingDedicatedIPv4  = "dedicated_ipv4"     // the first deploy asks for a dedicated IPv4 address
)

// Codes of autostop and concurrency.
const (
	FindingMixedAutostop     = "autostop_not_all"         // one service keeps the Machines of its group awake
	FindingNoAutostart       = "autostop_no_start"        // Machines are stopped, and no request starts them again
	FindingImplicitAutostart = "autostart_unset"          // auto_start_machines is not set, and Fly documents two defaults
	FindingSuspend           = "suspend_impossible"       // Fly cannot suspend the Machine, and stops it instead
	FindingRestartAlways     = "restart_always"           // a restart policy that may restart stopped Machines
	FindingMinimum           = "negative_minimum"         // min_machines_running below zero
	FindingMinimumHuge       = "huge_minimum"             // min_machines_running above any sensible number
	FindingMinimumRegion     = "minimum_without_region"   // a minimum without a primary_region to count it in
	FindingMinimumUnused     = "minimum_without_autostop" // a minimum without autostop has no effect
	FindingSoftOverHard      = "soft_over_hard"           // soft_limit above hard_limit
	FindingLimit             = "limit_not_positive"       // a limit of zero or less
	FindingConcurrencyType   = "concurrency_type"         // a type other than requests and connections
	FindingConnections       = "concurrency_connections"  // idle connections keep an HTTP service awake
	FindingLegacyConcurrency = "legacy_concurrency"       // limits in the old spelling, "soft,hard"
)

// Codes of checks and durations.
const (
	FindingCheckClamped    = "check_clamped"         // a duration that the platform raises or lowers
	FindingCheckTimeout    = "timeout_over_interval" // a timeout longer than the interval of the check
	FindingCheckCommand    = "machine_check_command" // a machine check without a command
	FindingPathForm        = "path_form"             // a URL path that does not begin with a slash
	FindingCheckMethod     = "check_method"          // an HTTP method in lower case, which is sent as written
	FindingCheckType       = "http_check_no_http"    // an HTTP check in a service without an http handler
	FindingNanoseconds     = "duration_unit"         // a number without a unit, which means nanoseconds
	FindingBareDuration    = "duration_bare"         // a number without a unit, which means milliseconds or seconds
	FindingDurationDropped = "duration_dropped"      // a duration that flyctl drops
)
