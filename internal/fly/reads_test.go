package fly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// lines are addresses in short.
func addressLines(list []Address) []string {
	var out []string
	for _, a := range list {
		line := fmt.Sprintf("%s %s", a.Kind, a.IP)
		if a.Network != "" {
			line += " " + a.Org + "/" + a.Network
		}
		if a.Inferred {
			line += " inferred"
		}
		out = append(out, line)
	}
	return out
}

func TestAddresses(t *testing.T) {
	const v4, v6 = "dedicated_v4 137.66.18.204", "dedicated_v6 2a09:8280:1::3a:7c20"
	const egress4, egress6 = "egress 209.71.80.45", "egress 2605:4c40:9a:1f2e:0:3b:7c20:1"
	graphqlDown := flysim.Fault{Operation: "graphql.app", Status: 500, Times: -1}
	tests := []struct {
		name        string
		options     flysim.Options
		fault       *flysim.Fault
		app         string
		want        []string
		egressKnown bool
		calls       []string
	}{
		{name: "shared v4", app: "shop-api", want: []string{"shared_v4 66.241.124.11", "dedicated_v6 2a09:8280:1::2d:1111"},
			egressKnown: true, calls: []string{"graphql.app"}},
		{name: "private", app: "inner-circle", want: []string{"flycast fdaa:2:1c4f:0:1::2 personal/default"},
			egressKnown: true, calls: []string{"graphql.app"}},
		{name: "egress", app: "legacy-api", want: []string{v4, v6, egress4, egress6},
			egressKnown: true, calls: []string{"graphql.app"}},
		{name: "egress list fails", options: flysim.Options{OmitEgress: true}, app: "legacy-api",
			want: []string{v4 + " inferred", v6 + " inferred"}, calls: []string{"graphql.app", "graphql.app"}},
		{name: "egress list fails, shared and Flycast are certain", options: flysim.Options{OmitEgress: true},
			app:  "inner-circle",
			want: []string{"flycast fdaa:2:1c4f:0:1::2 personal/default"}, calls: []string{"graphql.app", "graphql.app"}},
		{name: "no types", options: flysim.Options{OmitTypes: true}, app: "legacy-api",
			want: []string{v4 + " inferred", v6 + " inferred", egress4,
				egress6}, egressKnown: true, calls: []string{"graphql.app"}},
		{name: "GraphQL is down", fault: &graphqlDown, app: "legacy-api",
			want:        []string{v4 + " inferred", v6 + " inferred", egress4, egress6},
			egressKnown: true, calls: []string{"graphql.app", "ip.list", "app.get"}},
		{name: "GraphQL is down, old REST answer", options: flysim.Options{OmitTypes: true}, fault: &graphqlDown,
			app: "legacy-api",
			want: []string{v4 + " inferred", "dedicated_v4 209.71.80.45 inferred",
				"dedicated_v6 2605:4c40:9a:1f2e:0:3b:7c20:1 inferred", v6 + " inferred"},
			calls: []string{"graphql.app", "ip.list", "app.get"}},
		{name: "GraphQL answers nonsense", fault: &flysim.Fault{Operation: "graphql.app", Malformed: true, Times: -1},
			app:         "inner-circle",
			want:        []string{"flycast fdaa:2:1c4f:0:1::2 personal/default inferred"},
			egressKnown: true, calls: []string{"graphql.app", "ip.list", "app.get"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, client := sandboxClient(t, test.options)
			if test.fault != nil {
				p.Inject(*test.fault)
			}
			got, err := client.Addresses(t.Context(), test.app)
			if err != nil {
				t.Fatal(err)
			}
			if list := addressLines(got.List); !slices.Equal(list, test.want) {
				t.Errorf("got %q, want %q", list, test.want)
			}
			if got.EgressKnown != test.egressKnown {
				t.Errorf("EgressKnown is %v", got.EgressKnown)
			}
			if got.App.Name != test.app || got.App.Network != "default" || got.App.Organization.Slug != "personal" {
				t.Errorf("app %+v", got.App)
			}
			checkCalls(t, p, test.calls...)
		})
	}
}

