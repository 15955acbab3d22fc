package peer

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

func now() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) }

func TestName(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	j := &Joiner{Now: now, Installation: "installation of " + host}
	a, b := j.name("key a"), j.name("key b")
	if a == b {
		t.Errorf("two keys in the same second got one name, %s", a)
	}
	if form := regexp.MustCompile(`^interactive-flycast-mcp-[0-9a-f]{8}-[0-9a-z]+-[0-9a-f]{8}$`); !form.MatchString(a) {
		t.Errorf("got name %s, want the form %s", a, form)
	}
}

func TestLeft(t *testing.T) {
	type step struct {
		app  string
		verb gate.Verb
		name string
	}
	for _, c := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"nothing was added", nil, nil},
		{"one was removed", []step{{"shop", gate.AddPeer, "a"}, {"shop", gate.RemovePeer, "a"}}, nil},
		{"one was not removed", []step{{"shop", gate.AddPeer, "a"}, {"shop", gate.AddPeer, "b"}, {"shop", gate.RemovePeer, "a"}},
			[]string{"b"}},
		{"one of another app", []step{{"blog", gate.AddPeer, "a"}}, nil},
		{"one was removed that was never added", []step{{"shop", gate.RemovePeer, "a"}}, nil},
		{"a step of another kind", []step{{"shop", gate.ReleaseAddress, "203.0.113.1"}}, nil},
		{"more than one check removes", []step{{"shop", gate.AddPeer, "a"}, {"shop", gate.AddPeer, "b"}, {"shop", gate.AddPeer, "c"},
			{"shop", gate.AddPeer, "d"}, {"shop", gate.AddPeer, "e"}, {"shop", gate.AddPeer, "f"}},
			[]string{"a", "b", "c", "d", "e"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, err := journal.Open(filepath.Join(t.TempDir(), "journal.jsonl"), now)
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			for _, s := range c.steps {
				e := journal.Entry{Event: journal.Step, App: s.app, Verb: string(s.verb), Target: s.name}
				if err := log.Append(e); err != nil {
					t.Fatal(err)
				}
			}
			if got := (&Joiner{Journal: log, Now: now}).Left("shop"); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := (&Joiner{Now: now}).Left("shop"); got != nil {
		t.Errorf("without a journal: got %q, want nothing", got)
	}
}
