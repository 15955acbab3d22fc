package flytoml_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// shop is a file as a person wrote it.
const shop = `app = "shop"

[http_service]
  internal_port = 8080  # the app's own
  force_https = true
`

func ExampleParse() {
	file, err := flytoml.Parse("fly.yaml", []byte("app: shop\nprocesses: {web: serve, cron: tick}\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.App(), file.Groups())

	_, err = flytoml.Parse("fly.toml", []byte("app = 'shop'\n[http_service\n"))
	var syntax *flytoml.SyntaxError
	if errors.As(err, &syntax) {
		fmt.Printf("row %d, column %d: %s\n", syntax.Row, syntax.Column, syntax.Reason)
	}
	// Output:
	// shop [cron web]
	// row 2, column 14: expected ']' to close table name
}

func ExampleFile_Edit() {
	file, err := flytoml.Parse("fly.toml", []byte(shop))
	if err != nil {
		log.Fatal(err)
	}
	edited, err := file.Edit(flytoml.Blueprint())
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

func ExampleFile_Apply() {
	file, err := flytoml.Parse("fly.toml", []byte(shop))
	if err != nil {
		log.Fatal(err)
	}
	existing, err := machine.ParseConfig([]byte(`{"image": "shop:1", "env": {"OLD": "1"}, "guest": {"cpus": 2}}`))
	if err != nil {
		log.Fatal(err)
	}
	config, err := file.Apply("app", existing)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(config.Raw("image")), string(config.Raw("guest")))
	fmt.Println(string(config.Raw("env")))
	// Output:
	// "shop:1" {"cpus": 2}
	// {"FLY_PROCESS_GROUP":"app"}
}

func ExampleFile_Lint() {
	file, err := flytoml.Parse("fly.toml", []byte("app = 'shop'\n[http_service]\ninternal_prt = 8080\n"))
	if err != nil {
		log.Fatal(err)
	}
	findings := file.Lint()
	for _, f := range findings {
		fmt.Printf("%d:%d: %s: %s\n", f.Row, f.Column, f.Severity, f.What)
	}
	fixed, err := file.Fix(findings)
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
