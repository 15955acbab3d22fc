package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// releaseAge is how old a release may be that is taken for the one whose answer
// was lost; it covers clocks that differ.
const releaseAge = 5 * time.Minute

// openRelease records the release as running, and labels what will be sent.
func (r *run) openRelease(ctx context.Context) error {
	if r.work.Release == nil {
		return nil
	}
	defer r.beginRelease("recording the release")()
	r.release = &ReleaseOutcome{}
	release, err := r.Client.CreateRelease(ctx, r.grant, r.work.App, *r.work.Release)
	var ambiguous *fly.Ambiguous
	if errors.As(err, &ambiguous) {
		release, err = r.lostRelease(ctx, err)
	}
	if err == nil {
		r.release.Release, r.release.Status = release, release.Status
		r.recordRelease(release, release.Status)
		err = r.mark(ctx, r.release, fly.ReleaseRunning, "")
	}
	if err == nil {
		err = r.label(release)
	}
	if err != nil {
		r.release.Err = fmt.Errorf("record the release: %w", err)
		return r.release.Err
	}
	return nil
}

// lostRelease finds the release whose answer was lost: the newest that is
// pending, young, and holds what was sent.
func (r *run) lostRelease(ctx context.Context, lost error) (fly.Release, error) {
	for range settleReads {
		releases, err := r.Client.Releases(ctx, r.work.App, 10)
		if err == nil {
			i := slices.IndexFunc(releases, func(have fly.Release) bool { return r.isOurRelease(have) })
			if i >= 0 {
				return releases[i], nil
			}
		}
		if err := r.pause(ctx, pollStep); err != nil {
			return fly.Release{}, err
		}
	}
	return fly.Release{}, lost
}

func (r *run) isOurRelease(have fly.Release) bool {
	want := r.work.Release
	return have.Status == "pending" && strings.EqualFold(have.Strategy, want.Strategy) && have.Image == want.Image &&
		have.CreatedAt.After(r.began.Add(-releaseAge)) && sameJSON(have.Definition, want.Definition)
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// label puts the id and the version of the release into what will be sent, as
// flyctl does.
func (r *run) label(release fly.Release) error {
	for _, j := range r.jobs {
		if j.create == nil && j.change.Same() {
			continue // nothing is sent to it
		}
		labelled, err := withRelease(j.config, release)
		if err != nil {
			return err
		}
		j.config = labelled
	}
	return nil
}

func withRelease(config machine.Config, release fly.Release) (machine.Config, error) {
	return withLabels(config, map[string]string{
		machine.MetadataReleaseID: release.ID, machine.MetadataReleaseVersion: strconv.Itoa(release.Version),
	})
}

// closeRelease records how the release ended, if there is one.
func (r *run) closeRelease(ctx context.Context, status fly.ReleaseStatus) {
	if r.release == nil || r.release.Release.ID == "" {
		return
	}
	defer r.beginRelease("closing the release")()
	problem := ""
	switch {
	case status == fly.ReleaseInterrupted && r.isStopped():
		problem = "stopped by a user before the last Machine"
	case status == fly.ReleaseInterrupted:
		problem = "cancelled before the last Machine"
	case r.first >= 0:
		j := r.jobs[r.first]
		problem = fmt.Sprintf("Machine %s: %v", j.out.ID, j.out.Err)
	case status == fly.ReleaseFailed:
		problem = "the release could not be recorded as running"
	}
	if err := r.mark(ctx, r.release, status, problem); err != nil {
		r.release.Err = errors.Join(r.release.Err, fmt.Errorf("close the release as %s: %w", status, err))
	}
}

// closeAbandoned closes the releases that earlier runs left behind.
func (r *run) closeAbandoned(ctx context.Context) {
	if len(r.work.Abandoned) == 0 {
		return
	}
	defer r.beginRelease("closing an earlier release")()
	for _, release := range r.work.Abandoned {
		out := ReleaseOutcome{Release: release, Status: release.Status}
		out.Err = r.mark(ctx, &out, fly.ReleaseInterrupted, "the program that recorded it was ended before the last Machine")
		r.closedReleases = append(r.closedReleases, out)
	}
}

// recordRelease reports a release, or its status, to Engine.RecordRelease.
func (r *run) recordRelease(release fly.Release, status fly.ReleaseStatus) {
	if r.RecordRelease == nil {
		return
	}
	r.reporting.Lock()
	defer r.reporting.Unlock()
	r.RecordRelease(release, status)
}

// mark sends a status; sending it twice is harmless.
func (r *run) mark(ctx context.Context, of *ReleaseOutcome, status fly.ReleaseStatus, problem string) error {
	var err error
	for i := range closeTries {
		err = r.Client.UpdateRelease(ctx, r.grant, r.work.App, of.Release, fly.ReleaseUpdate{Status: status,
			Problem: problem})
		if err == nil {
			of.Status = status
			r.recordRelease(of.Release, status)
			return nil
		}
		if !isTransient(err) && fly.CodeOf(err) != gate.Busy || i == closeTries-1 {
			break
		}
		if err := r.pause(ctx, pollStep<<i); err != nil {
			return err
		}
	}
	return err
}
