package flytoml_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
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
	var syntaxErr *syntax.Error
	if errors.As(err, &syntaxErr) {
		fmt.Printf("row %d, column %d: %s\n", syntaxErr.Row, syntaxErr.Column, syntaxErr.Reason)
	}
	// Output:
	// shop [cron web]
	// row 2, column 14: expected ']' to close table name
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
