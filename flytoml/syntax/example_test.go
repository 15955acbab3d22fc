package syntax_test

import (
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

func ExampleFormat_Read() {
	format := syntax.FormatOf("fly.yaml")
	doc, _ := format.Read([]byte("app: shop\n"))
	fmt.Println(doc["app"])

	_, err := format.Read([]byte("app: [shop\n"))
	fmt.Println(err.Row, err.Reason)
	// Output:
	// shop
	// 2 did not find expected ',' or ']'
}
