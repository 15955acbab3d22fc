package flytoml

import (
	"errors"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// TestYAMLReasonHides checks that a reason repeats no value. Text is flyctl's own and
// may.
func TestYAMLReasonHides(t *testing.T) {
	_, err := Parse("fly.yaml", []byte("env:\n  A: !!int S3CR3T` as a `\n"))
	var syntaxErr *syntax.Error
	if !errors.As(err, &syntaxErr) {
		t.Fatal(err)
	}
	if want := "cannot decode !!str as a !!int"; syntaxErr.Reason != want || !strings.Contains(syntaxErr.Text, "S3CR3T") {
		t.Errorf("got %q, %q", syntaxErr.Reason, syntaxErr.Text)
	}
	_, err = Parse("fly.yaml", []byte("S3CR3T"))
	if !errors.As(err, &syntaxErr) || strings.Contains(syntaxErr.Reason, "S3CR3T") ||
		!strings.Contains(syntaxErr.Text, "S3CR3T") {
		t.Errorf("got %v", err)
	}
}
