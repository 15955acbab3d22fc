package lint_test

import (
	"fmt"
	"log"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
)

func ExampleLint() {
	file, err := flytoml.Parse("fly.toml", []byte("app = 'shop'\n[http_service]\ninternal_prt = 8080\n"))
	if err != nil {
		log.Fatal(err)
	}
	findings := lint.Lint(file)
	for _, f := range findings {
		fmt.Printf("%d:%d: %s: %s\n", f.Row, f.Column, f.Severity, f.What)
	}
	fixed, err := lint.Fix(file, findings)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(fixed.After))
	// Output:
	// 2:2: warning: the service has no internal_port
	// 3:1: warning: flyctl does not know the key 'internal_prt' in http_service and ignores it
	// app = 'shop'
	// [http_service]
	// internal_port = 8080
}
