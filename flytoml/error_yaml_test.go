package flytoml

import (
	"errors"
	"strings"
	"testing"
)

// TestYAMLReasonHides: a reason repeats no value; flyctl's text is flyctl's.
func TestYAMLReasonHides(t *testing.T) {
	_, err := Parse("fly.yaml", []byte("env:\n  A: !!int S3CR3T` as a `\n"))
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatal(err)
	}
	if want := "cannot decode !!str as a !!int"; syntax.Reason != want || !strings.Contains(syntax.Text, "S3CR3T") {
		t.Errorf("got %q, %q", syntax.Reason, syntax.Text)
	}
	_, err = Parse("fly.yaml", []byte("S3CR3T"))
	if !errors.As(err, &syntax) || strings.Contains(syntax.Reason, "S3CR3T") || !strings.Contains(syntax.Text, "S3CR3T") {
		t.Errorf("got %v", err)
	}
}
