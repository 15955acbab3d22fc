package flysim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// storeStart is later than everything in the fixture.
var storeStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func stateAt(t testing.TB) string { return filepath.Join(t.TempDir(), "state") }

// storeOptions makes starts take time, on a clock that only tests move.
func storeOptions() Options {
	return Options{StartDelay: time.Minute, CrashAfter: time.Hour, Clock: NewClock(func() time.Time { return storeStart })}
}

// openFile returns the platform of a state file whose writes do not wait for the disk.
func openFile(path string, options Options) (*Platform, error) {
	storage, err := OpenStorage(path, true)
	if err != nil {
		return nil, err
	}
	return Open(storage, options)
}

// openForTest returns the platform of a file, and closes it at the end of the test.
func openForTest(t testing.TB, path string) *Platform {
	t.Helper()
	p, err := openFile(path, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// copyFile returns the path of a copy of the file, as a crash at this moment would leave it.
func copyFile(t testing.TB, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := stateAt(t)
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// seededState returns a file with the example apps.
func seededState(t testing.TB) string {
	t.Helper()
	path := stateAt(t)
	p, err := openFile(path, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Seed(context.Background()), p.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	shopMachine = "148e21ea7d9d89"
	shopRelease = "Kx9rVb2LmQ7wTz4J"
)

func storeConfig(t testing.TB, text string) spec.Config {
	t.Helper()
	config, err := spec.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

const crashing = `{"image":"a/b:1","restart":{"policy":"always"},"mounts":[{"volume":"vol_full",` +
	`"path":"/data","name":"data"}]}`

// fullPlatform returns a platform that has a value in every stored field.
func fullPlatform(t *testing.T, path string) *Platform {
	t.Helper()
	p := openForTest(t, path)
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.AddApp("full", "partner", "own")
	p.ForbidBlueGreen("full")
	p.TakeName("theirs")
	p.AppToken("full")
	p.AddCertificate("full", "www.example.com")
	p.AddVolume("full", "logs", "ams", 3)
	p.AddAddress("full", "private_v6", "", "")
	post(t, p, "/v1/apps/full/ip_assignments", `{"type":"v4","region":"ams","service_name":"web"}`)
	sendWrite(t, p, "PATCH", "/api/v1/releases/"+shopRelease, `{"status":"complete","metadata":{"a":1}}`)
	post(t, p, "/graphql", `{"query":"mutation{allocateEgressIpAddress(input:{appId:\"full\",region:\"ams\"}){v4}}"}`)
	post(t, p, "/api/v1/builds", `{"app_name":"full"}`)
	for _, next := range []Failure{FailOOM, FailCrash, FailChecks, FailNone} {
		m := p.AddMachine("full", "ams", storeConfig(t, crashing))
		p.Clock().Advance(time.Minute)
		p.SetCheck("full", m, "c", "warning")
		p.FailMachine("full", m, next, FailChecks, FailExit)
		p.SetMachineConfig("full", m, storeConfig(t, crashing))
		p.Clock().Advance(time.Minute)
		p.Machine("full", m) // settles the Machine: it is started, or has crashed
		if next == FailNone {
			sendWrite(t, p, "PUT", "/v1/apps/full/machines/"+m+"/memory", `{"limit_mb":128}`)
		}
		p.SetHost("full", m, "unknown")
		post(t, p, "/v1/apps/full/machines/"+m+"/cordon", ``)
		post(t, p, "/v1/apps/full/machines/"+m+"/lease", `{"ttl":60,"description":"why"}`)
	}
	// The first was killed and restarted, and will be killed again. The second has just crashed and
	// waits for its restart.
	p.Clock().Advance(time.Hour - 4*time.Minute)
	for _, m := range p.MachineIDs("full") {
		p.Machine("full", m)
	}
	p.StopMachine("full", p.MachineIDs("full")[3])
	post(t, p, "/v1/apps/full/secrets/A", `{"value":"b"}`)
	post(t, p, "/v1/apps/full/volumes/"+p.Volumes("full")[0].ID+"/snapshots", "")
	post(t, p, "/v1/apps/full/secretkeys/boxv0/generate", `{"type":"nacl_box"}`)
	post(t, p, "/v1/apps/full/certificates/custom", ownCertificate(t, "own.example.com"))
	post(t, p, "/v1/apps/full/deploy_token", `{"expiry":"1h"}`)
	post(t, p, "/graphql",
		`{"query":"mutation{allocateEgressIpAddress(input:{appId:\"full\",machineId:\"`+p.MachineIDs("full")[0]+`\"}){v4}}"}`)
	post(t, p, "/graphql", `{"query":"mutation{addWireGuardPeer(input:{organizationId:\"`+p.state.organization(
		"partner").id+`\",name:\"laptop\",pubkey:\"`+peerKey+`\"}){peerip}}"}`)
	p.Mint(Scope{Kind: TokenOrg, Org: "partner", Name: "ci", Expires: p.Clock().Now().Add(time.Hour)})
	p.mu.Lock()
	p.state.revoke(p.state.tokens[0].id, p.clock.Now())
	p.state.delays.update = time.Minute // so that there are pending steps
	p.mu.Unlock()
	p.SetMachineConfig("full", p.MachineIDs("full")[2], storeConfig(t, `{"image":"a/b:2"}`))
	p.Clock().SetSpeed(3)
	p.SetStartDelay("full", 3*time.Second)
	return p
}

// peerKey is the public key of a WireGuard peer.
const peerKey = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="

// ownCertificate returns the body that imports a certificate for a hostname.
func ownCertificate(t testing.TB, hostname string) string {
	t.Helper()
	chain, key := CertificateFor(t, time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC), hostname)
	body, err := json.Marshal(map[string]string{
		"hostname": hostname, "fullchain": chain, "private_key": key,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// post sends a write request, which must succeed.
func post(t testing.TB, p *Platform, path, body string) { sendWrite(t, p, "POST", path, body) }

func sendWrite(t testing.TB, p *Platform, method, path, body string, headers ...string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://sandbox"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.Token())
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	var out memoryResponse
	p.Handler().ServeHTTP(&out, r)
	if out.status/100 != 2 || bytes.HasPrefix(out.body.Bytes(), []byte(`{"errors"`)) {
		t.Fatalf("%s %s: %d %s", method, path, out.status, out.body.Bytes())
	}
}

func TestStateNew(t *testing.T) {
	path := stateAt(t)
	p := openForTest(t, path)
	if !p.Empty() {
		t.Error("a new file is not empty")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode %o, want 600", got)
	}
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := openForTest(t, copyFile(t, path))
	if again.Empty() {
		t.Error("a seeded file is empty")
	}
	if got, ok := again.FlyToml("shop-api"); !ok || len(got) == 0 {
		t.Error("the fly.toml of a seeded app is lost")
	}
	if got, want := again.AppNames(), p.AppNames(); !slices.Equal(got, want) {
		t.Errorf("apps %v, want %v", got, want)
	}
}

// TestStateSeed checks that nothing is stored of a seed that is still in progress.
func TestStateSeed(t *testing.T) {
	path := stateAt(t)
	p := openForTest(t, path)
	err := p.inOneCommit(func() error {
		p.AddApp("half", "personal", "")
		p.StopMachine("half", p.AddMachine("half", "iad", storeConfig(t, `{"image":"a/b:1"}`)))
		for range 3 {
			p.keeper.poke()
		}
		if p := openForTest(t, copyFile(t, path)); !p.Empty() {
			t.Error("a part of the seed is stored")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := openForTest(t, copyFile(t, path)).MachineIDs("half"); len(got) != 1 {
		t.Errorf("Machines %v after it, want one", got)
	}
}

// TestStateTime checks that changes by time and by methods which a crash loses happen again from
// the stored times: a start that was in progress is complete.
func TestStateTime(t *testing.T) {
	path := seededState(t)
	p := openForTest(t, path)
	sendWrite(t, p, "POST", "/v1/apps/shop-api/machines/"+shopMachine+"/restart", "")
	crashed := copyFile(t, path)
	clock := NewClock(func() time.Time { return storeStart })
	again, err := openFile(crashed, Options{Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := again.Machine("shop-api", shopMachine).State; got != "restarting" {
		t.Errorf("state %s, want restarting", got)
	}
	clock.Advance(time.Minute)
	if got := again.Machine("shop-api", shopMachine).State; got != "started" {
		t.Errorf("a minute later: state %s, want started", got)
	}
}

// TestStateUnasked checks that changes by methods are stored without a request or a Close, and that
// changes by time are stored once something looks at them.
func TestStateUnasked(t *testing.T) {
	path := seededState(t)
	p := openForTest(t, path)
	state := func() string { // as stored, not settled
		return openForTest(t, copyFile(t, path)).state.apps["shop-api"].machine(shopMachine).state
	}
	p.StopMachine("shop-api", shopMachine)
	for state() != "stopped" { // the commit is in progress
	}
	sendWrite(t, p, "POST", "/v1/apps/shop-api/machines/"+shopMachine+"/start", "")
	if got := state(); got != "starting" {
		t.Fatalf("state %s, want starting", got)
	}
	p.Clock().Advance(time.Minute)
	sendWrite(t, p, "GET", "/v1/apps/shop-api/machines", "")
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	if got := state(); got != "started" {
		t.Errorf("state %s, want started", got)
	}
}

// TestStateLaunch checks that a launch is stored, however the Machine was found.
func TestStateLaunch(t *testing.T) {
	path := seededState(t)
	p := openForTest(t, path)
	p.mu.Lock()
	for _, m := range p.state.apps["shop-api"].machines {
		m.launch(p.state, "starting", p.clock.Now(), time.Minute)
	}
	p.mu.Unlock()
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, snap(t, openForTest(t, copyFile(t, path))), snap(t, p))
}

func TestStateClock(t *testing.T) {
	for _, test := range []struct {
		name  string
		speed float64
		want  time.Duration // how much time passes in an hour without the program
	}{
		{"real", 1, time.Hour},
		{"faster", 60, time.Hour},
		{"slower", 0.5, 30 * time.Minute},
		{"stopped", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			path, now := stateAt(t), storeStart
			source := func() time.Time { return now }
			p, err := openFile(path, Options{Clock: NewClock(source)})
			if err != nil {
				t.Fatal(err)
			}
			p.Clock().Advance(24 * time.Hour)
			p.Clock().SetSpeed(test.speed)
			now = now.Add(time.Second)
			left := p.Clock().Now()
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Hour)
			if p, err = openFile(path, Options{Clock: NewClock(source)}); err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if got := p.Clock().Now().Sub(left); got != test.want {
				t.Errorf("%s passed, want %s", got, test.want)
			}
			if got := p.Clock().Speed(); got != test.speed {
				t.Errorf("speed %v, want %v", got, test.speed)
			}
			now = now.Add(-24 * time.Hour) // the computer's clock was set back
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if p, err = openFile(path, Options{Clock: NewClock(source)}); err != nil {
				t.Fatal(err)
			}
			if got := p.Clock().Now(); got.Before(left.Add(test.want)) {
				t.Errorf("the clock went back to %s", got)
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestStateDeleted checks that what is deleted from the state is deleted from the file.
func TestStateDeleted(t *testing.T) {
	path := seededState(t)
	p := openForTest(t, path)
	p.mu.Lock()
	a := p.state.apps["shop-api"]
	a.machines = a.machines[1:]
	a.touch()
	delete(p.state.apps, "legacy-api")
	for id, r := range p.state.releases {
		if r.app.name == "legacy-api" {
			delete(p.state.releases, id)
		}
	}
	p.mu.Unlock()
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, snap(t, openForTest(t, copyFile(t, path))), snap(t, p))
}

// TestStateWritesLittle checks that a change of one Machine rewrites no other.
func TestStateWritesLittle(t *testing.T) {
	path := stateAt(t)
	p := openForTest(t, path)
	p.AddApp("large", "personal", "")
	for range 300 {
		p.AddMachine("large", "iad", storeConfig(t, `{"image":"a/b:1"}`))
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = openForTest(t, path)
	p.mu.Lock()
	p.keeper.held++ // stores nothing: the test looks at what would be stored
	p.mu.Unlock()
	id := p.MachineIDs("large")[7]
	p.StopMachine("large", id)
	p.mu.Lock()
	records, err := p.collect().encode()
	p.keeper.held--
	p.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if len(records.Machines) > 1 {
		t.Errorf("%d Machines are written, want only %s", len(records.Machines), id)
	}
}

func TestStateClosed(t *testing.T) {
	p, err := openFile(seededState(t), storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Sync(); !errors.Is(err, errClosed) {
		t.Errorf("Sync: %v", err)
	}
	err = p.ask(t.Context(), preset{}, "POST", "/v1/apps/shop-api/machines/"+shopMachine+"/cordon", struct{}{})
	if err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a write after Close: %v", err)
	}
	if err := New(Options{}).Close(); err != nil {
		t.Error(err)
	}
}

// fullDisk is a storage that stores nothing while it is full.
type fullDisk struct {
	Storage
	is atomic.Bool
}

var errFull = errors.New("no space left on device")

// Save implements [Storage].
func (d *fullDisk) Save(r *Records) error {
	if d.is.Load() {
		return errFull
	}
	return d.Storage.Save(r)
}

// TestStateFails checks that a write that cannot be stored gets an error, and is stored by the next
// commit that succeeds.
func TestStateFails(t *testing.T) {
	path := seededState(t)
	storage, err := OpenStorage(path, true)
	if err != nil {
		t.Fatal(err)
	}
	full := &fullDisk{Storage: storage}
	p, err := Open(full, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	full.is.Store(true)
	cordon := "/v1/apps/shop-api/machines/" + shopMachine + "/cordon"
	err = p.ask(t.Context(), preset{}, "POST", cordon, struct{}{})
	if err == nil || !strings.Contains(err.Error(), "500") || !strings.Contains(err.Error(), errFull.Error()) {
		t.Fatalf("a write that is not stored: %v", err)
	}
	full.is.Store(false)
	post(t, p, "/v1/apps/legacy-api/certificates/acme", `{"hostname":"a.example.com"}`)
	again := openForTest(t, copyFile(t, path))
	if !again.Machine("shop-api", shopMachine).Cordoned {
		t.Error("the write that failed is not stored by the next")
	}
}
