package flysim_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"
)

// machineGroup is a process group of the app that is deployed.
type machineGroup struct {
	name   string
	config string // of its Machines; without metadata
	checks int
}

const (
	webGroup = `{"image":"IMAGE","guest":{"cpu_kind":"shared","cpus":1,"memory_mb":256},"init":{},
	"restart":{"policy":"on-failure","max_retries":10},
		"services":[{"protocol":"tcp","internal_port":8080,"autostop":"stop","autostart":true,"min_machines_running":0,
			"ports":[{"port":80,"handlers":["http"]}],"force_instance_key":null,
			"checks":[{"type":"http","interval":"10s","timeout":"2s","grace_period":"5s","method":"get","path":"/up"}]}]}`
	workerGroup = `{"image":"IMAGE","guest":{"cpu_kind":"shared","cpus":1,"memory_mb":256},"init":{"cmd":["work"]}}`
)

// deployment is one `deploy --image`.
type deployment struct {
	strategy string
	image    string
	groups   []machineGroup
	alone    bool // --ha=false
	flycast  bool
	mount    string // a volume's name
}

// deploy sends what flyctl sends, in the same order, and checks the conditions that flyctl checks.
func (f *flyctl) deploy(d deployment) {
	f.t.Helper()
	ctx, name := f.t.Context(), map[string]any{"appName": f.app}
	app, err := f.rest.GetApp(ctx, f.app)
	f.must(err)
	f.ask("GET", "/api/v1/organizations/"+app.Organization.Slug, "")
	build := f.ask("POST", "/api/v1/builds",
		`{"app_name":"`+f.app+`","builder_type":"depot.dev","strategies_available":["Local Image Reference"]}`)
	image := f.query(
		`query ($appName: String!, $imageRef: String!) { app(name: $appName) { id image(ref: $imageRef) { id `+
			`digest ref compressedSize: compressedSizeFull manifest } } }`,
		map[string]any{"appName": f.app, "imageRef": d.image})
	if _, err := strconv.ParseUint(image.get(f.t, "data.app.image.compressedSize"), 10, 64); err != nil {
		f.t.Fatalf("the image's size: %v", err)
	}
	f.ask("POST", "/api/v1/builds/finish", `{"build_id":`+build.get(f.t,
		"id")+`,"app_name":"`+f.app+`","machine_id":"","status":"completed"}`)

	machines := f.deployedMachines()
	first := !app.Deployed() && len(machines) == 0
	if len(machines) == 0 {
		active, err := f.rest.ListActive(ctx, f.app)
		f.must(err)
		first = first || len(active) > 0
	}
	volume := ""
	if d.mount != "" {
		volume = f.volumeFor(d, first)
	}
	if list, err := f.rest.GetIPAssignments(ctx, f.app); first && err == nil && len(list.IPs) == 0 {
		types := []string{"v6", "shared_v4"}
		if d.flycast {
			types = []string{"private_v6"}
		}
		for _, kind := range types {
			given, err := f.rest.AssignIP(ctx, f.app, flaps.AssignIPRequest{Type: kind, Organization: app.Organization.Slug})
			f.must(err)
			if given.IsFlycast() != d.flycast {
				f.t.Errorf("%s: %+v", kind, given)
			}
		}
	}

	release := f.ask("POST", "/api/v1/releases",
		fmt.Sprintf(`{"app_name":%q,"build_id":%s,"definition":{"app":%q,"deploy":{"strategy":%q}},"image":%q,"strategy":%q}`,
			f.app, build.get(f.t, "id"), f.app, d.strategy, d.image, strings.ToUpper(d.strategy)))
	id, version := release.get(f.t, "release.id"), release.get(f.t, "release.version")
	f.query(queryEgressIPs, name)
	f.ask("PATCH", "/api/v1/releases/"+id, `{"status":"running"}`)

	config := func(g machineGroup) *fly.MachineConfig {
		config := machineConfig(f.t, strings.ReplaceAll(g.config, "IMAGE", d.image))
		config.Metadata = map[string]string{"fly_platform_version": "v2", "fly_process_group": g.name,
			"fly_release_id": id, "fly_release_version": version}
		if volume != "" {
			config.Mounts = []fly.MachineMount{{Volume: volume, Path: "/data", Name: d.mount}}
		}
		return config
	}
	var present []machineUpdate
	for _, g := range d.groups {
		old := slices.DeleteFunc(slices.Clone(machines), func(m *fly.Machine) bool { return m.ProcessGroup() != g.name })
		for _, m := range old {
			changed := config(g)
			changed.Standbys = m.Config.Standbys
			present = append(present, machineUpdate{machine: m, group: g, config: changed, skip: m.State != "started"})
		}
		if len(old) > 0 {
			continue
		}
		m := f.spawn(d, g, config(g))
		switch {
		case d.alone || d.mount != "":
		case len(m.Config.Services) > 0:
			f.spawn(d, g, config(g))
		default:
			standby := config(g)
			standby.Standbys = []string{m.ID}
			f.spawn(d, g, standby)
		}
	}
	if len(present) > 0 {
		f.updateAll(d, present)
	}
	f.ask("PATCH", "/api/v1/releases/"+id, `{"status":"complete"}`)
}