func TestAddressesDoNotFallBackOnAnswers(t *testing.T) {
	tests := []struct {
		name  string
		fault flysim.Fault
		app   string
		code  gate.Code
	}{
		{"unknown app", flysim.Fault{Operation: "nothing"}, "nowhere", gate.NotFound},
		{"401", flysim.Fault{Status: 401}, "shop-api", gate.Unauthorized},
		{"403", flysim.Fault{Status: 403}, "shop-api", gate.Unauthorized},
		{"429", flysim.Fault{Status: 429, RetryAfter: time.Minute}, "shop-api", gate.RateLimited},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, client := sandboxClient(t, flysim.Options{})
			p.Inject(test.fault)
			_, err := client.Addresses(t.Context(), test.app)
			checkCode(t, err, test.code)
			checkCalls(t, p, "graphql.app")
		})
	}
	t.Run("both down", func(t *testing.T) {
		p, client := sandboxClient(t, flysim.Options{})
		p.Inject(flysim.Fault{Status: 500, Times: -1})
		_, err := client.Addresses(t.Context(), "shop-api")
		checkCode(t, err, gate.PlatformError)
	})
}

func TestReads(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	ctx := t.Context()

	addresses, err := client.Addresses(ctx, "tenant-7")
	app := addresses.App
	if err != nil || app.Name != "tenant-7" || app.Network != "tenant-7" || app.Status != "deployed" ||
		app.Hostname != "tenant-7.fly.dev" ||
		app.Organization.Slug != "personal" || app.Organization.ID == "" || app.ID == "" {
		t.Errorf("app %+v, %v", app, err)
	}
	organization, err := client.Organization(ctx, "personal")
	if err != nil || organization != app.Organization {
		t.Errorf("organization %+v, %v, want %+v", organization, err, app.Organization)
	}
	names, err := client.AppNames(ctx)
	if want := []string{"game-server", "inner-circle", "legacy-api", "shop-api", "tenant-7"}; err != nil ||
		!slices.Equal(names, want) {
		t.Errorf("names %q, %v, want %q", names, err, want)
	}
	certificates, err := client.Certificates(ctx, "legacy-api")
	if want := []Certificate{{"api.legacy-shop.example"}}; err != nil || !slices.Equal(certificates, want) {
		t.Errorf("certificates %v, %v, want %v", certificates, err, want)
	}
	release, err := client.Release(ctx, "tenant-7")
	var definition struct{ App string }
	if err != nil || release.Version != 3 || json.Unmarshal(release.Definition, &definition) != nil ||
		definition.App != "tenant-7" {
		t.Errorf("release %d %s, %v", release.Version, release.Definition, err)
	}
	checkCalls(t, p, "graphql.app", "graphql.organization", "graphql.apps", "certificate.list", "graphql.app")

	p.ResetCalls()
	machines, err := client.Machines(ctx, "inner-circle")
	if err != nil || len(machines) != 2 {
		t.Fatalf("machines %v, %v", machines, err)
	}
	started, stopped := machines[0], machines[1]
	truth := p.Machine("inner-circle", started.ID)
	if started.State != "started" || started.InstanceID != truth.InstanceID ||
		started.PrivateIP.String() != truth.PrivateIP ||
		started.HostStatus != "ok" || started.Incomplete || started.Exit != nil || started.CreatedAt.IsZero() {
		t.Errorf("started Machine %+v", started)
	}
	if started.Config.Hash() != machineConfig(t, p, "inner-circle", started.ID).Hash() {
		t.Error("the configuration is not the platform's")
	}
	if want := (CheckStatus{"servicecheck-00-http-8081", "passing"}); !slices.Equal(started.Checks, []CheckStatus{want}) {
		t.Errorf("checks %v, want %v", started.Checks, want)
	}
	if stopped.State != "stopped" || stopped.Exit == nil || !stopped.Exit.Requested {
		t.Errorf("stopped Machine %+v", stopped)
	}
	one, err := client.Machine(ctx, "inner-circle", started.ID)
	if err != nil || one.InstanceID != started.InstanceID {
		t.Errorf("machine %+v, %v", one, err)
	}
	processes, err := client.Processes(ctx, "inner-circle", started.ID)
	if err != nil || len(processes) != 2 || !slices.Contains(processes[0].Listen, Socket{"tcp", "0.0.0.0:8081"}) {
		t.Errorf("processes %+v, %v", processes, err)
	}
	if err := client.Wait(ctx, "inner-circle", started.ID, started.InstanceID, "started", time.Minute); err != nil {
		t.Errorf("wait: %v", err)
	}
	checkCalls(t, p, "machine.list", "machine.get", "machine.ps", "machine.wait")

	_, err = client.Processes(ctx, "inner-circle", stopped.ID)
	checkCode(t, err, gate.Precondition)
	_, err = client.Machine(ctx, "inner-circle", "0123456789abcd")
	checkCode(t, err, gate.NotFound)
	_, err = client.Organization(ctx, "nobody")
	checkCode(t, err, gate.NotFound)
	for _, read := range reads() {
		checkCode(t, read(ctx, client), "")
	}
	if writes := p.Writes(); len(writes) != 0 {
		t.Errorf("reads wrote: %v", operations(writes))
	}
}

