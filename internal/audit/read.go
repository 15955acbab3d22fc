package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Reader reads what the rules judge.
type Reader interface {
	rules.Reader
	Release(ctx context.Context, app string) (fly.Release, error)
	Certificates(ctx context.Context, app string) ([]fly.Certificate, error)
	Processes(ctx context.Context, app, id string) ([]fly.Process, error)
}

// maxSampled is the number of Machines of an app whose processes are read.
const maxSampled = 20

// Read reads an app: its addresses, Machines, release and certificates at the same time, then
// the processes of one started Machine for each process group and region. What the token
// may not read, or Fly does not answer, is missing from the facts with the reason.
//
// It is an error if the context ends, if Fly does not know the app, or if nothing at all
// could be read.
func Read(ctx context.Context, client Reader, app string, now time.Time) (*Facts, error) {
	f := &Facts{App: app, At: now, Missing: make(map[Input]string)}
	var addressErr, machineErr, releaseErr, certificateErr error
	var release fly.Release
	var wg sync.WaitGroup
	wg.Go(func() { f.State.Addresses, addressErr = client.Addresses(ctx, app) })
	wg.Go(func() { f.State.Machines, machineErr = client.Machines(ctx, app) })
	wg.Go(func() { release, releaseErr = client.Release(ctx, app) })
	wg.Go(func() { f.Certificates, certificateErr = client.Certificates(ctx, app) })
	wg.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if addressErr != nil && (machineErr != nil || fly.CodeOf(addressErr) == gate.NotFound) {
		return nil, addressErr
	}
	f.miss(Addresses, addressErr)
	f.miss(Machines, machineErr)
	f.miss(Certificates, certificateErr)
	f.State.MachinesKnown = machineErr == nil
	f.State.Addresses.App.Name = app
	f.readRelease(release, releaseErr)
	if machineErr != nil {
		f.Missing[Processes] = f.Missing[Machines]
		return f, nil
	}
	f.readProcesses(ctx, client)
	return f, ctx.Err()
}

// miss records why an input could not be read.
func (f *Facts) miss(input Input, err error) {
	if err == nil {
		return
	}
	switch code := fly.CodeOf(err); code {
	case gate.Unauthorized:
		f.Missing[input] = "the token may not read this"
	case gate.Blocked:
		f.Missing[input] = "this server may not read this"
	default:
		f.Missing[input] = fmt.Sprintf("Fly did not give this (%s)", code)
	}
}

// readRelease takes the deployed configuration. An app without one has no findings about it.
func (f *Facts) readRelease(release fly.Release, err error) {
	if err != nil {
		if fly.Missing(err) != fly.ARelease {
			f.miss(Release, err)
		}
		return
	}
	if f.Release, err = flytoml.FromDefinition("deployed fly.toml", release.Definition); err != nil {
		f.Release = nil
		f.Missing[Release] = "the stored configuration cannot be read"
	}
}

// readProcesses reads the processes of a sample of Machines.
func (f *Facts) readProcesses(ctx context.Context, client Reader) {
	sample := f.State.Sample()
	sample = sample[:min(len(sample), maxSampled)]
	f.State.Listening = make(map[string][]fly.Process, len(sample))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, id := range sample {
		wg.Go(func() {
			list, err := client.Processes(ctx, f.App, id)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				f.State.Listening[id] = list
			} else if fly.CodeOf(err) == gate.Unauthorized {
				f.miss(Processes, err)
			}
		})
	}
	wg.Wait()
}

// Apps is the list of an organization's apps.
type Apps interface {
	OrganizationApps(ctx context.Context, slug string) ([]string, error)
}

// requestsAtOnce is how many requests an audit has under way. Fly limits requests by app
// and action, which an audit does not reach: it asks each once.
const requestsAtOnce = 16

// Auditor audits apps. All fields must be set.
type Auditor struct {
	Fly       Reader
	Apps      Apps
	Now       func() time.Time
	Catalogue []Rule
}

