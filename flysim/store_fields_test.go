package flysim

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// How a field of the state stands to the file. Any other text is why the field is not stored.
const (
	stored   = "stored"
	storedID = "stored as the id of what it points to"
)

// storedFields says of every field of the platform's state whether the file
// keeps it. A field that is added to the state is added here.
func storedFields() map[string]string {
	const (
		given   = "given to Open"
		process = "of the running program"
		lag     = "list lag ends with the program: what a list did not show yet it shows after a restart"
		noted   = "bookkeeping of what is to be stored"
	)
	return map[string]string{
		"Platform.options": given, "Platform.clock": "ClockRecord, see TestStateClock",
		"Platform.recorder": process, "Platform.faults": process, "Platform.limits": process, "Platform.graph": process,
		"Platform.handler": process, "Platform.mu": process, "Platform.changed": process, "Platform.revision": process,
		"Platform.state": stored, "Platform.configs": "storedApp.FlyToml, see TestStateNew", "Platform.keeper": process,
		"Platform.schedule": process, "Platform.settling": process,

		"token.id": stored, "token.secret": stored, "token.key": stored, "token.scope": stored, "token.created": stored, "token.revoked": stored,
		"Scope.Kind": stored, "Scope.Org": stored, "Scope.App": stored, "Scope.Name": stored, "Scope.Expires": stored,

		"state.ids": stored, "state.organizations": stored, "state.apps": stored, "state.taken": stored,
		"state.releases": stored, "state.builds": stored, "state.crashAfter": given, "state.delays": given, "state.tokens": stored,
		"ids.count": stored,

		"organization.id": stored, "organization.number": stored, "organization.slug": stored, "organization.name": stored,
		"organization.personal": stored, "organization.networks": stored, "organization.peers": stored, "organization.appReads": lag,
		"network.id": stored, "network.bits": stored, "network.name": stored, "network.organization": storedID,
		"network.created": stored, "network.flycast": stored,

		"peer.id": stored, "peer.name": stored, "peer.pubkey": stored, "peer.region": stored, "peer.ip": stored, "peer.network": storedID,

		"app.id": stored, "app.number": stored, "app.name": stored, "app.organization": storedID, "app.network": storedID,
		"app.status": stored, "app.created": stored, "app.machines": stored, "app.volumes": stored, "app.addresses": stored,
		"app.egress": stored, "app.certificates": stored, "app.releases": stored, "app.oneSet": stored, "app.startDelay": stored,
		"app.reads": lag, "app.machineReads": lag, "app.noted": noted, "app.notes": noted, "state.byName": "made again from the apps", "app.listed": lag, "app.secrets": stored,
		"secrets.version": stored, "secrets.named": stored, "secrets.keys": stored, "appKey.kind": stored, "appKey.public": stored,
		"secret.digest": stored, "secret.created": stored, "secret.updated": stored,
		"build.id": stored, "build.app": stored, "build.status": stored,
		"certificate.id": stored, "certificate.hostname": stored, "certificate.created": stored,
		"certificate.custom": stored, "certificate.noACME": stored,
		"customCertificate.issuer": stored, "customCertificate.imported": stored, "customCertificate.until": stored,
		"address.id": stored, "address.ip": stored, "address.kind": stored, "address.region": stored,
		"address.service": stored, "address.network": storedID, "address.created": stored, "address.born": lag, "address.gone": lag,
		"egress.id": stored, "egress.ip": stored, "egress.region": stored, "egress.updated": stored, "egress.machine": stored,
		"volume.id": stored, "volume.name": stored, "volume.region": stored, "volume.sizeGB": stored, "volume.state": stored,
		"volume.encrypted": stored, "volume.retention": stored, "volume.backup": stored, "volume.attached": storedID, "volume.created": stored, "volume.snapshots": stored,
		"volumeSnapshot.id": stored, "volumeSnapshot.sizeGB": stored, "volumeSnapshot.retention": stored, "volumeSnapshot.created": stored,
		"release.id": stored, "release.app": storedID, "release.version": stored, "release.status": stored, "release.strategy": stored,
		"release.image": stored, "release.definition": stored, "release.metadata": stored, "release.created": stored,
		"release.updated": stored, "release.noted": noted,

		"vm.app": storedID, "vm.order": stored, "vm.id": stored, "vm.name": stored, "vm.region": stored, "vm.privateIP": stored,
		"vm.created": stored, "vm.updated": stored, "vm.config": stored, "vm.instance": stored, "vm.versions": stored,
		"vm.state": stored, "vm.events": stored, "vm.started": stored, "vm.sick": stored, "vm.said": stored, "vm.listed": lag,
		"vm.listen": stored, "vm.lease": stored, "vm.cordoned": stored, "vm.host": stored, "vm.pending": stored,
		"vm.ending": stored, "vm.failures": stored, "vm.noted": noted, "vm.hidden": lag, "vm.read": "read again from the configuration", "vm.memoryLimit": stored, "vm.cause": "shown where it happened",
		"vm.outside": "told again by what runs its program", "vm.booting": "told again by what runs its program",
		"version.instance": stored, "version.config": stored,
		"event.id": stored, "event.kind": stored, "event.status": stored, "event.source": stored, "event.at": stored,
		"event.exit": stored, "event.restarted": stored,
		"exit.code": stored, "exit.signal": stored, "exit.oom": stored, "exit.requested": stored, "exit.restarting": stored,
		"socket.proto": stored, "socket.address": stored,
		"lease.nonce": stored, "lease.owner": stored, "lease.description": stored, "lease.expires": stored,
		"step.at": stored, "step.state": stored, "step.events": stored, "step.failure": stored, "step.restarts": stored,
		"ending.at": stored, "ending.exit": stored, "ending.next": stored, "ending.restarts": stored,
	}
}