func TestReadsOfMissingApp(t *testing.T) {
	_, client := sandboxClient(t, flysim.Options{})
	for name, read := range appReads() {
		err := read(t.Context(), client, "nowhere")
		checkCode(t, err, gate.NotFound)
		if err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("%s: %v does not name the app", name, err)
		}
	}
}

// appReads are the reads that take no more than an app.
func appReads() map[string]func(context.Context, *Client, string) error {
	return map[string]func(context.Context, *Client, string) error{
		"CanBlueGreen": func(ctx context.Context, c *Client, app string) error {
			_, err := c.CanBlueGreen(ctx, app)
			return err
		},
		"Addresses": func(ctx context.Context, c *Client, app string) error {
			_, err := c.Addresses(ctx, app)
			return err
		},
		"Machines": func(ctx context.Context, c *Client, app string) error { _, err := c.Machines(ctx, app); return err },
		"Certificates": func(ctx context.Context, c *Client, app string) error {
			_, err := c.Certificates(ctx, app)
			return err
		},
		"Release": func(ctx context.Context, c *Client, app string) error { _, err := c.Release(ctx, app); return err },
		"Machine": func(ctx context.Context, c *Client, app string) error {
			_, err := c.Machine(ctx, app, "0a")
			return err
		},
		"Processes": func(ctx context.Context, c *Client, app string) error {
			_, err := c.Processes(ctx, app, "0a")
			return err
		},
		"Wait": func(ctx context.Context, c *Client, app string) error {
			return c.Wait(ctx, app, "0a", "i", "started", time.Minute)
		},
		"Volumes":  func(ctx context.Context, c *Client, app string) error { _, err := c.Volumes(ctx, app); return err },
		"Releases": func(ctx context.Context, c *Client, app string) error { _, err := c.Releases(ctx, app, 3); return err },
	}
}

func TestBadNamesAreRefusedBeforeAnythingIsSent(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	for _, app := range []string{"", "..", "a/b", "a?b", "A", "a b", "-a", "a\n", "a%2fb", strings.Repeat("a", 64)} {
		for name, read := range appReads() {
			if err := read(t.Context(), client, app); CodeOf(err) != gate.InvalidInput {
				t.Errorf("%s of %q: %v", name, app, err)
			}
		}
	}
	for _, id := range []string{"", "..", "a/b", "A", "xyz", "a?force=1", strings.Repeat("a", 33)} {
		_, err := client.Machine(t.Context(), "shop-api", id)
		checkCode(t, err, gate.InvalidInput)
		_, err = client.Processes(t.Context(), "shop-api", id)
		checkCode(t, err, gate.InvalidInput)
		_, err = client.LeaseHolder(t.Context(), "shop-api", id)
		checkCode(t, err, gate.InvalidInput)
		checkCode(t, client.Wait(t.Context(), "shop-api", id, "i", "started", time.Minute), gate.InvalidInput)
	}
	_, err := client.Organization(t.Context(), "a b")
	checkCode(t, err, gate.InvalidInput)
	checkCalls(t, p)
}