// volumeFor returns the volume of a mount, and creates it at a first deploy.
func (f *flyctl) volumeFor(d deployment, first bool) string {
	f.t.Helper()
	volumes, err := f.rest.GetVolumes(f.t.Context(), f.app)
	f.must(err)
	for _, v := range volumes {
		if v.Name == d.mount && (!first || v.AttachedMachine == nil && v.AttachedAllocation == nil) && v.HostStatus == "ok" {
			return v.ID
		}
	}
	if !first {
		f.t.Fatal("no volume")
	}
	v, err := f.rest.CreateVolume(f.t.Context(), f.app, fly.CreateVolumeRequest{
		Name: d.mount, Region: "iad", SizeGb: new(1), Encrypted: new(true), ComputeImage: d.image,
		ComputeRequirements: &fly.MachineGuest{CPUKind: "shared", CPUs: 1, MemoryMB: 256},
	})
	f.must(err)
	return v.ID
}

// spawn creates a Machine and verifies it.
func (f *flyctl) spawn(d deployment, g machineGroup, config *fly.MachineConfig) *fly.Machine {
	f.t.Helper()
	ctx, standby := f.t.Context(), len(config.Standbys) > 0
	m, err := f.rest.Launch(ctx, f.app, fly.LaunchMachineInput{Region: "iad", Config: config,
		SkipLaunch: standby, LeaseTTL: 300})
	f.must(err)
	defer func() { f.must(f.rest.ReleaseLease(ctx, f.app, m.ID, m.LeaseNonce)) }()
	if standby || d.strategy == "immediate" {
		return m
	}
	f.must(f.smoke(m.ID))
	f.must(f.wait(ctx, m.ID, "started"))
	f.must(f.healthy(m.ID, g.checks))
	f.listens(m)
	return m
}

// listens checks that the ports of all services can be reached from outside the Machine.
func (f *flyctl) listens(m *fly.Machine) {
	f.t.Helper()
	processes, err := f.rest.GetProcesses(f.t.Context(), f.app, m.ID)
	f.must(err)
	for _, s := range m.Config.Services {
		if !slices.ContainsFunc(processes, func(p fly.ProcessStat) bool {
			return slices.ContainsFunc(p.ListenSockets, func(l fly.ListenSocket) bool {
				return strings.HasSuffix(
					l.Address, fmt.Sprintf(":%d", s.InternalPort))
			})
		}) {
			f.t.Errorf("nothing listens on %d", s.InternalPort)
		}
	}
}

// machineUpdate is an update of one Machine.
type machineUpdate struct {
	machine *fly.Machine
	group   machineGroup
	config  *fly.MachineConfig
	skip    bool // whether it is left stopped
	nonce   string
}

