package flysim

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/rogpeppe/go-internal/txtar"
)

//go:embed fixture.txtar
var fixtureText []byte

// fixture is the embedded description of the example apps.
type fixture struct {
	Apps  []fixtureApp `toml:"apps"`
	files map[string][]byte
}

type fixtureApp struct {
	Name      string           `toml:"name"`
	Network   string           `toml:"network"`
	NetworkID string           `toml:"network_id"` // fdaa:9:77e0
	Created   time.Time        `toml:"created"`
	FlyToml   string           `toml:"flytoml"`
	Image     string           `toml:"image"`
	Release   fixtureRelease   `toml:"release"`
	Hostnames []string         `toml:"hostnames"`
	Addresses []fixtureAddress `toml:"addresses"`
	Machines  []fixtureMachine `toml:"machines"`
}

type fixtureRelease struct {
	ID      string    `toml:"id"`
	Version int       `toml:"version"`
	At      time.Time `toml:"at"`
}

type fixtureAddress struct {
	Type   string    `toml:"type"` // as in the API, or egress
	IP     string    `toml:"ip"`
	Second string    `toml:"second"` // the egress pair's v6
	Region string    `toml:"region"`
	At     time.Time `toml:"at"`
}

type fixtureMachine struct {
	ID       string    `toml:"id"`
	Instance string    `toml:"instance"`
	Name     string    `toml:"name"`
	Region   string    `toml:"region"`
	Group    string    `toml:"group"`
	Listen   []string  `toml:"listen"`
	At       time.Time `toml:"at"`
	Stopped  time.Time `toml:"stopped"`
}

func readFixture(data []byte) (*fixture, error) {
	f := &fixture{files: make(map[string][]byte)}
	for _, file := range txtar.Parse(data).Files {
		f.files[file.Name] = file.Data
	}
	decoder := toml.NewDecoder(bytes.NewReader(f.files["apps.toml"])).DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		return nil, fmt.Errorf("apps.toml: %w", err)
	}
	return f, nil
}

// Seed builds the example apps of the organization `personal`: shop-api, legacy-api, inner-circle,
// game-server and tenant-7. It uses the platform's own API and leaves no trace in Calls. Ids,
// addresses and times are the same every time. The times are in March to May 2026; on a clock that
// is set earlier the Machines are from the future. Seed fails if one of the apps exists.
func (p *Platform) Seed(ctx context.Context) error {
	f, err := readFixture(fixtureText)
	if err != nil {
		return fmt.Errorf("flysim: example apps: %w", err)
	}
	return p.inOneCommit(func() error {
		for _, app := range f.Apps {
			if err := p.seedApp(ctx, f, app); err != nil {
				return fmt.Errorf("flysim: example apps: app %s: %w", app.Name, err)
			}
		}
		return nil
	})
}

