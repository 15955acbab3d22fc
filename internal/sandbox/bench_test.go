package sandbox_test

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

func benchmark(b *testing.B, method, path, body string) {
	p := seeded(b, sandbox.Options{})
	b.ReportAllocs()
	for b.Loop() {
		if got := ask(b, p, method, path, body); got.status != 200 {
			b.Fatalf("%d %s", got.status, got.body)
		}
	}
}

func BenchmarkMachineList(b *testing.B) { benchmark(b, "GET", shop+"/machines", "") }

func BenchmarkMachineGet(b *testing.B) { benchmark(b, "GET", shop+"/machines/"+shopA, "") }

func BenchmarkAddressesGraphQL(b *testing.B) {
	benchmark(b, "POST", "/graphql", `{"query":"{app(name:\"shop-api\"){ipAddresses{nodes{id address type}} sharedIpAddress}}"}`)
}
