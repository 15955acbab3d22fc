package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// oracleCase is what flyctl makes of one file.
type oracleCase struct {
	Valid        bool                      `json:"valid"`
	App          string                    `json:"app"`
	Groups       []string                  `json:"process_groups"`
	Errors       map[string]string         `json:"conversion_error"`
	FromNothing  map[string]machine.Config `json:"machine_config"`
	OntoExisting map[string]machine.Config `json:"machine_config_onto_existing"`

	content string
}

const oracleImage = "registry.fly.io/existing-app:deployment-01J9ZK7T2M4Q8V6W3X5Y1N0BCD"

// oracleCases reads every case, also those beside the repository.
func oracleCases(t *testing.T) (cases map[string]oracleCase, existing machine.Config) {
	t.Helper()
	dirs := []string{filepath.Join("..", "..", "flytoml", "testdata", "oracle")}
	if beside := filepath.Join("..", "..", "..", "shared", "oracle"); isDir(filepath.Join(beside, "cases")) {
		dirs = append(dirs, beside)
	}
	cases = make(map[string]oracleCase)
	for _, dir := range dirs {
		readJSON(t, filepath.Join(dir, "existing-machine.json"), &existing)
		paths, err := filepath.Glob(filepath.Join(dir, "cases", "*.toml"))
		if err != nil || len(paths) < 90 {
			t.Fatalf("%d cases in %s, %v", len(paths), dir, err)
		}
		for _, path := range paths {
			var c oracleCase
			readJSON(t, filepath.Join(dir, "expected", filepath.Base(path)+".json"), &c)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			c.content = string(content)
			cases[filepath.Base(path)] = c // the copies are the same
		}
	}
	return cases, existing
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestDeployOracle deploys every valid file of the oracle, onto an app whose
// groups have one Machine each and onto one that has none. Each Machine must
// have exactly the configuration that flyctl would give it, with its image,
// its volume and the labels of the release; and then there is nothing to do.
func TestDeployOracle(t *testing.T) {
	cases, existing := oracleCases(t)
	deployed, refused := 0, 0
	withApp(t, "", flysim.Options{}, func(b *deployedApp) {
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			c := cases[name]
			switch {
			case !c.Valid || len(c.Errors) > 0 || c.twoMounts():
				refused++
				b.oracleRefused(name, c)
			case c.App != "" && !fly.ValidAppName(c.App):
				refused++ // no app can have the name, and no call name it
			default:
				deployed += 2
				b.oracleFresh(name, c)
				b.oracleOnto(name, c, existing)
			}
		}
	})
	t.Logf("%d deployed, %d refused", deployed, refused)
	if deployed < 100 {
		t.Errorf("only %d were deployed", deployed)
	}
}

// dedication is the file's own host_dedication_id, which the conversion leaves
// to the deploy.
func (c oracleCase) dedication(t *testing.T) string {
	t.Helper()
	file, err := flytoml.Parse("fly.toml", []byte(c.content))
	if err != nil {
		t.Fatal(err)
	}
	definition, err := file.Definition()
	if err != nil {
		t.Fatal(err)
	}
	return definition.HostDedicationID
}

// twoMounts reports whether a group would get two volumes, with which flyctl's
// deploy fails at the platform.
func (c oracleCase) twoMounts() bool {
	for _, config := range c.FromNothing {
		if mounts, err := config.Mounts(); err == nil && len(mounts) > 1 {
			return true
		}
	}
	return false
}

// oracleApp makes an app that is private and has no Machine.
func (b *deployedApp) oracleApp(c oracleCase) {
	b.app = c.App
	if b.app == "" {
		b.app = "nameless"
	}
	if !slices.Contains(b.AppNames(), b.app) {
		b.AddApp(b.app, "personal", "")
		b.AddAddress(b.app, "private_v6", "", "")
	}
	for _, id := range b.MachineIDs(b.app) {
		b.DestroyMachine(b.app, id)
	}
}

