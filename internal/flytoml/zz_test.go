package flytoml

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	fly "github.com/superfly/fly-go"
)

type zConfig struct {
	AppName          string                     `json:"app,omitempty"`
	PrimaryRegion    string                     `json:"primary_region,omitempty"`
	KillSignal       *string                    `json:"kill_signal,omitempty"`
	KillTimeout      *fly.Duration              `json:"kill_timeout,omitempty"`
	SwapSizeMB       *int                       `json:"swap_size_mb,omitempty"`
	ConsoleCommand   string                     `json:"console_command,omitempty"`
	Deploy           *zDeploy                   `json:"deploy,omitempty"`
	Env              map[string]string          `json:"env,omitempty"`
	Processes        map[string]string          `json:"processes,omitempty"`
	Mounts           []zMount                   `json:"mounts,omitempty"`
	HTTPService      *zHTTPService              `json:"http_service,omitempty"`
	Services         []zService                 `json:"services,omitempty"`
	Checks           map[string]*zToplevelCheck `json:"checks,omitempty"`
	Files            []zFile                    `json:"files,omitempty"`
	HostDedicationID string                     `json:"host_dedication_id,omitempty"`
	Restart          []zRestart                 `json:"restart,omitempty"`
	Compute          []*zCompute                `json:"vm,omitempty"`
	Statics          []zStatic                  `json:"statics,omitempty"`
	Metrics          []*zMetrics                `json:"metrics,omitempty"`
}
type zMetrics struct {
	*fly.MachineMetrics
	Processes []string `json:"processes,omitempty"`
}
type zDeploy struct {
	Strategy              string        `json:"strategy,omitempty"`
	MaxUnavailable        *float64      `json:"max_unavailable,omitempty"`
	WaitTimeout           *fly.Duration `json:"wait_timeout,omitempty"`
	ReleaseCommand        string        `json:"release_command,omitempty"`
	ReleaseCommandCompute *zCompute     `json:"release_command_vm,omitempty"`
}
type zFile struct {
	GuestPath string   `json:"guest_path,omitempty"`
	RawValue  string   `json:"raw_value,omitempty"`
	Processes []string `json:"processes,omitempty"`
}
type zStatic struct {
	GuestPath string `json:"guest_path,omitempty"`
}
type zMount struct {
	Source            string `json:"source,omitempty"`
	InitialSize       string `json:"initial_size,omitempty"`
	SnapshotRetention *int   `json:"snapshot_retention,omitempty"`
}
type zCompute struct {
	Size              string `json:"size,omitempty"`
	Memory            string `json:"memory,omitempty"`
	*fly.MachineGuest `json:",inline"`
	Processes         []string `json:"processes,omitempty"`
}
type zRestartPolicy string
type zRestart struct {
	Policy     zRestartPolicy `json:"policy,omitempty"`
	MaxRetries int            `json:"retries,omitempty"`
	Processes  []string       `json:"processes,omitempty"`
}
type zService struct {
	Protocol           string                         `json:"protocol,omitempty"`
	InternalPort       int                            `json:"internal_port,omitempty"`
	AutoStopMachines   *fly.MachineAutostop           `json:"auto_stop_machines,omitempty"`
	AutoStartMachines  *bool                          `json:"auto_start_machines,omitempty"`
	MinMachinesRunning *int                           `json:"min_machines_running,omitempty"`
	Ports              []fly.MachinePort              `json:"ports,omitempty"`
	Concurrency        *fly.MachineServiceConcurrency `json:"concurrency,omitempty"`
	TCPChecks          []*zServiceTCPCheck            `json:"tcp_checks,omitempty"`
	HTTPChecks         []*zServiceHTTPCheck           `json:"http_checks,omitempty"`
	Processes          []string                       `json:"processes,omitempty"`
}
type zServiceTCPCheck struct {
	Interval *fly.Duration `json:"interval,omitempty"`
}
type zServiceHTTPCheck struct {
	Interval    *fly.Duration     `json:"interval,omitempty"`
	HTTPMethod  *string           `json:"method,omitempty"`
	HTTPHeaders map[string]string `json:"headers,omitempty"`
}
type zToplevelCheck struct {
	Port        *int              `json:"port,omitempty"`
	Type        *string           `json:"type,omitempty"`
	Interval    *fly.Duration     `json:"interval,omitempty"`
	HTTPHeaders map[string]string `json:"headers,omitempty"`
	Processes   []string          `json:"processes,omitempty"`
}
type zHTTPService struct {
	InternalPort       int                            `json:"internal_port,omitempty"`
	ForceHTTPS         bool                           `json:"force_https,omitempty"`
	AutoStopMachines   *fly.MachineAutostop           `json:"auto_stop_machines,omitempty"`
	AutoStartMachines  *bool                          `json:"auto_start_machines,omitempty"`
	MinMachinesRunning *int                           `json:"min_machines_running,omitempty"`
	Processes          []string                       `json:"processes,omitempty"`
	Concurrency        *fly.MachineServiceConcurrency `json:"concurrency,omitempty"`
	TLSOptions         *fly.TLSOptions                `json:"tls_options,omitempty"`
	HTTPOptions        *fly.HTTPOptions               `json:"http_options,omitempty"`
	HTTPChecks         []*zServiceHTTPCheck           `json:"checks,omitempty"`
}

