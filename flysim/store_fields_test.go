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

// Whether the file has a field of the state. Any other text says why the field is not stored.
const (
	isStored     = "stored"
	isStoredAsID = "stored as the id of what it points to"
)

// storedFields says of every field of the platform's state whether the file has it. A new field of
// the state must be added here.
func storedFields() map[string]string {
	const (
		given       = "given to Open"
		process     = "of the running program"
		lag         = "list lag ends with the program: what a list did not show yet it shows after a restart"
		bookkeeping = "bookkeeping of what is to be stored"
	)
	return map[string]string{
		"Platform.options": given, "Platform.clock": "ClockRecord, see TestStateClock",
		"Platform.recorder": process, "Platform.faults": process, "Platform.limits": process, "Platform.graph": process,
		"Platform.handler": process, "Platform.mu": process, "Platform.changed": process, "Platform.revision": process,
		"Platform.state": isStored, "Platform.configs": "storedApp.FlyToml, see TestStateNew", "Platform.keeper": process,
		"Platform.schedule": process, "Platform.settling": process, "Platform.gateway": process,
		"Platform.gatewayFaults": process,

		"accessToken.id": isStored, "accessToken.secret": isStored, "accessToken.key": isStored,
		"accessToken.scope": isStored, "accessToken.created": isStored, "accessToken.revoked": isStored,
		"Scope.Kind": isStored, "Scope.Org": isStored, "Scope.App": isStored, "Scope.Name": isStored,
		"Scope.Expires": isStored,

		"platformState.ids": isStored, "platformState.organizations": isStored, "platformState.apps": isStored,
		"platformState.takenNames": isStored,
		"platformState.releases":   isStored, "platformState.builds": isStored, "platformState.crashAfter": given,
		"platformState.delays": given, "platformState.tokens": isStored,
		"idSource.count": isStored,

		"organization.id": isStored, "organization.number": isStored, "organization.slug": isStored,
		"organization.name":     isStored,
		"organization.personal": isStored, "organization.networks": isStored, "organization.peers": isStored,
		"organization.appReads": lag,
		"privateNetwork.id":     isStored, "privateNetwork.bits": isStored, "privateNetwork.name": isStored,
		"privateNetwork.organization": isStoredAsID,
		"privateNetwork.created":      isStored, "privateNetwork.flycast": isStored,

		"wireGuardPeer.id": isStored, "wireGuardPeer.name": isStored, "wireGuardPeer.pubkey": isStored,
		"wireGuardPeer.region": isStored, "wireGuardPeer.ip": isStored, "wireGuardPeer.network": isStoredAsID,

		"appState.id": isStored, "appState.number": isStored, "appState.name": isStored,
		"appState.organization": isStoredAsID, "appState.network": isStoredAsID,
		"appState.status": isStored, "appState.created": isStored, "appState.machines": isStored,
		"appState.volumes": isStored, "appState.addresses": isStored,
		"appState.egress": isStored, "appState.certificates": isStored, "appState.releases": isStored,
		"appState.noBlueGreen": isStored, "appState.startDelay": isStored,
		"appState.reads": lag, "appState.machineReads": lag, "appState.dirty": bookkeeping, "appState.touches": bookkeeping,
		"platformState.byName": "made again from the apps", "appState.listed": lag, "appState.secrets": isStored,
		"secrets.version": isStored, "secrets.byName": isStored, "secrets.keys": isStored, "appKey.kind": isStored,
		"appKey.public":    isStored,
		"appSecret.digest": isStored, "appSecret.created": isStored, "appSecret.updated": isStored,
		"build.id": isStored, "build.app": isStored, "build.status": isStored,
		"certificate.id": isStored, "certificate.hostname": isStored, "certificate.created": isStored,
		"certificate.custom": isStored, "certificate.noACME": isStored,
		"customCertificate.issuer": isStored, "customCertificate.imported": isStored, "customCertificate.until": isStored,
		"appAddress.id": isStored, "appAddress.ip": isStored, "appAddress.kind": isStored, "appAddress.region": isStored,
		"appAddress.service": isStored, "appAddress.network": isStoredAsID, "appAddress.created": isStored,
		"appAddress.born": lag, "appAddress.gone": lag,
		"egressAddress.id": isStored, "egressAddress.ip": isStored, "egressAddress.region": isStored,
		"egressAddress.updated": isStored, "egressAddress.machine": isStored,
		"appVolume.id": isStored, "appVolume.name": isStored, "appVolume.region": isStored,
		"appVolume.sizeGB": isStored, "appVolume.state": isStored,
		"appVolume.encrypted": isStored, "appVolume.retention": isStored, "appVolume.backup": isStored,
		"appVolume.attached": isStoredAsID, "appVolume.created": isStored, "appVolume.snapshots": isStored,
		"volumeSnapshot.id": isStored, "volumeSnapshot.sizeGB": isStored, "volumeSnapshot.retention": isStored,
		"volumeSnapshot.created": isStored,
		"appRelease.id":          isStored, "appRelease.app": isStoredAsID, "appRelease.version": isStored,
		"appRelease.status": isStored, "appRelease.strategy": isStored,
		"appRelease.image": isStored, "appRelease.definition": isStored, "appRelease.metadata": isStored,
		"appRelease.created": isStored,
		"appRelease.updated": isStored, "appRelease.dirty": bookkeeping,

		"vm.app": isStoredAsID, "vm.order": isStored, "vm.id": isStored, "vm.name": isStored,
		"vm.region": isStored, "vm.privateIP": isStored,
		"vm.created": isStored, "vm.updated": isStored, "vm.config": isStored, "vm.instance": isStored,
		"vm.versions": isStored,
		"vm.state":    isStored, "vm.events": isStored, "vm.started": isStored, "vm.failing": isStored,
		"vm.checkOverrides": isStored, "vm.listed": lag,
		"vm.listen": isStored, "vm.lease": isStored, "vm.cordoned": isStored, "vm.host": isStored, "vm.pending": isStored,
		"vm.ending": isStored, "vm.failures": isStored, "vm.dirty": bookkeeping, "vm.hidden": lag,
		"vm.parsed": "read again from the configuration", "vm.memoryLimit": isStored, "vm.cause": "shown where it happened",
		"vm.externalProgram":      "set again by the runner of its program",
		"vm.booting":              "set again by the runner of its program",
		"machineVersion.instance": isStored, "machineVersion.config": isStored,
		"event.id": isStored, "event.kind": isStored, "event.status": isStored, "event.source": isStored,
		"event.at":   isStored,
		"event.exit": isStored, "event.restarted": isStored,
		"programExit.code": isStored, "programExit.signal": isStored, "programExit.oom": isStored,
		"programExit.requested": isStored, "programExit.restarting": isStored,
		"socket.proto": isStored, "socket.address": isStored,
		"machineLease.nonce": isStored, "machineLease.owner": isStored, "machineLease.description": isStored,
		"machineLease.expires": isStored,
		"transition.at":        isStored, "transition.state": isStored, "transition.events": isStored,
		"transition.failure": isStored, "transition.restarts": isStored,
		"programEnd.at": isStored, "programEnd.exit": isStored, "programEnd.next": isStored, "programEnd.restarts": isStored,
	}
}