func (b *deployedApp) oracleRefused(name string, c oracleCase) {
	b.t.Helper()
	if !fly.ValidAppName(c.App) {
		c.App = ""
	}
	b.oracleApp(c)
	planned, err := b.planDeploy(input{App: b.app, Content: c.content, Image: oracleImage})
	if err == nil && len(planned.Plan.Blockers) == 0 {
		b.t.Errorf("%s: flyctl refuses it, deploy does not", name)
	}
}

func (b *deployedApp) oracleFresh(name string, c oracleCase) {
	b.t.Helper()
	b.oracleApp(c)
	in := input{Content: c.content, Image: oracleImage, Strategy: string(rollout.Rolling)}
	if !strings.Contains(c.content, "primary_region") {
		in.Content = "primary_region = \"iad\"\n" + in.Content
	}
	b.oracleDeploy(name+" from nothing", in, len(c.Groups), func(group string, _ machine.Config) machine.Config {
		want := oracleWith(b.t, c.FromNothing[group], "image", oracleImage)
		if want.Raw("guest") == nil {
			want = oracleWith(b.t, want, "guest", machine.Guest{CPUKind: "shared", CPUs: 1, MemoryMB: 256,
				HostDedicationID: c.dedication(b.t)})
		}
		if !strings.Contains(c.content, "primary_region") {
			want = oracleMerge(b.t, want, "env", "PRIMARY_REGION", "iad")
		}
		return want
	})
}

func (b *deployedApp) oracleOnto(name string, c oracleCase, existing machine.Config) {
	b.t.Helper()
	b.oracleApp(c)
	before := make(map[string]machine.Config)
	for i, group := range c.Groups {
		m := oracleMerge(b.t, existing, "metadata", machine.MetadataProcessGroup, group)
		// fly deploy would replace a Machine whose volume is not the file's, or
		// whose host is not.
		m = m.Without("mounts")
		if id := c.dedication(b.t); id != "" && c.FromNothing[group].Raw("guest") == nil {
			m = oracleMerge(b.t, m, "guest", "host_dedication_id", id)
		}
		mounts, err := c.OntoExisting[group].Mounts()
		if err != nil {
			b.t.Fatal(err)
		}
		for _, mount := range mounts {
			mount.Path, mount.Volume, mount.Encrypted, mount.SizeGB, mount.AddSizeGB = "/before",
				fmt.Sprintf("vol_%s%d", strings.ReplaceAll(b.app, "-", ""), i), true, 10, 3
			m = oracleWith(b.t, m, "mounts", []machine.Mount{mount})
		}
		before[group] = m
		b.SetListen(b.app, b.AddMachine(b.app, "iad", m), checkedPorts(b.t, c.OntoExisting[group]))
	}
	b.oracleDeploy(name+" onto existing", input{Content: c.content, Strategy: string(rollout.Rolling)},
		len(c.Groups), func(group string, _ machine.Config) machine.Config {
			want := c.OntoExisting[group].WithoutFlyctlVersion() // it was not flyctl that deployed
			if id := c.dedication(b.t); id != "" && c.FromNothing[group].Raw("guest") == nil {
				want = oracleMerge(b.t, want, "guest", "host_dedication_id", id)
			}
			mounts, err := want.Mounts()
			if err != nil {
				b.t.Fatal(err)
			}
			for i := range mounts {
				had, err := before[group].Mounts()
				if err != nil {
					b.t.Fatal(err)
				}
				mounts[i].Volume, mounts[i].Encrypted, mounts[i].SizeGB = had[0].Volume, true, 10
				want = oracleWith(b.t, want, "mounts", mounts)
			}
			return want
		})
}