func (p *Platform) seedApp(ctx context.Context, f *fixture, app fixtureApp) error {
	at := preset{at: app.Created}
	if app.NetworkID != "" {
		prefix, err := netip.ParseAddr(app.NetworkID + "::")
		if err != nil {
			return err
		}
		raw := prefix.As16()
		at.network = binary.BigEndian.Uint32(raw[2:6])
	}
	network := map[string]string{"name": app.Name, "org_slug": "personal", "network": app.Network}
	if err := p.ask(ctx, at, http.MethodPost, "/v1/apps", network); err != nil {
		return err
	}
	if err := p.seedRelease(ctx, app, f.files[app.FlyToml]); err != nil {
		return err
	}
	path := "/v1/apps/" + app.Name
	for _, m := range app.Machines {
		config := f.files[app.Name+"/"+m.Group+".json"]
		in := map[string]any{"config": json.RawMessage(config), "name": m.Name, "region": m.Region}
		if err := p.ask(ctx, preset{at: m.At, machine: m.ID, instance: m.Instance}, http.MethodPost,
			path+"/machines", in); err != nil {
			return err
		}
		p.SetListen(app.Name, m.ID, m.Listen)
		if m.Stopped.IsZero() {
			continue
		}
		if err := p.ask(ctx, preset{at: m.Stopped}, http.MethodPost, path+"/machines/"+m.ID+"/stop", struct{}{}); err != nil {
			return err
		}
	}
	for _, a := range app.Addresses {
		if err := p.seedAddress(ctx, app, a); err != nil {
			return err
		}
	}
	for _, hostname := range app.Hostnames {
		if err := p.ask(ctx, at, http.MethodPost, path+"/certificates/acme",
			map[string]string{"hostname": hostname}); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mustApp(app.Name).touch()
	p.configs[app.Name] = f.files[app.FlyToml]
	return nil
}

const (
	mutationRelease  = `mutation($input: CreateReleaseInput!) { createRelease(input: $input) { release { id } } }`
	mutationComplete = `mutation($input: UpdateReleaseInput!) { updateRelease(input: $input) { release { id } } }`
	mutationAllocate = `mutation($input: AllocateIPAddressInput!) { allocateIpAddress(input: $input) { app { id } } }`
	mutationEgress   = `mutation($input: AllocateEgressIPAddressInput!) { allocateEgressIpAddress(input: ` +
		`$input) { v4 v6 } }`
)

func (p *Platform) seedRelease(ctx context.Context, app fixtureApp, flyToml []byte) error {
	definition, err := parseFlyToml(flyToml)
	if err != nil {
		return err
	}
	release := preset{at: app.Release.At, release: app.Release.ID, version: app.Release.Version}
	err = p.mutate(ctx, release, mutationRelease, map[string]any{
		"appId": app.Name, "image": app.Image, "platformVersion": "machines", "strategy": "ROLLING", "definition": definition,
	})
	if err != nil {
		return err
	}
	release.at = release.at.Add(time.Minute)
	return p.mutate(ctx, release, mutationComplete, map[string]any{"releaseId": app.Release.ID, "status": "complete"})
}

func (p *Platform) seedAddress(ctx context.Context, app fixtureApp, a fixtureAddress) error {
	ip, err := netip.ParseAddr(a.IP)
	if err != nil {
		return err
	}
	at := preset{at: a.At, address: ip}
	if a.Type != "egress" {
		return p.mutate(ctx, at, mutationAllocate, map[string]any{"appId": app.Name, "type": a.Type, "region": a.Region})
	}
	if at.second, err = netip.ParseAddr(a.Second); err != nil {
		return err
	}
	return p.mutate(ctx, at, mutationEgress, map[string]any{"appId": app.Name, "region": a.Region})
}

// parseFlyToml returns the document that flyctl stores with a release: the fly.toml as JSON, with
// autostop as false, true or "suspend".
func parseFlyToml(flyToml []byte) (map[string]any, error) {
	var tree map[string]any
	if err := toml.Unmarshal(flyToml, &tree); err != nil {
		return nil, err
	}
	if service, ok := tree["http_service"].(map[string]any); ok {
		switch service["auto_stop_machines"] {
		case "off":
			service["auto_stop_machines"] = false
		case "stop":
			service["auto_stop_machines"] = true
		}
	}
	return tree, nil
}

func (p *Platform) mutate(ctx context.Context, at preset, query string, input map[string]any) error {
	return p.ask(ctx, at, http.MethodPost, "/graphql", map[string]any{"query": query,
		"variables": map[string]any{"input": input}})
}

// ask sends one request to the platform's own handler.
func (p *Platform) ask(ctx context.Context, at preset, method, path string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(withPreset(ctx, at), method, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.options.Token)
	var out memoryResponse
	p.handler.ServeHTTP(&out, req)
	var refusal struct {
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	switch err := json.Unmarshal(out.body.Bytes(), &refusal); {
	case out.status/100 != 2:
		return fmt.Errorf("%s %s: %d: %s", method, path, out.status, out.body.Bytes())
	case err == nil && len(refusal.Errors) > 0:
		return fmt.Errorf("%s %s: %s", method, path, refusal.Errors[0].Message)
	}
	return nil
}

// memoryResponse is an [http.ResponseWriter] that keeps the answer in memory.
type memoryResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *memoryResponse) Header() http.Header {
	if r.header == nil {
		r.header = make(http.Header)
	}
	return r.header
}

// WriteHeader implements [http.ResponseWriter].
func (r *memoryResponse) WriteHeader(status int) { r.status = status }

// Write implements [http.ResponseWriter].
func (r *memoryResponse) Write(b []byte) (int, error) { return r.body.Write(b) }

// FlyToml returns the fly.toml of an app of the fixture, as its owner wrote it.
func (p *Platform) FlyToml(app string) ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	file, ok := p.configs[app]
	return slices.Clone(file), ok
}

// WriteConfigs writes the fly.toml of every app of the fixture to DIR/<app>/fly.toml, and creates
// folders as needed. If one of the files exists it writes nothing, and the error wraps
// [fs.ErrExist].
func (p *Platform) WriteConfigs(dir string) error {
	files := make(map[string][]byte)
	for _, app := range p.AppNames() {
		file, ok := p.FlyToml(app)
		if !ok {
			continue
		}
		path := filepath.Join(dir, app, "fly.toml")
		switch _, err := os.Lstat(path); {
		case err == nil:
			return fmt.Errorf("%s: %w", path, fs.ErrExist)
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		files[path] = file
	}
	for path, file := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		w, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = w.Write(file)
		if err := errors.Join(err, w.Close()); err != nil {
			return err
		}
	}
	return nil
}