// updateAll takes the leases of all Machines and updates them as the strategy says.
func (f *flyctl) updateAll(d deployment, present []machineUpdate) {
	f.t.Helper()
	ctx := f.t.Context()
	all := make([]*machineUpdate, len(present))
	for i := range present {
		all[i] = &present[i]
	}
	f.must(parallel(all, func(u *machineUpdate) error {
		lease, err := f.rest.AcquireLease(ctx, f.app, u.machine.ID, new(13))
		if err != nil {
			return err
		}
		u.nonce = lease.Data.Nonce
		return nil
	}))
	f.leases, f.stale = make(map[string]string), 0
	for _, u := range all {
		f.leases[u.machine.ID] = u.nonce
	}
	f.refresh()
	defer func() {
		f.leases = nil
		for _, u := range all { // flyctl only warns about a failure here
			_ = f.rest.ReleaseLease(ctx, f.app, u.machine.ID, u.nonce)
		}
	}()
	if d.strategy == "bluegreen" {
		f.bluegreen(all)
		return
	}
	change := func(u *machineUpdate) error {
		_, err := f.rest.Update(ctx, f.app, fly.LaunchMachineInput{ID: u.machine.ID, Region: u.machine.Region,
			Config: u.config, SkipLaunch: u.skip}, u.nonce)
		return err
	}
	if d.strategy == "immediate" {
		f.must(parallel(all, change))
		return
	}
	for _, u := range all {
		f.must(change(u))
		if u.skip {
			continue
		}
		f.must(f.wait(ctx, u.machine.ID, "started"))
		f.must(f.smoke(u.machine.ID))
		f.must(f.healthy(u.machine.ID, u.group.checks))
		f.listens(u.machine)
	}
}

// bluegreen creates green Machines, moves the traffic to them and destroys the blue ones.
func (f *flyctl) bluegreen(blues []*machineUpdate) {
	f.t.Helper()
	ctx := f.t.Context()
	can, err := f.gql.CanPerformBluegreenDeployment(ctx, f.app)
	if err != nil || !can {
		f.t.Fatalf("no bluegreen: %v", err)
	}
	images := make(map[string]bool)
	for _, u := range blues {
		images[u.machine.ImageRefWithVersion()] = true
		for _, service := range u.config.Services { // flyctl repeats checks as top-level ones
			for _, c := range service.Checks {
				u.config.Checks = map[string]fly.MachineCheck{
					"bg_deployments_" + *c.Type: {Port: new(service.InternalPort), Type: c.Type, Interval: c.Interval,
						Timeout: c.Timeout, GracePeriod: c.GracePeriod, HTTPPath: c.HTTPPath},
				}
			}
		}
		u.config.Metadata["fly_bluegreen_deployment_tag"] = "1795330579"
	}
	if len(images) != 1 {
		f.t.Fatalf("several images: %v", images)
	}
	greens := make([]*fly.Machine, len(blues))
	for i, u := range blues {
		greens[i], err = f.rest.Launch(ctx, f.app, fly.LaunchMachineInput{Region: u.machine.Region,
			Config: u.config, SkipServiceRegistration: true, SkipLaunch: u.skip})
		f.must(err)
	}
	f.sleep(300 * time.Millisecond)
	f.must(parallel(greens, func(m *fly.Machine) error { return f.wait(ctx, m.ID, "started") }))
	f.sleep(time.Second) // the grace period, at most a second
	for _, m := range greens {
		if len(m.Checks) == 0 {
			f.t.Errorf("the answer to the creation of %s has no checks: flyctl does not wait for its health", m.ID)
		}
		m, err := f.rest.Get(ctx, f.app, m.ID)
		f.must(err)
		// Otherwise flyctl sleeps for the interval and looks again.
		if health := m.TopLevelChecks(); health.Total != 1 || health.Passing != 1 {
			f.t.Errorf("%s: %+v", m.ID, health)
		}
		if f.p.Machine(f.app, m.ID).Cordoned != true {
			f.t.Errorf("%s gets requests from Fly Proxy too early", m.ID)
		}
	}
	f.must(parallel(greens, func(m *fly.Machine) error { return f.rest.Uncordon(ctx, f.app, m.ID, "") }))
	f.must(parallel(blues, func(u *machineUpdate) error {
		return f.rest.SetMetadata(ctx, f.app, u.machine.ID, "fly_bluegreen_deployment_tag", "safe_to_destroy")
	}))
	f.sleep(10 * time.Second)
	f.must(parallel(blues, func(u *machineUpdate) error { return f.rest.Cordon(ctx, f.app, u.machine.ID, u.nonce) }))
	f.sleep(10 * time.Second)
	f.must(parallel(blues, func(u *machineUpdate) error {
		return f.rest.Stop(ctx, f.app, fly.StopMachineInput{ID: u.machine.ID}, u.nonce)
	}))
	f.must(parallel(blues, func(u *machineUpdate) error { return f.wait(ctx, u.machine.ID, "stopped") }))
	f.leases = nil
	f.must(parallel(blues, func(u *machineUpdate) error {
		return f.rest.Destroy(ctx, f.app, fly.RemoveMachineInput{ID: u.machine.ID, Kill: true}, u.nonce)
	}))
}

