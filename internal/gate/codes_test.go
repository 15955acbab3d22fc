package gate

import (
	"os"
	"regexp"
	"testing"
)

func TestCodesAreComplete(t *testing.T) {
	source, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`Code = "(.+)"`).FindAllSubmatch(source, -1)
	if len(declared) == 0 || len(declared) != len(Codes()) {
		t.Errorf("%d codes are declared, %d are explained", len(declared), len(Codes()))
	}
	for _, m := range declared {
		if c := Code(m[1]); c.Sentence() == "" || c.Retry() == "" {
			t.Errorf("%s: sentence %q, retry %q", c, c.Sentence(), c.Retry())
		}
	}
	if c := Code("other"); c.Sentence() != "" || c.Retry() != "" {
		t.Error("an unknown code is explained")
	}
}