func TestTokens(t *testing.T) {
	p, url := platform(t, flysim.Options{})
	as := func(token string) *Client {
		client, _ := testClient(t, url, func(o *Options) { o.Token = NewToken(token) })
		return client
	}
	_, err := as(p.AppToken("shop-api")).AppNames(t.Context())
	checkCode(t, err, gate.Unauthorized)
	_, err = as(p.AppToken("shop-api")).Addresses(t.Context(), "shop-api")
	checkCode(t, err, "")
	_, err = as(p.AppToken("shop-api")).Machines(t.Context(), "legacy-api")
	checkCode(t, err, gate.Unauthorized)
	_, err = as("sandbox-unknown").Machines(t.Context(), "shop-api")
	checkCode(t, err, gate.Unauthorized)
	checkCode(t, releaseSharedV4(t, t.Context(), as(p.ReadOnlyToken())), gate.Unauthorized)

	p.ResetCalls()
	for name, read := range appReads() {
		err := read(t.Context(), as(""), "shop-api")
		var coded *plan.Problem
		if !errors.As(err, &coded) || coded.Code != gate.Unauthorized ||
			!strings.Contains(coded.Hint, "fly tokens create deploy -a shop-api -x 24h") ||
			!strings.Contains(coded.Hint, "FLY_API_TOKEN") {
			t.Errorf("%s without a token: %+v", name, coded)
		}
	}
	checkCode(t, releaseSharedV4(t, t.Context(), as("")), gate.Unauthorized)
	checkCalls(t, p)
}

func TestWaitRepeatsTheTimeOut(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	id := p.MachineIDs("shop-api")[0]
	instance := p.Machine("shop-api", id).InstanceID
	p.Inject(flysim.Fault{Operation: "machine.wait", Status: http.StatusRequestTimeout, Times: 4})
	if err := client.Wait(t.Context(), "shop-api", id, instance, "started", 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	calls := p.Calls()
	if len(calls) != 5 {
		t.Fatalf("%d calls, want 5", len(calls))
	}
	if got, want := calls[0].Query, "instance_id="+instance+"&state=started&timeout=60"; got != want {
		t.Errorf("query %q, want %q", got, want)
	}

	p.Inject(flysim.Fault{Operation: "machine.wait", Status: http.StatusRequestTimeout, Times: -1})
	ctx, cancel := context.WithCancel(t.Context())
	impatient, _ := testClient(t, client.clientURL(), func(o *Options) {
		o.Token = NewToken(p.Token())
		o.Sleep = func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
	})
	err := impatient.Wait(ctx, "shop-api", id, instance, "started", 5*time.Minute)
	checkCode(t, err, gate.PlatformError)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error in it", err)
	}
	p.ClearFaults()
	checkCode(t, client.Wait(t.Context(), "shop-api", id, instance, "asleep", time.Minute), gate.InvalidInput)
}

// clientURL is where a client's requests to the Machines API go.
func (c *Client) clientURL() string {
	return c.http.Transport.(*transport).routes[flapsOrigin].String()
}