// snapshot is the whole state as the file should have it: a line for each value
// that is not zero, by its path. Used notes the fields it found a value in.
type snapshot struct {
	fields  map[string]string
	lines   []string
	used    map[string]bool
	unknown map[string]bool
}

// snap reads every field, stored or not, of everything the platform points to.
func snap(t *testing.T, p *Platform) *snapshot {
	t.Helper()
	s := &snapshot{fields: storedFields(), used: make(map[string]bool), unknown: make(map[string]bool)}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.walk("", reflect.ValueOf(p).Elem())
	for field := range s.unknown {
		t.Errorf("the field %s is new: store it (add it to its record and to the functions storeX and restoreX in store_account.go, "+
			"store_app.go or store_machine.go, and to storedFields as stored), or say in storedFields why the file need not keep it", field)
	}
	s.lines = append(s.lines, "clock = "+p.clock.Now().String(), fmt.Sprint("speed = ", p.clock.Speed()))
	return s
}

func (s *snapshot) walk(path string, v reflect.Value) {
	if !v.CanInterface() && v.CanAddr() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	line := func(value any) { s.lines = append(s.lines, fmt.Sprintf("%s = %v", path, value)) }
	if v.IsZero() {
		return
	}
	switch v.Type() { // of others alone: a copy of ours would copy locks
	case reflect.TypeFor[time.Time]():
		line(v.Interface().(time.Time).UTC().Format(time.RFC3339Nano))
		return
	case reflect.TypeFor[spec.Config](), reflect.TypeFor[json.RawMessage]():
		raw, err := json.Marshal(v.Interface())
		if err != nil {
			line(err)
		}
		line(string(raw))
		return
	case reflect.TypeFor[netip.Addr]():
		line(v.Interface())
		return
	case reflect.TypeFor[[]*address](): // without those that only list lag still shows
		for i, addr := range (&app{addresses: v.Interface().([]*address)}).held() {
			s.walk(fmt.Sprintf("%s[%d]", path, i), reflect.ValueOf(addr))
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		s.walk(path, v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			s.walk(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if name := fmt.Sprint(key); path != ".state.ids.count" || name != "request" { // reads count too
				s.walk(path+"["+name+"]", v.MapIndex(key))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			field := v.Type().Name() + "." + name
			switch s.fields[field] {
			case "":
				s.unknown[field] = true
			case storedID:
				if to := v.Field(i); !to.IsNil() {
					s.used[field] = true
					s.walk(path+"."+name, to.Elem().FieldByName("id"))
				}
			case stored:
				if !v.Field(i).IsZero() {
					s.used[field] = true
				}
				s.walk(path+"."+name, v.Field(i))
			}
		}
	default:
		line(v)
	}
}

// wantSame compares two snapshots.
func wantSame(t *testing.T, got, want *snapshot) {
	t.Helper()
	lines := make(map[string]int)
	for _, line := range want.lines {
		lines[line]++
	}
	for _, line := range got.lines {
		lines[line]--
	}
	var differ []string
	for line, n := range lines {
		switch {
		case n > 0:
			differ = append(differ, "lost:  "+line)
		case n < 0:
			differ = append(differ, "other: "+line)
		}
	}
	slices.Sort(differ)
	if len(differ) > 0 {
		t.Errorf("the state of the file differs in %d values:\n%.3000s", len(differ), strings.Join(differ, "\n"))
	}
}

// TestStateFields holds that every field that is said to be stored comes back
// from the file: the platform of full has a value in each of them.
func TestStateFields(t *testing.T) {
	path := stateAt(t)
	p := full(t, path)
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	want := snap(t, p)
	wantSame(t, snap(t, opened(t, copied(t, path))), want)
	for field, how := range storedFields() {
		if (how == stored || how == storedID) && !want.used[field] {
			t.Errorf("no object of the test's platform has a value in %s: give it one in full", field)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, snap(t, opened(t, path)), want)
}
