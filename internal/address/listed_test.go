package address

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// TestReleasedBefore checks that what was released before is left out, by the journal's index,
// and that a call that is cancelled does not go on.
func TestReleasedBefore(t *testing.T) {
	book := journaltest.Open(t, t.TempDir(), time.Now)
	if err := book.Append(releaseEntry("shop-api", "203.0.113.7")); err != nil {
		t.Fatal(err)
	}
	r := &Releaser{Journal: book}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name, app string
		ips       []string
		ctx       context.Context
		want      string // of the error; empty: none
	}{
		{"released before", "shop-api", []string{"203.0.113.7"}, t.Context(), ""},
		{"not released", "shop-api", []string{"203.0.113.7", "203.0.113.8"}, t.Context(),
			"203.0.113.8 is not an address of"},
		{"not an address", "shop-api", []string{"203.0.113.7", "no address"}, t.Context(),
			`"no address" is not an IP address`},
		{"of another app", "blog", []string{"203.0.113.7"}, t.Context(), "203.0.113.7 is not an address of"},
		{"cancelled", "shop-api", []string{"203.0.113.7"}, cancelled, context.Canceled.Error()},
	} {
		queue, err := r.listed(tt.ctx, rules.Snapshot{}, ReleaseInput{App: tt.app, IPs: tt.ips})
		if err == nil {
			err = errors.New("")
		}
		if len(queue) > 0 || !strings.Contains(err.Error(), tt.want) || (tt.want == "") != (err.Error() == "") {
			t.Errorf("%s: got %v, error %q, want %q", tt.name, queue, err, tt.want)
		}
	}
}