// TestFlyctlDeploys deploys a new app twice: the second time with each of the strategies.
func TestFlyctlDeploys(t *testing.T) {
	web, worker := machineGroup{"web", webGroup, 1}, machineGroup{"worker", workerGroup, 0}
	for name, test := range map[string]struct {
		deployment
		machines int
	}{
		"rolling":              {deployment{strategy: "rolling", groups: []machineGroup{web}}, 2},
		"rolling, one Machine": {deployment{strategy: "rolling", groups: []machineGroup{web}, alone: true}, 1},
		"rolling, Flycast":     {deployment{strategy: "rolling", groups: []machineGroup{web}, flycast: true}, 2},
		"rolling, a volume":    {deployment{strategy: "rolling", groups: []machineGroup{web}, mount: "data"}, 1},
		"rolling, standby":     {deployment{strategy: "rolling", groups: []machineGroup{web, worker}}, 4},
		"immediate":            {deployment{strategy: "immediate", groups: []machineGroup{web}}, 2},
		"immediate, groups and standby": {deployment{strategy: "immediate", groups: []machineGroup{web,
			{"api", webGroup, 1}, worker}}, 6},
		"bluegreen": {deployment{strategy: "bluegreen", groups: []machineGroup{web}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFlyctl(t, "fresh")
			_, err := f.rest.CreateApp(t.Context(), flaps.CreateAppRequest{Name: "fresh", Org: "personal"})
			f.must(err)
			d := test.deployment
			d.image = "nginx:1"
			f.deploy(d)
			if d.strategy == "immediate" {
				f.sleep(time.Second)
			}
			before := f.deployedMachines()
			d.image = "nginx:2"
			f.deploy(d)
			f.sleep(time.Second)
			after := f.deployedMachines()
			if len(before) != test.machines || len(after) != test.machines {
				t.Fatalf("%d Machines, then %d, want %d", len(before), len(after), test.machines)
			}
			for _, m := range after {
				same := slices.ContainsFunc(before, func(b *fly.Machine) bool { return b.ID == m.ID })
				if same == (d.strategy == "bluegreen") {
					t.Errorf("%s was there before: %t", m.ID, same)
				}
				standby := len(m.Config.Standbys) > 0
				if m.Config.Image != "nginx:2" || m.ImageRef.Tag != "2" ||
					m.Config.Metadata["fly_release_version"] != "2" && !standby {
					t.Errorf("%s: %s, %+v, %v", m.ID, m.Config.Image, m.ImageRef, m.Config.Metadata)
				}
				if (m.State == "started") == standby {
					t.Errorf("%s is %s, standby %t", m.ID, m.State, standby)
				}
				if truth := f.p.Machine("fresh", m.ID); truth.LeaseOwner != "" || truth.Cordoned || !standby &&
					!truth.ChecksPassing {
					t.Errorf("after the deploys: %+v", truth)
				}
			}
			kinds := []string{"v6", "shared_v4"}
			if d.flycast {
				kinds = []string{"private_v6"}
			}
			var got []string
			for _, a := range f.p.Addresses("fresh") {
				got = append(got, a.Kind)
			}
			if !slices.Equal(got, kinds) {
				t.Errorf("addresses %v, want %v", got, kinds)
			}
			f.listsReleases(2)
			f.check("lease.release Not Found")
		})
	}
}

// listsReleases runs `releases --image` and `status --json` after n deploys.
func (f *flyctl) listsReleases(n int) {
	f.t.Helper()
	releases, err := f.gql.GetAppReleasesMachines(f.t.Context(), f.app, "", 25)
	f.must(err)
	if len(releases) != n || releases[0].Version != n || releases[0].Status != "complete" ||
		releases[0].ImageRef != fmt.Sprintf("nginx:%d", n) || releases[0].CreatedAt.IsZero() {
		f.t.Errorf("releases: %+v", releases)
	}
	config := f.query(currentConfig, map[string]any{"appName": f.app})
	var definition struct {
		App    string
		Deploy struct{ Strategy string }
	}
	if err := json.Unmarshal([]byte(config.get(f.t, "data.app.currentReleaseUnprocessed.configDefinition")),
		&definition); err != nil || definition.App != f.app || definition.Deploy.Strategy == "" {
		f.t.Errorf("the configuration of the release: %v, %s", err, config.body)
	}
}