func TestListsInPages(t *testing.T) {
	var calls counter
	server := httptest.NewServer(calls.wrap(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/graphql" && calls.count() == 1:
			fmt.Fprint(w, `{"data":{"apps":{"nodes":[{"name":"b"},{"name":"../x"}],`+
				`"pageInfo":{"hasNextPage":true,"endCursor":"two"}}}}`)
		case r.URL.Path == "/graphql":
			fmt.Fprint(w, `{"data":{"apps":{"nodes":[{"name":"a"},{"name":"b"}],`+
				`"pageInfo":{"hasNextPage":false,"endCursor":"three"}}}}`)
		case r.URL.Query().Get("cursor") == "":
			fmt.Fprint(w, `{"certificates":[{"hostname":"a.example","configured":true}],"next_cursor":"x&y"}`)
		case r.URL.Query().Get("cursor") == "x&y" && r.URL.Path == "/v1/apps/ends/certificates":
			fmt.Fprint(w, `{"certificates":[{"hostname":"b.example"}]}`)
		default:
			fmt.Fprint(w, `{"certificates":[{"hostname":"b.example"}],"next_cursor":"x&y"}`)
		}
	}))
	defer server.Close()
	client, _ := testClient(t, server.URL)
	names, err := client.AppNames(t.Context())
	if want := []string{"a", "b"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("names %q, %v, want %q", names, err, want)
	}
	certificates, err := client.Certificates(t.Context(), "ends")
	if want := []Certificate{{"a.example"}, {"b.example"}}; err != nil || !slices.Equal(certificates, want) {
		t.Errorf("certificates %v, %v, want %v", certificates, err, want)
	}
	_, err = client.Certificates(t.Context(), "loops")
	checkCode(t, err, gate.PlatformError)
}

func TestRelease(t *testing.T) {
	tests := []struct {
		name, answer, want string
		code               gate.Code
	}{
		{"object", `{"app":{"currentReleaseUnprocessed":{"version":7,"configDefinition":{"app":"a","new":[1]}}}}`,
			`{"app":"a","new":[1]}`, ""},
		{"text", `{"app":{"currentReleaseUnprocessed":{"version":7,"configDefinition":"{\"app\":\"a\"}"}}}`,
			`{"app":"a"}`, ""},
		{"none", `{"app":{"currentReleaseUnprocessed":null}}`, "", gate.NotFound},
		{"no definition", `{"app":{"currentReleaseUnprocessed":{"version":7,"configDefinition":null}}}`, "", gate.NotFound},
		{"no app", `{"app":null}`, "", gate.NotFound},
		{"not an object", `{"app":{"currentReleaseUnprocessed":{"version":7,"configDefinition":[1]}}}`, "",
			gate.PlatformError},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"data":%s}`, test.answer)
			}))
			defer server.Close()
			client, _ := testClient(t, server.URL)
			release, err := client.Release(t.Context(), "a")
			checkCode(t, err, test.code)
			if got := string(release.Definition); got != test.want {
				t.Errorf("definition %s, want %s", got, test.want)
			}
		})
	}
}

// TestCanBlueGreen: only a clear yes is one.
func TestCanBlueGreen(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	p.ForbidBlueGreen("tenant-7")
	for _, test := range []struct {
		app  string
		want bool
		code gate.Code
	}{{"shop-api", true, ""}, {"tenant-7", false, ""}, {"nobodys", false, gate.NotFound}, {"Not A Name", false,
		gate.InvalidInput}} {
		got, err := client.CanBlueGreen(t.Context(), test.app)
		checkCode(t, err, test.code)
		if got != test.want {
			t.Errorf("%s: got %t, want %t", test.app, got, test.want)
		}
	}
	p.Inject(flysim.Fault{Operation: "graphql.canPerformBluegreenDeployment", Status: 200, Body: `{"data":{}}`})
	got, err := client.CanBlueGreen(t.Context(), "shop-api")
	checkCode(t, err, gate.PlatformError)
	if got {
		t.Error("no answer was taken for a yes")
	}
}

func TestConcurrentReads(t *testing.T) {
	_, client := sandboxClient(t, flysim.Options{})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for _, read := range reads() {
				if err := read(t.Context(), client); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

func TestOrganizationApps(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	p.AddApp("partner-app", "partner", "")
	names, err := client.OrganizationApps(t.Context(), "partner")
	if err != nil || !slices.Equal(names, []string{"partner-app"}) {
		t.Errorf("apps of partner: %v, %v", names, err)
	}
	if _, err := client.OrganizationApps(t.Context(), "not a slug"); CodeOf(err) != gate.InvalidInput {
		t.Errorf("not a slug: %v", err)
	}
}
