package flysim_test

import (
	"testing"

	fly "github.com/superfly/fly-go"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

func TestVolumes(t *testing.T) {
	p := seeded(t, flysim.Options{})
	const disks = shop + "/volumes"
	wantBody(t, ask(t, p, "GET", disks, ""), "", "[]")
	for _, body := range []string{`{}`, `{"name":"data"}`, `{"name":"My Data","region":"iad"}`,
		`{"name":"data","region":"iad","size_gb":0}`, `{"name":"data","region":"iad","size_gb":501}`, `[]`} {
		wantStatus(t, ask(t, p, "POST", disks, body), 400)
	}
	got := ask(t, p, "POST", disks, `{"name":"data","region":"iad","size_gb":3,"encrypted":false,"snapshot_retention":9}`)
	wantStatus(t, got, 200)
	wantBody(t, got, "state", "created")
	wantBody(t, got, "size_gb", "3")
	wantBody(t, got, "encrypted", "false")
	wantBody(t, got, "attached_machine_id", "null")
	id := got.get(t, "id")
	mounting := func(volume string) string {
		return `{"region":"iad","config":{"image":"nginx","mounts":[{"volume":"` + volume +
			`","path":"/data","name":"data"}]}}`
	}

	elsewhere := p.AddVolume("shop-api", "data", "fra", 1)
	p.AddVolume("legacy-api", "data", "iad", 1)
	for volume, want := range map[string]int{
		"":                                   400,
		"vol_0000000000000000":               422,
		elsewhere:                            412,
		p.Volumes("legacy-api")[0].ID:        422,
		`x","size_gb":"large","encrypted":"`: 400,
	} {
		if got := ask(t, p, "POST", shop+"/machines", mounting(volume)); got.status != want {
			t.Errorf("mounting %q: %d %s, want %d", volume, got.status, got.body, want)
		}
	}
	if n := len(p.MachineIDs("shop-api")); n != 2 {
		t.Fatalf("%d Machines after refusals", n)
	}

	got = ask(t, p, "POST", shop+"/machines", mounting(id))
	wantStatus(t, got, 200)
	owner := got.get(t, "id")
	wantBody(t, ask(t, p, "GET", disks+"/"+id, ""), "attached_machine_id", owner)
	got = ask(t, p, "POST", shop+"/machines", mounting(id))
	wantStatus(t, got, 412)
	wantBody(t, got, "error", "failed_precondition: volume "+id+" is already attached to machine "+owner)
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+owner, mounting(id)), 200) // the Machine's own volume
	wantStatus(t, ask(t, p, "DELETE", disks+"/"+id, ""), 412)
	wantBody(t, ask(t, p, "GET", shop, ""), "volume_count", "2")

	wantStatus(t, ask(t, p, "PUT", disks+"/"+id+"/extend", `{"size_gb":3}`), 400)
	wantBody(t, ask(t, p, "PUT", disks+"/"+id+"/extend", `{"size_gb":5}`), "volume.size_gb", "5")
	wantBody(t, ask(t, p, "PUT", disks+"/"+id, `{"auto_backup_enabled":false}`), "auto_backup_enabled", "false")
	wantBody(t, ask(t, p, "GET", disks+"/"+id, ""), "snapshot_retention", "9")

	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+owner, `{"config":{"image":"nginx"}}`), 200) // detaches the volume
	wantBody(t, ask(t, p, "GET", disks+"/"+id, ""), "attached_machine_id", "null")
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+owner, mounting(id)), 200)
	wantStatus(t, ask(t, p, "DELETE", shop+"/machines/"+owner+"?kill=true", ""), 200)
	if got := p.Volumes("shop-api"); got[0].Machine != "" || got[0].SizeGB != 5 {
		t.Errorf("after its Machine was destroyed: %+v", got)
	}
	wantBody(t, ask(t, p, "DELETE", disks+"/"+id, ""), "state", "pending_destroy")
	wantStatus(t, ask(t, p, "GET", disks+"/"+id, ""), 404)
	wantBody(t, ask(t, p, "GET", disks, ""), "0.state", "pending_destroy")
	if got := p.Volumes("shop-api"); len(got) != 1 || got[0].ID != elsewhere {
		t.Errorf("volumes: %+v", got)
	}
}

func TestVolumesOfSomebodyElse(t *testing.T) {
	p := seeded(t, flysim.Options{})
	config, err := spec.Parse(
		[]byte(`{"image":"nginx","mounts":[{"volume":"vol_old","name":"data","path":"/data","size_gb":4}]}`))
	if err != nil {
		t.Fatal(err)
	}
	id := p.AddMachine("shop-api", "fra", config)
	if got, want := p.Volumes("shop-api"), (flysim.Volume{ID: "vol_old", Name: "data", Region: "fra",
		SizeGB: 4, Machine: id}); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestVolumesThroughFlyGo(t *testing.T) {
	p := seeded(t, flysim.Options{})
	_, rest := clients(t, p)
	created, err := rest.CreateVolume(t.Context(), "shop-api", fly.CreateVolumeRequest{Name: "data",
		Region: "iad", SizeGb: fly.IntPointer(2)})
	if err != nil || created.SizeGb != 2 || !created.Encrypted || created.IsAttached() || created.CreatedAt.IsZero() {
		t.Fatalf("%+v, %v", created, err)
	}
	if larger, restart, err := rest.ExtendVolume(t.Context(), "shop-api", created.ID, 4); err != nil ||
		restart || larger.SizeGb != 4 {
		t.Errorf("%+v, %t, %v", larger, restart, err)
	}
	if _, err := rest.DeleteVolume(t.Context(), "shop-api", created.ID); err != nil {
		t.Error(err)
	}
	if list, err := rest.GetVolumes(t.Context(), "shop-api"); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