func TestZZ(t *testing.T) {
	paths := strings.Fields(`app primary_region kill_signal kill_timeout swap_size_mb deploy deploy.max_unavailable deploy.wait_timeout deploy.release_command_vm deploy.release_command_vm.cpus env processes processes.a mounts mounts.source mounts.initial_size mounts.snapshot_retention
 http_service http_service.internal_port http_service.force_https http_service.auto_stop_machines http_service.auto_start_machines http_service.min_machines_running http_service.processes http_service.concurrency http_service.concurrency.soft_limit http_service.tls_options http_service.tls_options.alpn http_service.http_options http_service.http_options.compress http_service.http_options.idle_timeout http_service.http_options.response http_service.http_options.response.headers http_service.http_options.response.headers.A http_service.http_options.response.pristine http_service.http_options.replay_cache http_service.checks http_service.checks.interval http_service.checks.headers http_service.checks.headers.A
 services services.protocol services.internal_port services.auto_stop_machines services.auto_start_machines services.min_machines_running services.ports services.ports.port services.ports.start_port services.ports.handlers services.ports.force_https services.ports.tls_options services.ports.http_options services.ports.proxy_proto_options services.ports.proxy_proto_options.version services.concurrency services.concurrency.hard_limit services.concurrency.type services.tcp_checks services.tcp_checks.interval services.http_checks services.http_checks.method services.http_checks.headers services.processes
 checks checks.a checks.a.port checks.a.type checks.a.interval checks.a.headers checks.a.processes files files.guest_path files.processes host_dedication_id restart restart.policy restart.retries vm vm.size vm.memory vm.cpus vm.cpu_kind vm.kernel_args vm.persist_rootfs vm.processes statics statics.guest_path metrics metrics.port metrics.path metrics.https metrics.processes`)
	values := []string{"1", "-1", "1.5", "80.0", "1e30", "inf", "'x'", "'8080'", "''", "true", "[]", "[1]", "['a']", "[[1]]", "{}", "{ a = 1 }", "[{ a = 1 }]", "[{}]", "2024-01-01", "9223372036854775807", "['a', {}]"}
	n := 0
	seen := map[string]bool{}
	for _, p := range paths {
		for _, v := range values {
			parts := strings.Split(p, ".")
			for _, arr := range []bool{false, true} {
				toml := strings.Join(parts, ".") + " = " + v
				if arr && len(parts) > 1 {
					toml = parts[0] + " = [{ " + strings.Join(parts[1:], ".") + " = " + v + " }]"
				}
				f, err := Parse("x", []byte(toml))
				if err != nil {
					t.Log(toml, err)
					continue
				}
				patched, perr := patch(cloneTable(f.doc))
				if perr != nil {
					continue
				}
				data, merr := json.Marshal(patched)
				if merr != nil {
					continue
				}
				var z zConfig
				zerr := json.Unmarshal(data, &z)
				want := strings.NewReplacer("flytoml.z", "appconfig.", "field z", "field ", "Config.app ", "Config.app ").Replace(fmt.Sprint(zerr))
				n++
				if got := fmt.Sprint(f.err); got != want && !seen[got+want] {
					seen[got+want] = true
					t.Errorf("%s\n got %s\nwant %s", toml, got, want)
					continue
				}
				if zerr == nil {
					a, _ := json.Marshal(z)
					b, _ := json.Marshal(f.def)
					var zz, dd zConfig
					json.Unmarshal(a, &zz)
					json.Unmarshal(b, &dd)
					a, _ = json.Marshal(zz)
					b, _ = json.Marshal(dd)
					if string(a) != string(b) {
						t.Errorf("%s\n got %s\nwant %s", toml, b, a)
					}
				}
			}
		}
	}
	t.Log(n)
}