// App audits one app.
func (a Auditor) App(ctx context.Context, app string) (*Report, error) {
	return a.run(ctx, app, []string{app}, func(int, int) {})
}

// List audits these apps. Progress is called with the number of apps that are done.
func (a Auditor) List(ctx context.Context, apps []string, progress func(done, of int)) (*Report, error) {
	return a.run(ctx, plan.Count(len(apps), "app", "apps"), apps, progress)
}

// Organization audits all apps of an organization that the token can see. An app that
// disappears meanwhile is left out.
func (a Auditor) Organization(ctx context.Context, slug string, progress func(done, of int)) (*Report, error) {
	apps, err := a.Apps.OrganizationApps(ctx, slug)
	if err != nil {
		return nil, err
	}
	if len(apps) == 0 {
		return nil, &plan.Problem{Code: gate.NotFound,
			Message: "the token sees no app of the organization " + plan.Quote(slug),
			Hint:    "fly apps list -o SLUG shows the apps; fly tokens create readonly SLUG makes a token that sees them"}
	}
	return a.run(ctx, slug, apps, progress)
}

// run audits apps, several at a time, and keeps only what is found. An error of one of
// several apps is in the report.
func (a Auditor) run(ctx context.Context, subject string, apps []string, progress func(done, of int)) (*Report, error) {
	report := newReport(subject, a.Now())
	client := limited{a.Fly, make(chan struct{}, requestsAtOnce)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	done := 0
	var failure error
	queue := make(chan string)
	for range min(len(apps), requestsAtOnce) {
		wg.Go(func() {
			for app := range queue {
				f, err := Read(ctx, client, app, a.Now())
				var result Result
				if err == nil {
					result = Judge(f, a.Catalogue)
				}
				mu.Lock()
				done++
				switch {
				case err == nil:
					report.add(f, result)
				case len(apps) == 1 || ctx.Err() != nil || isFatal(err):
					if failure == nil {
						failure = err
					}
					cancel()
				default:
					report.skip(app, err)
				}
				progress(done, len(apps))
				mu.Unlock()
			}
		})
	}
	for _, app := range apps {
		select {
		case queue <- app:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(queue)
	wg.Wait()
	if failure == nil {
		failure = ctx.Err()
	}
	if failure != nil {
		return nil, failure
	}
	report.finish()
	return report, nil
}

// isFatal reports whether an error would come for every other app too.
func isFatal(err error) bool {
	var p *plan.Problem
	return errors.As(err, &p) && p.Code == gate.Unauthorized && p.RequestID == "" && p.Err == nil
}

// limited is a Reader with a limited number of requests under way.
type limited struct {
	Reader
	slots chan struct{}
}

// within makes one request, when there is a slot.
func within[T any](ctx context.Context, l limited, read func() (T, error)) (T, error) {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		var nothing T
		return nothing, ctx.Err()
	}
	defer func() { <-l.slots }()
	return read()
}

func (l limited) Addresses(ctx context.Context, app string) (fly.Addresses, error) {
	return within(ctx, l, func() (fly.Addresses, error) { return l.Reader.Addresses(ctx, app) })
}

func (l limited) Machines(ctx context.Context, app string) ([]fly.Machine, error) {
	return within(ctx, l, func() ([]fly.Machine, error) { return l.Reader.Machines(ctx, app) })
}

func (l limited) Release(ctx context.Context, app string) (fly.Release, error) {
	return within(ctx, l, func() (fly.Release, error) { return l.Reader.Release(ctx, app) })
}

func (l limited) Certificates(ctx context.Context, app string) ([]fly.Certificate, error) {
	return within(ctx, l, func() ([]fly.Certificate, error) { return l.Reader.Certificates(ctx, app) })
}

func (l limited) Processes(ctx context.Context, app, id string) ([]fly.Process, error) {
	return within(ctx, l, func() ([]fly.Process, error) { return l.Reader.Processes(ctx, app, id) })
}