// oracleDeploy deploys, compares each Machine with what it is to have, and
// deploys again.
func (b *deployedApp) oracleDeploy(name string, in input, machines int, wanted func(group string,
	got machine.Config) machine.Config) {
	b.t.Helper()
	in.App = b.app
	planned, err := b.planDeploy(in)
	if err != nil || len(planned.Plan.Blockers) > 0 {
		b.t.Errorf("%s: %v, %+v", name, err, planned.Plan.Blockers)
		return
	}
	out, err := b.apply(planned)
	if err != nil || out.Status != plan.Applied {
		b.t.Errorf("%s: %s %q, %v", name, out.Status, out.Summary, err)
		return
	}
	ids := b.MachineIDs(b.app)
	if len(ids) != machines {
		b.t.Errorf("%s: %d Machines, want %d", name, len(ids), machines)
	}
	release := b.Releases(b.app)[0]
	for _, id := range ids {
		got := b.MachineConfig(b.app, id)
		want := wanted(got.ProcessGroup(), got)
		metadata, err := got.Metadata()
		if err != nil {
			b.t.Fatal(err)
		}
		if metadata[machine.MetadataReleaseID] != release.ID ||
			metadata[machine.MetadataReleaseVersion] != fmt.Sprint(release.Version) || out.Release != release.Version {
			b.t.Errorf("%s: Machine of group %s is labelled %s %s, the release is %s %d", name, got.ProcessGroup(),
				metadata[machine.MetadataReleaseID], metadata[machine.MetadataReleaseVersion], release.ID, release.Version)
		}
		for _, key := range []string{machine.MetadataReleaseID, machine.MetadataReleaseVersion} {
			want = oracleMerge(b.t, want, "metadata", key, metadata[key])
		}
		want = oracleContainers(b.t, want)
		if mounts, err := got.Mounts(); err == nil && len(mounts) > 0 {
			if !slices.ContainsFunc(b.Volumes(b.app), func(v flysim.Volume) bool {
				return v.ID == mounts[0].Volume && v.Machine == id && v.Name == mounts[0].Name && v.SizeGB == mounts[0].SizeGB
			}) {
				b.t.Errorf("%s: mounts %+v, volumes %+v", name, mounts, b.Volumes(b.app))
			}
			wants, err := want.Mounts()
			if err != nil || len(wants) == 0 {
				b.t.Fatalf("%s: mounts %+v, want none, %v", name, mounts, err)
			}
			if wants[0].Volume == "" {
				wants[0].Volume, wants[0].SizeGB, wants[0].Encrypted = mounts[0].Volume, mounts[0].SizeGB, mounts[0].Encrypted
				want = oracleWith(b.t, want, "mounts", wants)
			}
		}
		for _, change := range machine.Diff(want, got) {
			b.t.Errorf("%s: from flyctl's to ours: %s", name, change)
		}
	}
	again := b.planOf(in)
	if !again.Plan.Empty() {
		b.t.Errorf("%s: a second deploy would change %q", name, again.Out.Changes)
	}
}

// checkedPorts is where a program must listen for its checks to pass.
func checkedPorts(t *testing.T, config machine.Config) []string {
	t.Helper()
	list, err := config.Services()
	if err != nil {
		t.Fatal(err)
	}
	checks, err := config.Checks()
	if err != nil {
		t.Fatal(err)
	}
	var sockets []string
	for _, s := range list {
		sockets = append(sockets, fmt.Sprintf("0.0.0.0:%d", s.InternalPort))
		for _, c := range s.Checks {
			if c.Port != nil {
				sockets = append(sockets, fmt.Sprintf("0.0.0.0:%d", *c.Port))
			}
		}
	}
	for _, c := range checks {
		if c.Port != nil {
			sockets = append(sockets, fmt.Sprintf("0.0.0.0:%d", *c.Port))
		}
	}
	return sockets
}

// oracleContainers puts the image where the conversion leaves that to the deploy.
func oracleContainers(t *testing.T, config machine.Config) machine.Config {
	var containers []map[string]any
	if raw := config.Raw("containers"); raw == nil || json.Unmarshal(raw, &containers) != nil {
		return config
	}
	for _, c := range containers {
		if c["image"] == "." {
			c["image"] = oracleImage
		}
	}
	return oracleWith(t, config, "containers", containers)
}

func oracleWith(t *testing.T, config machine.Config, key string, value any) machine.Config {
	t.Helper()
	config, err := config.With(key, value)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// oracleMerge sets one entry of a table.
func oracleMerge(t *testing.T, config machine.Config, key, name, value string) machine.Config {
	t.Helper()
	table := make(map[string]any)
	if raw := config.Raw(key); raw != nil {
		if err := json.Unmarshal(raw, &table); err != nil {
			t.Fatal(err)
		}
	}
	table[name] = value
	return oracleWith(t, config, key, table)
}
