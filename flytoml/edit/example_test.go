package edit_test

import (
	"fmt"
	"log"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
)

// shop is a file as a person wrote it.
const shop = `app = "shop"

[http_service]
  internal_port = 8080  # the app's own
  force_https = true
`

func ExampleApply() {
	file, err := flytoml.Parse("fly.toml", []byte(shop))
	if err != nil {
		log.Fatal(err)
	}
	edited, err := edit.Apply(file, edit.Blueprint())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(edited.After))
	// Output:
	// app = "shop"
	//
	// [http_service]
	//   internal_port = 8080  # the app's own
	//   force_https = false
	//   auto_stop_machines = "stop"
	//   auto_start_machines = true
	//   min_machines_running = 0
}