// stateSnapshot is the whole state as the file should have it: a line for each value that is not
// zero, by its path. used collects the fields in which a value was found.
type stateSnapshot struct {
	fields  map[string]string
	lines   []string
	used    map[string]bool
	unknown map[string]bool
}

// snap reads every field, stored or not, of everything the platform points to.
func snap(t *testing.T, p *Platform) *stateSnapshot {
	t.Helper()
	s := &stateSnapshot{fields: storedFields(), used: make(map[string]bool), unknown: make(map[string]bool)}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.walk("", reflect.ValueOf(p).Elem())
	for field := range s.unknown {
		t.Errorf("the field %s is new: store it (add it to its record and to the functions storeX and restoreX in "+
			"store_account.go, "+
			"store_app.go or store_machine.go, and to storedFields as stored), or say in storedFields why the file "+
			"need not keep it", field)
	}
	s.lines = append(s.lines, "clock = "+p.clock.Now().String(), fmt.Sprint("speed = ", p.clock.Speed()))
	return s
}

func (s *stateSnapshot) walk(path string, v reflect.Value) {
	if !v.CanInterface() && v.CanAddr() {
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
	}
	line := func(value any) { s.lines = append(s.lines, fmt.Sprintf("%s = %v", path, value)) }
	if v.IsZero() {
		return
	}
	switch v.Type() { // only types of other packages: a copy of ours would copy locks
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
	case reflect.TypeFor[[]*appAddress](): // without those that are shown only because of list lag
		for i, addr := range (&appState{addresses: v.Interface().([]*appAddress)}).currentAddresses() {
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
			case isStoredAsID:
				if to := v.Field(i); !to.IsNil() {
					s.used[field] = true
					s.walk(path+"."+name, to.Elem().FieldByName("id"))
				}
			case isStored:
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
func wantSame(t *testing.T, got, want *stateSnapshot) {
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

// TestStateFields checks that every stored field is loaded again from the file. fullPlatform has a
// value in each of them.
func TestStateFields(t *testing.T) {
	path := stateAt(t)
	p := fullPlatform(t, path)
	if err := p.Sync(); err != nil {
		t.Fatal(err)
	}
	want := snap(t, p)
	wantSame(t, snap(t, openForTest(t, copyFile(t, path))), want)
	for field, how := range storedFields() {
		if (how == isStored || how == isStoredAsID) && !want.used[field] {
			t.Errorf("no object of the test's platform has a value in %s: give it one in full", field)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	wantSame(t, snap(t, openForTest(t, path)), want)
}
