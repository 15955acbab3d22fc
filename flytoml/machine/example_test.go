package machine_test

import (
	"fmt"
	"log"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func ExampleDiff() {
	before, err := machine.ParseConfig([]byte(`{"env": {"TOKEN": "hunter2"}, "guest": {"cpus": 1}}`))
	if err != nil {
		log.Fatal(err)
	}
	after, err := before.Merge("guest", map[string]any{"cpus": 2})
	if err != nil {
		log.Fatal(err)
	}
	if after, err = after.Merge("env", map[string]any{"TOKEN": "hunter22"}); err != nil {
		log.Fatal(err)
	}
	for _, change := range machine.Diff(before, after) {
		fmt.Println(change)
	}
	// Output:
	// env.TOKEN: ‹hidden, 7 bytes› → ‹hidden, 8 bytes, changed›
	// guest.cpus: 1 → 2
}
