package call

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestApprovalOlderThanJournal: a code that was signed before the journal began
// may have been used, whatever the journal says.
func TestApprovalOlderThanJournal(t *testing.T) {
	now := time.Date(2026, 8, 3, 9, 30, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	clock := func() time.Time { return now }
	first, err := journal.Open(path, clock)
	if err != nil {
		t.Fatal(err)
	}
	use := func(nonce string, channel gate.Channel, life time.Duration) gate.Use {
		return gate.Use{Nonce: nonce, Expires: now.Add(life), Tool: "deploy", App: "shop",
			Approval: gate.Approval{Channel: channel}}
	}
	signed := use("signed", gate.ChannelTerminal, gate.RequestLife)
	now = now.Add(time.Minute)
	if err := (Ledger{first}).Burn(signed); err != nil {
		t.Errorf("the first use: %v", err)
	}
	if err := errors.Join(first.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Recover(path, clock); err != nil {
		t.Fatal(err)
	}
	second, err := journal.Open(path, clock)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	ledger := Ledger{second}
	if err := ledger.Burn(signed); !errors.Is(err, gate.ErrReplayed) {
		t.Errorf("used again after the journal was lost: %v", err)
	}
	if err := ledger.Burn(use("later", gate.ChannelTerminal, gate.RequestLife)); err != nil {
		t.Errorf("signed after: %v", err)
	}
	if err := ledger.Burn(use("form", gate.ChannelElicitation, 5*time.Minute)); err != nil {
		t.Errorf("from a form: %v", err)
	}
}

// TestDiskProblems: a full disk has a code, a person's next step, and no id of an
// internal error.
func TestDiskProblems(t *testing.T) {
	a := &Handler{Deps: Deps{Log: slog.New(slog.DiscardHandler), RecoverCommand: "flycast-mcp journal recover"}}
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EROFS} {
		cause := fmt.Errorf("fly.toml: %w", &fs.PathError{Op: "write", Path: "fly.toml", Err: errno})
		for what, p := range map[string]*plan.Problem{"file": a.Explain(t.Context(), cause),
			"state": a.journalProblem(cause), "lock": a.lockProblem("shop", cause)} {
			if p.Code != gate.Precondition || len(p.Next) != 1 || p.Next[0].Who != "person" ||
				strings.Contains(p.Message, "log") {
				t.Errorf("%s, %v: got %+v", what, errno, p)
			}
		}
	}
	lost := fmt.Errorf("x: %w", journal.ErrLost)
	for _, p := range []*plan.Problem{a.Explain(t.Context(), lost), a.journalProblem(lost)} {
		if p.Code != gate.Unavailable || len(p.Next) != 1 || p.Next[0].Command != a.RecoverCommand {
			t.Errorf("got %+v", p)
		}
	}
}
