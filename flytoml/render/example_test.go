package render_test

import (
	"fmt"
	"log"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
)

func ExampleTOML() {
	file, err := flytoml.FromDefinition("fly.toml", []byte(`{
		"app": "shop",
		"env": {"TOKEN": "hunter2"},
		"http_service": {"internal_port": 8080, "auto_stop_machines": true}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(render.TOML(file, render.Masked)))
	// Output:
	// app = "shop"
	//
	// [env]
	//   TOKEN = "‹hidden, 7 bytes›"
	//
	// [http_service]
	//   internal_port = 8080
	//   auto_stop_machines = "stop"
}
